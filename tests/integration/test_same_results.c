/* SPDX-License-Identifier: MIT */
/*
 * The shipped interfaces: each scenario runs with the library's own functions and with remote ones, and writes down all
 * that it sees; both texts are the same.
 */
#include "support/remote.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <expat.h>
#include <ftw.h>
#include <search.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

static FILE *notes;
static cbb_library *library; /* NULL: the functions of this process */
static void *own;

static cbb_any_function find(const char *name)
{
	cbb_any_function function;
	if (library)
		return remote_symbol(library, name);
	void *address = dlsym(own, name);
	REQUIRE(address != NULL);
	memcpy(&function, &address, sizeof function);
	return function;
}

/* The function of that name, in this process or in the host. */
#define THE(name) ((__typeof__(name) *)find(#name))
#define NOTE(...) fprintf(notes, __VA_ARGS__)

static char *run_one(void (*scenario)(void))
{
	char *text = NULL;
	size_t size = 0;
	notes = open_memstream(&text, &size);
	REQUIRE(notes != NULL);
	scenario();
	fclose(notes);
	return text;
}

static void compare(const char *interface, const char *soname, void (*scenario)(void))
{
	given_a_host();
	own = dlopen(soname, RTLD_NOW);
	REQUIRE(own != NULL);
	library = NULL;
	char *expected = run_one(scenario);
	REMOTE_OK(cbb_library_open(remote_host, interface, &library));
	char *actual = run_one(scenario);
	EXPECT(strlen(expected) > 100);
	EXPECT_STRING(actual, expected);
	EXPECT_BYTES(actual, strlen(actual), expected, strlen(expected));
	EXPECT_EQUAL(remote_report().late_calls, 0);
	free(expected);
	free(actual);
	dlclose(own);
	remote_end();
}

/* ---- libc ---- */

static unsigned n_compared;

static int compare_ints(const void *a, const void *b)
{
	int left, right;
	memcpy(&left, a, sizeof left);
	memcpy(&right, b, sizeof right);
	n_compared++;
	return (left > right) - (left < right);
}

static int compare_by(const void *a, const void *b, void *factor)
{
	return compare_ints(a, b) * *(int *)factor;
}

static void note_ints(const int *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		NOTE("%d ", values[i]);
	NOTE("after %u\n", n_compared);
	n_compared = 0;
}

static void scenario_sorting(void)
{
	uint64_t random = 42;
	int values[200], factor = -1, key;
	size_t n = 200;
	for (size_t i = 0; i < n; i++)
		values[i] = (int)(harness_random(&random) % 1000) - 500;
	key = values[17];
	int *found = THE(lfind)(&key, values, &n, sizeof *values, compare_ints);
	NOTE("lfind %td\n", found ? found - values : -1);
	THE(qsort)(values, n, sizeof *values, compare_ints);
	note_ints(values, n);
	found = THE(bsearch)(&key, values, n, sizeof *values, compare_ints);
	NOTE("bsearch %td\n", found ? found - values : -1);
	key = 10000;
	NOTE("none %d\n", THE(bsearch)(&key, values, n, sizeof *values, compare_ints) == NULL);
	THE(qsort_r)(values, n, sizeof *values, compare_by, &factor);
	note_ints(values, n);
	THE(qsort)(values, 0, sizeof *values, compare_ints);
	note_ints(values, 0);
}

static int note_file(const char *path, const struct stat *status, int type, struct FTW *place)
{
	const char *name = path + place->base;
	NOTE("%s %s %d %d %o %lld %llu\n", path, name, type, place->level, status->st_mode, (long long)status->st_size,
	     (unsigned long long)status->st_ino);
	return strcmp(name, "stop") == 0 ? 17 : 0;
}

