/* SPDX-License-Identifier: MIT */
/* Texts that are printed with a va_list or a `...`; memory of the host. */
#include "words.h"

static void given_a_va_list_when_parsed_then_its_format_names_it(void)
{
	struct interface *interface = words_parse(
		"typedef void (*log_fn)([userdata] void *cls, [format(printf, ap)] const char *fm, va_list ap);\n"
		"void set_log([nullable, scope(forever)] log_fn log, [userdata(log)] void *cls);\n"
		"int print(int level, va_list ap, [nullable, format(printf, ap)] const char *fm);\n");
	EXPECT_EQUAL(words_param(interface, "log_fn", 1)->format, 3);
	EXPECT_EQUAL((int)words_param(interface, "log_fn", 1)->mode, CBB__MODE__MODE_STRING);
	EXPECT_EQUAL((int)words_param(interface, "log_fn", 2)->mode, CBB__MODE__MODE_VA_LIST);
	EXPECT_EQUAL((int)words_function(interface, "log_fn")->variadic, CBB__VARIADIC__VARIADIC_NONE);
	EXPECT_EQUAL(words_param(interface, "print", 2)->format, 2);
	interface_free(interface);
}

static void given_an_ellipsis_that_is_printed_when_parsed_then_a_va_list_stands_for_it(void)
{
	static const char *const texts[] = {
	    "typedef void (*error_fn)([userdata] void *ctx, [format(printf, ...)] const char *msg, ...);\nvoid f(error_fn e);",
	    "typedef void error_fn([userdata] void *ctx, [format(printf)] const char *msg, ...);\nvoid f(error_fn *e);",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct interface *interface = words_parse(texts[i]);
		const Cbb__Function *type = words_function(interface, "error_fn");
		EXPECT_EQUAL((int)type->variadic, CBB__VARIADIC__VARIADIC_FORMAT);
		EXPECT_EQUAL(type->n, 3);
		EXPECT_EQUAL((int)words_param(interface, "error_fn", 2)->mode, CBB__MODE__MODE_VA_LIST);
		EXPECT_EQUAL(words_param(interface, "error_fn", 1)->format, 3);
		interface_free(interface);
	}
}

static void given_host_memory_when_parsed_then_it_is_an_address(void)
{
	struct interface *interface = words_parse("typedef struct parser *parser;\n"
	                                          "[host] void *get_buffer(parser p, int length);\n"
	                                          "int map([out, host] void **memory, [out] size_t *n);\n"
	                                          "typedef int (*fill)([host] void *memory, size_t n);\n"
	                                          "struct area { [host, nullable] char *begin; size_t n; };\n"
	                                          "int each(fill f, [in] const struct area *a);\n");
	const Cbb__Param *result = interface->message.params[words_function(interface, "get_buffer")->result];
	EXPECT_EQUAL((int)result->mode, CBB__MODE__MODE_HANDLE);
	EXPECT(result->host);
	EXPECT(interface->message.params[words_param(interface, "map", 0)->element]->host);
	EXPECT(words_param(interface, "fill", 0)->host);
	EXPECT(!words_param(interface, "get_buffer", 0)->host);
	interface_free(interface);
}

