/* SPDX-License-Identifier: MIT */
/* B: callbacks that are given a format and what it is printed with, as loggers are. */
#include "support/remote.h"

#include "../fixtures/prints.h"

static cbb_library *library;
static char logged[256];
static int user, level_seen;
static double weight_seen;

#define EXPECTED "Ann has 3 of 1.50 at x and 1099511627776"

/* The handlers are such as a program has that links the library itself. */
static int log_list_here(void *cls, const char *format, va_list arguments)
{
	EXPECT(cls == &user);
	return format ? vsnprintf(logged, sizeof logged, format, arguments) : -3;
}

static int log_ellipsis_here(void *cls, const char *format, ...)
{
	va_list arguments;
	EXPECT(cls == &user);
	if (!format)
		return -4;
	va_start(arguments, format);
	int r = vsnprintf(logged, sizeof logged, format, arguments);
	va_end(arguments);
	return r;
}

static void log_first_here(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(logged, sizeof logged, format, arguments);
	va_end(arguments);
}

static long log_level_here(void *cls, int level, double weight, const char *format, ...)
{
	va_list arguments;
	EXPECT(cls == &user);
	level_seen = level;
	weight_seen = weight;
	va_start(arguments, format);
	vsnprintf(logged, sizeof logged, format, arguments);
	va_end(arguments);
	return -(1L << 40);
}

static void given_the_loggers(void)
{
	given_a_host();
	library = remote_library("prints", PRINTS_TEXT);
	logged[0] = '\0';
	REMOTE(library, void(list_fn, ellipsis_fn, first_fn, level_fn, void *), "set_loggers")
	(log_list_here, log_ellipsis_here, log_first_here, log_level_here, &user);
	EXPECT_CALL_OK();
}

static void a_va_list_is_printed_by_the_handler(void)
{
	given_the_loggers();
	EXPECT_EQUAL(REMOTE(library, int(const char *, int, double), "log_list")("Ann", 3, 1.5), (int)strlen(EXPECTED));
	EXPECT_STRING(logged, EXPECTED);
	remote_end();
}

static void arguments_behind_an_ellipsis_are_printed_by_the_handler(void)
{
	given_the_loggers();
	EXPECT_EQUAL(REMOTE(library, int(const char *, int, double), "log_ellipsis")("Ann", 3, 1.5), (int)strlen(EXPECTED));
	EXPECT_STRING(logged, EXPECTED);
	logged[0] = '\0';
	REMOTE(library, void(const char *, int, double), "log_first")("Ann", 3, 1.5);
	EXPECT_STRING(logged, EXPECTED);
	logged[0] = '\0';
	EXPECT_EQUAL(REMOTE(library, long(int, const char *, int, double), "log_level")(-7, "Ann", 3, 1.5), -(1L << 40));
	EXPECT_STRING(logged, EXPECTED);
	EXPECT_EQUAL(level_seen, -7);
	EXPECT(weight_seen == 1.5);
	remote_end();
}

static void percent_signs_in_the_text_are_not_printed_again(void)
{
	given_the_loggers();
	EXPECT_EQUAL(REMOTE(library, int(const char *), "log_plain")("100%% %%s"), 7 + 7);
	EXPECT_STRING(logged, "100% %s");
	EXPECT_EQUAL(REMOTE(library, int(const char *), "log_plain")(NULL), -7);
	EXPECT_EQUAL(REMOTE(library, int(const char *), "log_plain")(""), 0);
	EXPECT_STRING(logged, "");
	remote_end();
}

static int print_remotely(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int r = REMOTE(library, int(char *, size_t, const char *, va_list), "print_here")(buffer, size, format, arguments);
	va_end(arguments);
	return r;
}

static void a_remote_function_may_take_a_va_list(void)
{
	given_the_loggers();
	char text[64];
	EXPECT_EQUAL(print_remotely(text, sizeof text, "%d%% of %s", 5, "it"), 8);
	EXPECT_CALL_OK();
	EXPECT_STRING(text, "5% of it");
	remote_end();
}

static void functions_with_an_ellipsis_have_a_limit_that_is_said(void)
{
	given_the_loggers();
	int (*set)(ellipsis_fn) = REMOTE(library, int(ellipsis_fn), "set_ellipsis");
	/* three are in use: one of each type */
	for (int i = 3; i < 256; i++) {
		cbb_callback *callback = remote_callback(library, "ellipsis_fn", CBB_FUNCTION(log_ellipsis_here), NULL);
		EXPECT_EQUAL(set((ellipsis_fn)cbb_callback_pointer(callback)), 1);
		EXPECT_CALL_OK();
		if (i == 255) {
			EXPECT_EQUAL(REMOTE(library, int(const char *, int, double), "log_ellipsis")("Ann", 3, 1.5),
			             (int)strlen(EXPECTED));
			EXPECT_STRING(logged, EXPECTED);
		}
	}
	cbb_callback *callback = remote_callback(library, "ellipsis_fn", CBB_FUNCTION(log_ellipsis_here), NULL);
	EXPECT_EQUAL(set((ellipsis_fn)cbb_callback_pointer(callback)), 0);
	EXPECT_ERROR(CBB_ERR_LIMIT, "256 for functions with ...");
	remote_end();
}

static const struct test tests[] = {
    TEST(a_va_list_is_printed_by_the_handler),
    TEST(arguments_behind_an_ellipsis_are_printed_by_the_handler),
    TEST(percent_signs_in_the_text_are_not_printed_again),
    TEST(a_remote_function_may_take_a_va_list),
    TEST(functions_with_an_ellipsis_have_a_limit_that_is_said),
};
HARNESS_MAIN(tests)