static void scenario_files(void)
{
	const char *tree = harness_temp_path("tree");
	struct stat status;
	if (mkdir(tree, 0750) == 0) {
		mkdir(harness_temp_path("tree/a"), 0700);
		harness_temp_file("tree/a/one", "1");
		harness_temp_file("tree/a/two", "22");
		harness_temp_file("tree/three", "333");
		mkdir(harness_temp_path("other"), 0700);
		harness_temp_file("other/stop", "");
	}
	NOTE("nftw %d\n", THE(nftw)(tree, note_file, 8, FTW_PHYS));
	NOTE("nftw %d\n", THE(nftw)(tree, note_file, 8, FTW_PHYS | FTW_DEPTH));
	NOTE("nftw %d\n", THE(nftw)(harness_temp_path("other"), note_file, 8, FTW_PHYS));
	NOTE("nftw %d", THE(nftw)("/nowhere/at/all", note_file, 8, 0));
	NOTE(" errno %d\n", errno);
	NOTE("stat %d", THE(stat)(harness_temp_path("tree/three"), &status));
	NOTE(" %lld %o %lld\n", (long long)status.st_size, status.st_mode, (long long)status.st_mtim.tv_nsec);
	NOTE("stat %d", THE(stat)("/nowhere", &status));
	NOTE(" errno %d\n", errno);
}

static void scenario_texts(void)
{
	static const char *const texts[] = {"", "x", "12abc", "-0x1F", "  99999999999999999999", "3.25e-3rest", "nan"};
	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		const char *text = texts[i];
		char *end = NULL;
		__typeof__(strtol) *to_long = THE(strtol); /* looked up before errno is set */
		errno = 0;
		long number = to_long(text, &end, 0);
		NOTE("%s: %ld +%td errno %d, ", text, number, end - text, errno);
		double real = THE(strtod)(text, &end);
		NOTE("%a +%td, %La, ", real, end - text, THE(strtold)(text, NULL));
		NOTE("%zu %d\n", THE(strlen)(text), THE(atoi)(text));
		char *copy = THE(strdup)(text);
		NOTE("%s %d\n", copy, THE(strcmp)(copy, "x") > 0);
		free(copy);
	}
	const char *sentence = "one two one";
	NOTE("%td %td ", THE(strchr)(sentence, 't') - sentence, THE(strrchr)(sentence, 'o') - sentence);
	NOTE("%td %d ", THE(strstr)(sentence, "two") - sentence, THE(strstr)(sentence, "three") == NULL);
	NOTE("%zu %zu\n", THE(strspn)(sentence, "no e"), THE(strcspn)(sentence, "w"));
	NOTE("%s; %s\n", THE(strerror)(ENOENT), THE(strerror)(-5));
	NOTE("%d %d\n", THE(memcmp)("ab\0d", "ab\0c", 4) > 0, THE(memchr)("abc", 'z', 3) == NULL);
}

static void scenario_numbers(void)
{
	unsigned seed = 99;
	for (int i = 0; i < 5; i++)
		NOTE("%d ", THE(rand_r)(&seed));
	NOTE("%u\n", seed);
	div_t small = THE(div)(-17, 5);
	ldiv_t middle = THE(ldiv)(-1000000000017, 5);
	lldiv_t large = THE(lldiv)(INT64_MIN, 3);
	NOTE("%d %d %ld %ld %lld %lld\n", small.quot, small.rem, middle.quot, middle.rem, large.quot, large.rem);
	NOTE("%d %ld %d %d\n", THE(abs)(-4), THE(labs)(INT64_MIN + 1), THE(toupper)('q'), THE(isspace)('\t') != 0);
	char text[64] = "~";
	time_t moment = 1234567890;
	struct tm broken = {0};
	struct tm *result = THE(gmtime_r)(&moment, &broken);
	NOTE("%d %d %d %d %s\n", result == &broken, broken.tm_year, broken.tm_yday, broken.tm_sec, broken.tm_zone);
	NOTE("%zu ", THE(strftime)(text, sizeof text, "%Y-%m-%d %H:%M:%S", &broken));
	NOTE("%s %lld %f\n", text, (long long)THE(timegm)(&broken), THE(difftime)(moment, 7));
}

static void given_libc_then_sorting_and_searching_give_the_same(void)
{
	compare("libc", "libc.so.6", scenario_sorting);
}

static void given_libc_then_walking_a_tree_gives_the_same(void)
{
	compare("libc", "libc.so.6", scenario_files);
}

static void given_libc_then_texts_give_the_same(void)
{
	compare("libc", "libc.so.6", scenario_texts);
}

