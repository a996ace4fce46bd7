/* SPDX-License-Identifier: MIT */
/* The interfaces that ship, against the headers and the libraries that they describe. */
#include "support/interface_c.h"
#include "support/remote.h"

#include <glob.h>
#include <stdlib.h>

#define COMPILE_MS 20000

/* What a header wants to declare all that the library has. */
static const char *define_for(const char *file)
{
	return strstr(file, "expat.cbi") ? "-DXML_DTD" : "-D_GNU_SOURCE";
}

static struct harness_output compile(const char *text, const char *file)
{
	char *source = interface_c_source(text, file);
	const char *path = harness_temp_file("interface.c", source);
	free(source);
	const char *include = harness_format("-I%s", harness_temp_dir());
	const char *const argv[] = {"/usr/bin/cc", "-std=gnu11", "-fsyntax-only", "-Werror",
	                            "-Wno-builtin-declaration-mismatch",
	                            "-D_GNU_SOURCE", define_for(file), include, path, NULL};
	return harness_run(argv, COMPILE_MS);
}

static glob_t find_interfaces(void)
{
	glob_t found;
	REQUIRE_EQUAL(glob(harness_source_path("client/interfaces/*.cbi"), 0, NULL, &found), 0);
	return found;
}

static void given_each_interface_when_its_brackets_are_taken_out_then_it_compiles_after_the_header(void)
{
	glob_t found = find_interfaces();
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct harness_output output = compile(harness_read_file(found.gl_pathv[i]), found.gl_pathv[i]);
		EXPECT_STRING(output.err, "");
		EXPECT_EQUAL(output.status, 0);
	}
	globfree(&found);
}

/* ---- The check itself ---- */

#define HEADER                                                                                                         \
	"enum color { RED, GREEN, BLUE = 7 };\n#define LIMIT 10\n"                                                     \
	"typedef struct thing { int kind; const char *name; void (*free)(void *); char tag[4]; } thing;\n"             \
	"typedef int (*visitor)(void *user, const thing *one);\nint visit(visitor each, void *user);\n"                \
	"long twice(int n);\n#define twice(n) (2 * (n))\n"
#define GOOD                                                                                                           \
	"[header(\"small.h\")]\n/* [not this] */ enum color { RED, GREEN, BLUE = 7 }; enum { LIMIT = 10 };\n"          \
	"typedef struct thing { int kind; [nullable] const char *name; [handle] void (*free)(void *);\n"               \
	"  char tag[4]; } thing;\n"                                                                                    \
	"typedef int (*visitor)([userdata] void *user, const thing *one);\n"                                           \
	"[on_error(-1)] int visit(visitor each, [userdata(each)] void *user); // [x]\nlong twice(int n);\n"

/* The words that the compiler has for GOOD with `from` made `to`. */
static const char *words_for(const char *from, const char *to)
{
	const char *at = strstr(GOOD, from);
	REQUIRE(at != NULL);
	const char *text = harness_format("%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
	harness_temp_file("small.h", HEADER);
	struct harness_output output = compile(text, "small.cbi");
	bool is_good = strcmp(from, to) == 0;
	EXPECT_EQUAL(output.status, is_good ? 0 : 1);
	return output.err;
}

static void given_a_text_that_differs_from_its_header_when_compared_then_the_compiler_says_where(void)
{
	EXPECT_STRING(words_for("RED", "RED"), "");
	EXPECT_CONTAINS(words_for("LIMIT = 10", "LIMIT = 11"), "small.cbi:2:");
	EXPECT_CONTAINS(words_for("BLUE = 7", "BLUE"), "BLUE is another number");
	EXPECT_CONTAINS(words_for("int kind", "unsigned kind"), "kind has another type");
	EXPECT_CONTAINS(words_for("int kind;", " "), "thing has another size");
	EXPECT_CONTAINS(words_for("const char *name", "char *name"), "name has another type");
	EXPECT_CONTAINS(words_for("char tag[4]", "signed char tag[4]"), "small.cbi:4:");
	EXPECT_CONTAINS(words_for("typedef int (*", "typedef long (*"), "small.cbi:5:");
	EXPECT_CONTAINS(words_for("long twice", "int twice"), "small.cbi:7:");
	EXPECT_CONTAINS(words_for("long twice", "long thrice"), "thrice");
}

/* ---- The libraries ---- */

static void find_function(const char *name, void *context)
{
	cbb_function *function = NULL;
	int r = cbb_function_find(context, name, &function);
	if (r < 0)
		FAIL("%s: %s", name, cbb_last_error_text());
}

static void given_each_interface_when_opened_then_the_library_has_all_its_functions(void)
{
	given_a_host();
	glob_t found = find_interfaces();
	for (size_t i = 0; i < found.gl_pathc; i++) {
		cbb_library *library = NULL;
		REMOTE_OK(cbb_library_open_file(remote_host, found.gl_pathv[i], &library));
		interface_c_functions(harness_read_file(found.gl_pathv[i]), find_function, library);
	}
	globfree(&found);
	remote_end();
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_each_interface_when_its_brackets_are_taken_out_then_it_compiles_after_the_header, 120),
	TEST_TIMEOUT(given_a_text_that_differs_from_its_header_when_compared_then_the_compiler_says_where, 120),
	TEST(given_each_interface_when_opened_then_the_library_has_all_its_functions),
};
HARNESS_MAIN(tests)