static void given_formats_that_do_not_fit_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
	    {"int f(const char *s, va_list ap);", 1, 30, "nothing says what is in the va_list 'ap'", "[format(printf, ap)]"},
	    {"int f([format(printf, ap)] const char *s, [format(printf, ap)] const char *t, va_list ap);", 1, 87,
	     "two texts", "[format(printf, ap)]"},
	    {"int f([format(scanf, ap)] const char *s, va_list ap);", 1, 15, "'scanf' is no kind", "printf"},
	    {"int f([format] const char *s, va_list ap);", 1, 14, "'(' is expected", "format(printf, ap)"},
	    {"int f([format(printf, n)] const char *s, int n);", 1, 23, "no va_list", "name of the va_list"},
	    {"int f([format(printf, ap)] const char *s);", 1, 23, "'ap' is no parameter", "name of the va_list"},
	    {"typedef void (*f)([format(printf)] const char *s, va_list ap);", 1, 20, "has no ...", "format(printf, ap)"},
	    {"int f([format(printf, ...)] const char *s, ...);", 1, 8, "not offered, callbacks are", "va_list"},
	    {"typedef void (*f)(const char *s, ...);", 1, 34, "only if it is printed", "format(printf, ...)"},
	    {"typedef double (*f)([format(printf)] const char *s, ...);", 1, 18, "returns an integer", "leave"},
	    {"typedef int (*f)(double d, [format(printf)] const char *s, ...);", 1, 25, "integers and pointers", "leave"},
	    {"typedef int (*f)(int i, long double d, [format(printf)] const char *s, ...);", 1, 37, "integers and pointers",
	     "leave"},
	    {"int f([format(printf, ap), in, size(4)] const char *s, va_list ap);", 1, 8, "[format] has no meaning",
	     "take it out"},
	    {"struct s { va_list ap; };", 1, 20, "where none can be carried", "parameters"},
	    {"va_list f(int a);", 1, 9, "where none can be carried", "parameters"},
	    {"int f([handle] va_list ap);", 1, 8, "[handle] has no meaning", "take it out"},
	    {"typedef int va_list;", 1, 13, "'va_list' is built in", "take the declaration out"},
	    {"[host, size(n)] char *f(int n);", 1, 8, "[size] has no meaning", "take it out"},
	    {"[host, handle] char *f(int n);", 1, 8, "more than one of", "keep one"},
	    {"int f([host, closes] char *n);", 1, 14, "[closes] has no meaning", "take it out"},
	    {"int f([host] int n);", 1, 8, "[host] has no meaning", "take it out"},
	};
	WORDS_REFUSE(table);
}

static void given_a_message_that_lies_about_formats_when_checked_then_refused(void)
{
	struct interface *interface = words_parse(
		"typedef void (*log_fn)([userdata] void *cls, [format(printf, ap)] const char *fm, va_list ap);\n"
		"typedef int (*error_fn)(int level, double d, [format(printf)] const char *msg, ...);\n"
		"struct s { int n; };\n"
		"int f(log_fn l, error_fn e, struct s s, const char *t, [host] void *h);\n");
	Cbb__Function *error = words_function(interface, "error_fn"), *f = words_function(interface, "f");
	Cbb__Param *format = words_param(interface, "log_fn", 1), *list = words_param(interface, "log_fn", 2);
	WORDS_LIE(interface, format->format, 0, "prints 0 texts");
	WORDS_LIE(interface, format->format, 1, "no va_list");
	WORDS_LIE(interface, format->format, 4, "no va_list");
	WORDS_LIE(interface, format->mode, CBB__MODE__MODE_HANDLE, "only others can");
	WORDS_LIE(interface, list->mode, CBB__MODE__MODE_HANDLE, "no va_list");
	WORDS_LIE(interface, list->nullable, true, "where none can");
	WORDS_LIE(interface, list->type, words_param(interface, "f", 2)->type, "where none can");
	WORDS_LIE(interface, words_param(interface, "f", 4)->mode, 99, "unknown mode");
	WORDS_LIE(interface, words_param(interface, "f", 3)->format, 3, "no va_list");
	WORDS_LIE(interface, f->variadic, CBB__VARIADIC__VARIADIC_FORMAT, "printed ...");
	WORDS_LIE(interface, error->is_type, false, "");
	WORDS_LIE(interface, error->n_fixed, 1, "printed ...");
	WORDS_LIE(interface, error->result, error->first + 1, "printed ...");
	WORDS_LIE(interface, words_param(interface, "error_fn", 0)->type, words_param(interface, "error_fn", 1)->type,
	          "printed ...");
	WORDS_LIE(interface, words_param(interface, "f", 4)->closes, true, "no handle of a call");
	WORDS_LIE(interface, words_param(interface, "f", 3)->host, true, "only others can");
	interface_free(interface);
}

static const struct test tests[] = {
    TEST(given_a_va_list_when_parsed_then_its_format_names_it),
    TEST(given_an_ellipsis_that_is_printed_when_parsed_then_a_va_list_stands_for_it),
    TEST(given_host_memory_when_parsed_then_it_is_an_address),
    TEST(given_formats_that_do_not_fit_when_parsed_then_refused),
    TEST(given_a_message_that_lies_about_formats_when_checked_then_refused),
};
HARNESS_MAIN(tests)