static void given_libc_then_numbers_and_times_give_the_same(void)
{
	compare("libc", "libc.so.6", scenario_numbers);
}

/* ---- zlib ---- */

static void scenario_zlib(void)
{
	static Bytef source[70000], packed[80000], unpacked[70000];
	uint64_t random = 7;
	for (size_t i = 0; i < sizeof source; i++)
		source[i] = (Bytef)(harness_random(&random) % 20);
	NOTE("%s %s\n", THE(zlibVersion)(), THE(zError)(-5));
	for (size_t n = 0; n <= sizeof source; n = n * 3 + 1) {
		uLongf packed_size = THE(compressBound)(n), unpacked_size = sizeof unpacked;
		NOTE("%zu: bound %lu, %d", n, packed_size, THE(compress)(packed, &packed_size, source, n));
		NOTE(" to %lu, crc %lx", packed_size, THE(crc32)(0, packed, (uInt)packed_size));
		NOTE(" adler %lx, ", THE(adler32)(1, source, (uInt)n));
		NOTE("%d", THE(uncompress)(unpacked, &unpacked_size, packed, packed_size));
		NOTE(" %lu same %d\n", unpacked_size, memcmp(unpacked, source, n) == 0);
		uLongf room = n / 2;
		NOTE("no room %d\n", n > 100 ? THE(uncompress)(unpacked, &room, packed, packed_size) : 0);
		packed[packed_size / 2] ^= 0x55;
		unpacked_size = sizeof unpacked;
		NOTE("spoiled %d\n", THE(uncompress)(unpacked, &unpacked_size, packed, packed_size));
	}
	NOTE("%lx %lx\n", THE(crc32)(0, NULL, 0), THE(adler32)(0, NULL, 0));
}

static void given_zlib_then_compressing_and_checksums_give_the_same(void)
{
	compare("zlib", "libz.so.1", scenario_zlib);
}

/* ---- expat ---- */

struct document {
	XML_Parser parser;
	int n_elements;
};

static void note_place(struct document *document)
{
	NOTE(" [%lu:%lu +%ld %d]\n", THE(XML_GetCurrentLineNumber)(document->parser),
	     THE(XML_GetCurrentColumnNumber)(document->parser), THE(XML_GetCurrentByteIndex)(document->parser),
	     THE(XML_GetCurrentByteCount)(document->parser));
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
	struct document *document = user;
	NOTE("<%s", name);
	for (; *attributes; attributes += 2)
		NOTE(" %s='%s'", attributes[0], attributes[1]);
	NOTE("> %d specified", THE(XML_GetSpecifiedAttributeCount)(document->parser));
	document->n_elements++;
	note_place(document);
}

static void on_end(void *user, const XML_Char *name)
{
	NOTE("</%s>", name);
	note_place(user);
}

static void on_text(void *user, const XML_Char *text, int size)
{
	(void)user;
	NOTE("text %d '%.*s'\n", size, size, text);
}

static void on_comment(void *user, const XML_Char *text)
{
	NOTE("comment '%s'", text);
	note_place(user);
}

static void on_instruction(void *user, const XML_Char *target, const XML_Char *data)
{
	NOTE("instruction '%s' '%s'", target, data);
	note_place(user);
}

static void on_cdata_start(void *user)
{
	NOTE("cdata");
	note_place(user);
}

static void on_cdata_end(void *user)
{
	NOTE("end of cdata");
	note_place(user);
}

static void on_declaration(void *user, const XML_Char *version, const XML_Char *encoding, int standalone)
{
	NOTE("xml %s %s %d", version ? version : "-", encoding ? encoding : "-", standalone);
	note_place(user);
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	NOTE("doctype %s %s %s %d", name, system ? system : "-", public ? public : "-", internal);
	note_place(user);
}

static void on_entity(void *user, const XML_Char *name, int is_parameter, const XML_Char *value, int size,
                      const XML_Char *base, const XML_Char *system, const XML_Char *public, const XML_Char *notation)
{
	NOTE("entity %s %d '%.*s' %s %s %s %s", name, is_parameter, value ? size : 1, value ? value : "-", base ? base : "-",
	     system ? system : "-", public ? public : "-", notation ? notation : "-");
	note_place(user);
}

