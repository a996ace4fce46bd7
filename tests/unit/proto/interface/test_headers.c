/* SPDX-License-Identifier: MIT */
/*
 * The shipped interfaces against the headers of the libraries they describe, by the compiler: take the brackets
 * out, and what is left must agree with the header.
 *
 *  - Functions and typedefs are declared again behind the header: C refuses a type that is not the same.
 *  - Structs and enums are defined again under other names, and compared by size, offset and value.
 *  - Every function is a symbol of the shared object.
 */
#include "base/detail.h"
#include "interface/check.h"
#include "interface/lexer.h"
#include "interface/parse.h"
#include "support/harness.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* C text that is being written. */
struct text {
	char bytes[262144];
	size_t size;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text->bytes + text->size, sizeof text->bytes - text->size, format, arguments);
	va_end(arguments);
	REQUIRE(n >= 0 && (size_t)n < sizeof text->bytes - text->size);
	text->size += (size_t)n;
}

struct check {
	struct text again;    /* what is declared again behind the header */
	struct text renamed;  /* structs, enums and scalar typedefs, for other names */
	struct text names;    /* #define name cbi_name */
	struct text undo;     /* #undef name */
	struct text real;     /* constants, places and sizes of fields as the header has them */
	struct text compare;  /* _Static_assert */
	struct text program;
};

/* One declaration of the stripped text. */
struct chunk {
	struct text text;
	bool is_enum, is_typedef, has_braces;
	int tokens;
};

static bool begins_attributes(const struct token *previous, bool after_attributes)
{
	return previous->kind == TOKEN_END || after_attributes ||
	       (previous->kind == TOKEN_MARK && previous->mark != ']' && previous->mark != ')');
}

/* The next token that is no attribute. */
static void next_of_c(struct lexer *lexer, struct token *previous, struct token *token)
{
	bool after_attributes = false;
	lexer_next(lexer, token);
	while (token_is_mark(token, '[') && begins_attributes(previous, after_attributes)) {
		for (int depth = 1; depth > 0;) {
			lexer_next(lexer, token);
			REQUIRE(token->kind != TOKEN_END && token->kind != TOKEN_BAD);
			depth += token_is_mark(token, '[') - token_is_mark(token, ']');
		}
		after_attributes = true;
		lexer_next(lexer, token);
	}
	REQUIRE(token->kind != TOKEN_BAD);
	*previous = *token;
}

static void rename_name(struct check *check, const char *name)
{
	say(&check->names, "#undef %s\n#define %s cbi_%s\n", name, name, name);
	say(&check->undo, "#undef %s\n", name);
}

/* A constant of an enum: what stands in braces in front of = , or }. */
static void add_constant(struct check *check, const struct token *name)
{
	const char *text = harness_format("%.*s", (int)name->size, name->text);
	say(&check->real, "enum { real_%s = %s };\n", text, text);
	say(&check->compare, "_Static_assert(cbi_%s == real_%s, \"%s\");\n", text, text, text);
	rename_name(check, text);
}

static void close_chunk(struct check *check, struct chunk *chunk)
{
	bool is_definition = chunk->has_braces || chunk->is_typedef;
	if (is_definition || chunk->tokens <= 3) /* `struct name;` too */
		say(&check->renamed, "%s\n", chunk->text.bytes);
	if (!chunk->has_braces)
		say(&check->again, "%s\n", chunk->text.bytes);
	memset(chunk, 0, sizeof *chunk);
}

static void strip(struct check *check, const char *text)
{
	static struct chunk chunk;
	struct source source = {.name = "strip", .text = (char *)(uintptr_t)text, .size = strlen(text)};
	struct lexer lexer;
	struct token previous = {.kind = TOKEN_END}, token, before = {.kind = TOKEN_END};
	int depth = 0;
	lexer_init(&lexer, &source);
	memset(&chunk, 0, sizeof chunk);
	for (next_of_c(&lexer, &previous, &token); token.kind != TOKEN_END; next_of_c(&lexer, &previous, &token)) {
		bool is_open = token_is_mark(&token, '{');
		chunk.is_typedef |= chunk.tokens == 0 && token_is_name(&token, "typedef");
		chunk.is_enum |= depth == 0 && token_is_name(&token, "enum");
		chunk.has_braces |= is_open;
		chunk.tokens++;
		say(&chunk.text, "%.*s ", (int)token.size, token.text);
		depth += is_open - token_is_mark(&token, '}');
		if (depth > 0 && chunk.is_enum && token.kind == TOKEN_NAME &&
		    (token_is_mark(&before, '{') || token_is_mark(&before, ',')))
			add_constant(check, &token);
		before = token;
		if (depth == 0 && token_is_mark(&token, ';'))
			close_chunk(check, &chunk);
	}
}

