/* SPDX-License-Identifier: MIT */
/*
 * Printed texts: what one side prints with a va_list arrives as a text that the other side can print in the same way.
 */
#include "pair.h"

#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

#define LIST_TEXT "int f(int n, [nullable, format(printf, ap)] const char *fm, va_list ap, double d);"

static char printed[256];
static int n_seen;
static double d_seen;
static bool was_null;

/* As a handler is that was written for the library itself. */
static int print_list(int n, const char *format, va_list arguments, double d)
{
	n_seen = n;
	d_seen = d;
	was_null = format == NULL;
	return format ? vsnprintf(printed, sizeof printed, format, arguments) : 0;
}

static int invoke_list(struct pair *pair, const char *format, ...)
{
	va_list arguments;
	int n = 5, result = -1;
	double d = 2.5;
	va_start(arguments, format);
	void *list = NULL;
	memcpy(&list, &(va_list *){&arguments}, sizeof list);
	int r = pair_call(pair, NATIVE(print_list), ARGUMENTS(&n, &format, &list, &d), &result);
	va_end(arguments);
	return r < 0 ? r : result;
}

static void given_a_va_list_when_called_then_the_other_side_prints_the_same(void)
{
	struct pair pair;
	pair_open(&pair, "f", LIST_TEXT);
	EXPECT_EQUAL(pair.plan->n_words_in, 3);
	EXPECT_EQUAL(invoke_list(&pair, "%s-%d-%.2f-%c-%ld%%", "abc", 42, 1.5, 'x', 1L << 40), 28);
	EXPECT_STRING(printed, "abc-42-1.50-x-1099511627776%");
	EXPECT_EQUAL(n_seen, 5);
	EXPECT(d_seen == 2.5);
	EXPECT_EQUAL(invoke_list(&pair, "100%% %s", "%s%n"), 9);
	EXPECT_STRING(printed, "100% %s%n");
	EXPECT_EQUAL(invoke_list(&pair, "%s", ""), 0);
	EXPECT_STRING(printed, "");
	/* more than the registers hold */
	EXPECT(invoke_list(&pair, "%d%d%d%d%d%d%d%d %.0f%.0f%.0f%.0f%.0f%.0f%.0f%.0f%.0f%.0f", 1, 2, 3, 4, 5, 6, 7, 8, 1., 2.,
	                   3., 4., 5., 6., 7., 8., 9., 0.) > 0);
	EXPECT_STRING(printed, "12345678 1234567890");
	pair_free(&pair);
}

static void given_no_format_when_called_then_none_arrives(void)
{
	struct pair pair;
	pair_open(&pair, "f", LIST_TEXT);
	EXPECT_EQUAL(invoke_list(&pair, NULL), 0);
	EXPECT(was_null);
	pair_free(&pair);
}

static void given_a_text_beyond_the_limit_when_printed_then_the_call_fails_in_words(void)
{
	struct pair pair;
	pair_open(&pair, "f", LIST_TEXT);
	EXPECT_EQUAL(invoke_list(&pair, "%*s", (int)PAIR_LIMIT_BYTES, ""), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(detail_text(), "parameter 2 'fm' has 1048577 bytes when printed");
	EXPECT_EQUAL(invoke_list(&pair, "%lc", (wint_t)0x7fffffff), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "cannot be printed");
	pair_free(&pair);
}

static void given_a_va_list_that_is_null_when_called_then_the_call_fails(void)
{
	struct pair pair;
	pair_open(&pair, "f", LIST_TEXT);
	int n = 5, result = -1;
	double d = 2.5;
	const char *format = "%d";
	void *list = NULL;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&n, &format, &list, &d), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "a va_list that is NULL");
	pair_free(&pair);
}

static int print_ellipsis(int n, double d, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int r = print_list(n, format, arguments, d);
	va_end(arguments);
	return r;
}

static void given_an_ellipsis_when_called_then_the_other_side_prints_the_same(void)
{
	struct pair pair;
	pair_open(&pair, "print",
	          "typedef int print(int n, double d, [format(printf)] const char *format, ...);\nvoid f(print *p);");
	int n = 7, result = -1;
	double d = 4.5;
	const char *format = "<%s>";
	const char *text = "a text";
	struct {
		unsigned general, floats;
		void *overflow, *registers;
	} list = {48, 176, &text, NULL}; /* as native code's */
	void *at = &list;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(print_ellipsis), ARGUMENTS(&n, &d, &format, &at), &result), 0);
	EXPECT_STRING(printed, "<a text>");
	EXPECT_EQUAL(result, 8);
	EXPECT_EQUAL(n_seen, 7);
	EXPECT(d_seen == 4.5);
	pair_free(&pair);
}

static const struct test tests[] = {
    TEST(given_a_va_list_when_called_then_the_other_side_prints_the_same),
    TEST(given_no_format_when_called_then_none_arrives),
    TEST(given_a_text_beyond_the_limit_when_printed_then_the_call_fails_in_words),
    TEST(given_a_va_list_that_is_null_when_called_then_the_call_fails),
    TEST(given_an_ellipsis_when_called_then_the_other_side_prints_the_same),
};
HARNESS_MAIN(tests)