static void on_namespace(void *user, const XML_Char *prefix, const XML_Char *uri)
{
	NOTE("namespace %s %s", prefix ? prefix : "-", uri ? uri : "-");
	note_place(user);
}

static void set_handlers(struct document *document)
{
	XML_Parser parser = document->parser;
	THE(XML_SetUserData)(parser, document);
	THE(XML_SetElementHandler)(parser, on_start, on_end);
	THE(XML_SetCharacterDataHandler)(parser, on_text);
	THE(XML_SetCommentHandler)(parser, on_comment);
	THE(XML_SetProcessingInstructionHandler)(parser, on_instruction);
	THE(XML_SetCdataSectionHandler)(parser, on_cdata_start, on_cdata_end);
	THE(XML_SetXmlDeclHandler)(parser, on_declaration);
	THE(XML_SetStartDoctypeDeclHandler)(parser, on_doctype);
	THE(XML_SetEntityDeclHandler)(parser, on_entity);
	THE(XML_SetStartNamespaceDeclHandler)(parser, on_namespace);
}

static void note_document(const char *text, size_t piece, int namespaces)
{
	struct document document = {0};
	document.parser = namespaces ? THE(XML_ParserCreateNS)(NULL, '|') : THE(XML_ParserCreate)("UTF-8");
	REQUIRE(document.parser != NULL);
	set_handlers(&document);
	enum XML_Status status = XML_STATUS_OK;
	size_t size = strlen(text);
	for (size_t at = 0; at <= size && status == XML_STATUS_OK; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		status = THE(XML_Parse)(document.parser, text + at, (int)n, n < piece);
	}
	enum XML_Error error = THE(XML_GetErrorCode)(document.parser);
	const XML_LChar *words = THE(XML_ErrorString)(error);
	NOTE("status %d, error %d %s, %d elements", status, error, words ? words : "-", document.n_elements);
	note_place(&document);
	XML_ParsingStatus parsing = {0};
	THE(XML_GetParsingStatus)(document.parser, &parsing);
	NOTE("parsing %d %d\n", parsing.parsing, parsing.finalBuffer);
	THE(XML_ParserFree)(document.parser);
}

static void scenario_expat(void)
{
	static const char *const documents[] = {
	    ("<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<!DOCTYPE a SYSTEM 'x' [<!ENTITY e 'value &#38; more'>"
	     "<!ENTITY f PUBLIC 'p' 's'>]>\n<a x='1' y='&e;'><!-- note --><b/>t&amp;u &e;<![CDATA[<raw>]]><?do it?></a>\n"),
	    "<r xmlns='urn:d' xmlns:p='urn:p'><p:c p:k='v' k='w'/>gr\xc3\xbc\xc3\x9f\x65</r>",
	    "<open><unclosed></open>", "no document", "", "<a>\xff</a>", "<a b='1' b='2'/>", "<a>&missing;</a>"};
	XML_Expat_Version version = THE(XML_ExpatVersionInfo)();
	NOTE("%s %d.%d.%d\n", THE(XML_ExpatVersion)(), version.major, version.minor, version.micro);
	const XML_Feature *features = THE(XML_GetFeatureList)();
	for (; features->feature != XML_FEATURE_END; features++)
		NOTE("%d %s %ld\n", features->feature, features->name, features->value);
	for (unsigned i = 0; i < sizeof documents / sizeof *documents; i++)
		for (size_t piece = 1; piece < 1000; piece *= 7)
			note_document(documents[i], piece, (int)(i + piece) % 2);
}

static void given_expat_then_parsing_documents_gives_the_same(void)
{
	compare("expat", "libexpat.so.1", scenario_expat);
}

static const struct test tests[] = {
	TEST(given_libc_then_sorting_and_searching_give_the_same),
	TEST(given_libc_then_walking_a_tree_gives_the_same),
	TEST(given_libc_then_texts_give_the_same),
	TEST(given_libc_then_numbers_and_times_give_the_same),
	TEST(given_zlib_then_compressing_and_checksums_give_the_same),
	TEST(given_expat_then_parsing_documents_gives_the_same),
};
HARNESS_MAIN(tests)