/* The tag in "struct stat" or "union sigval"; NULL: it has none. */
static const char *tag_of(const char *spelling)
{
	const char *blank = strchr(spelling, ' ');
	bool has_tag = strncmp(spelling, "struct ", 7) == 0 || strncmp(spelling, "union ", 6) == 0;
	return has_tag ? blank + 1 : NULL;
}

/* "struct stat" -> "struct cbi_stat", and a typedef's name likewise. */
static const char *renamed(const char *spelling)
{
	const char *tag = tag_of(spelling);
	return tag ? harness_format("%.*scbi_%s", (int)(tag - spelling), spelling, tag)
	           : harness_format("cbi_%s", spelling);
}

static void compare_struct(struct check *check, const Cbb__Interface *message, uint32_t index)
{
	const Cbb__Type *type = message->types[index];
	const char *name = harness_format("%s", interface_type_name(message, index)), *other = renamed(name);
	if (tag_of(name))
		rename_name(check, tag_of(name));
	if (type->n == 0)
		return;
	say(&check->compare, "_Static_assert(sizeof(%s) == sizeof(%s) && sizeof(%s) == %llu, \"%s\");\n", name, other, name,
	    (unsigned long long)type->size_bytes, name);
	for (uint32_t i = 0; i < type->n; i++) {
		const Cbb__Param *field = message->params[type->first + i];
		const char *member = interface_name(message, field->name);
		if (strstr(member, "_not_in_header")) /* what a header has without a name that all may use */
			continue;
		say(&check->real, "enum { at_%u_%u = offsetof(%s, %s), size_%u_%u = sizeof(((%s *)0)->%s) };\n", index, i, name,
		    member, index, i, name, member);
		say(&check->names, "#undef %s\n", member); /* some are macros for a field of a field */
		say(&check->compare, "_Static_assert(at_%u_%u == %llu && size_%u_%u == sizeof(((%s *)0)->%s), \"%s.%s\");\n",
		    index, i, (unsigned long long)field->offset_bytes, index, i, other, member, name, member);
	}
}

static void compare_all(struct check *check, const Cbb__Interface *message)
{
	for (uint32_t i = 0; i < message->n_types; i++) {
		const Cbb__Type *type = message->types[i];
		if (type->kind == CBB__KIND__KIND_STRUCT)
			compare_struct(check, message, i);
		else if (type->is_enum && type->name)
			rename_name(check, interface_name(message, type->name));
	}
	for (uint32_t i = 0; i < message->n_typedefs; i++) {
		const char *name = harness_format("%s", interface_name(message, message->typedefs[i]->name));
		const Cbb__Type *type = message->types[message->typedefs[i]->type];
		rename_name(check, name);
		if (type->kind < CBB__KIND__KIND_POINTER && type->kind != CBB__KIND__KIND_VOID)
			say(&check->compare, "_Static_assert(__builtin_types_compatible_p(%s, cbi_%s), \"%s\");\n", name, name,
			    name);
	}
}

static void assemble(struct check *check, const Cbb__Interface *message)
{
	char headers[512];
	snprintf(headers, sizeof headers, "%.*s", (int)message->header.len, (const char *)message->header.data);
	say(&check->program, "#define _GNU_SOURCE\n#define XML_DTD\n#define __NO_CTYPE\n#include <stddef.h>\n#include "
	                     "<stdint.h>\n"
	                     "#include <stdbool.h>\n#include <sys/types.h>\n");
	for (char *state, *name = strtok_r(headers, " ", &state); name; name = strtok_r(NULL, " ", &state))
		say(&check->program, "#include <%s>\n", name);
	const struct text *const parts[] = {&check->again, &check->real, &check->names, &check->renamed, &check->undo,
	                                    &check->compare};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		say(&check->program, "%s", parts[i]->bytes);
}

/* What the compiler says of a .cbi text behind its header. */
static struct harness_output compile(const char *file, const char *cbi)
{
	static struct check check;
	struct interface *interface = NULL;
	memset(&check, 0, sizeof check);
	int r = interface_parse(file, cbi, strlen(cbi), NULL, NULL, &interface);
	if (r < 0)
		FAIL("%s", detail_text());
	REQUIRE(r == 0);
	strip(&check, cbi);
	compare_all(&check, &interface->message);
	assemble(&check, &interface->message);
	interface_free(interface);
	const char *path = harness_temp_file("check.c", check.program.bytes);
	return harness_run((const char *const[]){"/usr/bin/cc", "-std=gnu11", "-fsyntax-only", "-Werror", path, NULL},
	                   30000);
}

static void check_symbols(const char *file, const char *cbi)
{
	struct interface *interface = NULL;
	REQUIRE_EQUAL(interface_parse(file, cbi, strlen(cbi), NULL, NULL, &interface), 0);
	const Cbb__Interface *message = &interface->message;
	const char *soname = harness_format("%.*s", (int)message->soname.len, (const char *)message->soname.data);
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		SKIP("%s", dlerror());
	for (size_t i = 0; i < message->n_functions; i++) {
		const char *name = interface_name(message, message->functions[i]->name);
		if (!message->functions[i]->is_type && !dlsym(library, name))
			FAIL("%s has no %s", soname, name);
	}
	dlclose(library);
	interface_free(interface);
}

static void check_shipped(const char *name)
{
	const char *path = harness_source_path(harness_format("client/interfaces/%s", name));
	const char *cbi = harness_read_file(path);
	REQUIRE(*cbi);
	struct harness_output output = compile(name, cbi);
	if (output.status != 0)
		FAIL("%s", output.err);
	check_symbols(name, cbi);
}

static void given_libc_when_its_headers_are_read_then_they_agree(void)
{
	check_shipped("libc.cbi");
}

static void given_expat_when_its_header_is_read_then_they_agree(void)
{
	check_shipped("expat.cbi");
}

static void given_zlib_when_its_header_is_read_then_they_agree(void)
{
	check_shipped("zlib.cbi");
}

/* The check itself: each kind of lie must be seen. */
static void given_an_interface_that_lies_when_compiled_then_it_is_noticed(void)
{
	static const char *const lies[][2] = {
	    {"int abs(int n); div_t div(int a, int b);", NULL},
	    {"long abs(int n);", "abs"},
	    {"typedef struct { int rem, quot; } div_t;", "div_t.rem"},
	    {"typedef struct { int quot; long rem; } div_t;", "div_t"},
	    {"enum { EXIT_FAILURE = 2 };", "EXIT_FAILURE"},
	    {"typedef int lldiv_t;", "lldiv_t"},
	};
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		const char *typedefs = i == 0 ? "typedef struct { int quot, rem; } div_t;" : "";
		const char *cbi =
			harness_format("[library(\"libc.so.6\"), header(\"stdlib.h\")]\n%s%s\n", typedefs, lies[i][0]);
		struct harness_output output = compile("lie.cbi", cbi);
		EXPECT_EQUAL(output.status != 0, lies[i][1] != NULL);
		if (lies[i][1])
			EXPECT_CONTAINS(output.err, lies[i][1]);
		else if (output.status != 0)
			FAIL("%s", output.err);
	}
}

static const struct test tests[] = {
    TEST(given_libc_when_its_headers_are_read_then_they_agree),
    TEST(given_expat_when_its_header_is_read_then_they_agree),
    TEST(given_zlib_when_its_header_is_read_then_they_agree),
    TEST(given_an_interface_that_lies_when_compiled_then_it_is_noticed),
};
HARNESS_MAIN(tests)
