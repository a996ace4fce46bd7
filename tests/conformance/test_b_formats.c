/* SPDX-License-Identifier: MIT */
/* B18, B19: texts that native code leaves to the callback to print. Handlers are written as for the library itself. */
#include "support/foreign.h"

#include "../fixtures/logs.h"

#include <stdarg.h>

static cbb_library *library;
static _Atomic long n_lines;
static int user_data;
static char printed[LOG_N_LINES][4096], expected[LOG_N_LINES][4096];

static void given_the_library(void)
{
	int n = 0;
	given_a_host();
	library = remote_library("logs", LOGS_TEXT);
	default_queue = cbb_queue_default(remote_client);
#define LOG_LINE(...) snprintf(expected[n++], sizeof *expected, __VA_ARGS__);
	LOG_LINES(LOG_LINE)
#undef LOG_LINE
	EXPECT_EQUAL(n, LOG_N_LINES);
}

static void expect_lines(void)
{
	EXPECT_EQUAL(n_lines, LOG_N_LINES);
	for (int i = 0; i < LOG_N_LINES; i++)
		EXPECT_STRING(printed[i], expected[i]);
	memset(printed, 0, sizeof printed);
	n_lines = 0;
}

static void print_line(const char *format, va_list arguments)
{
	if (n_lines < LOG_N_LINES)
		vsnprintf(printed[n_lines], sizeof *printed, format, arguments);
	n_lines++;
}

/* ---- B19 ---- */

static void on_log(void *user, const char *format, va_list arguments)
{
	EXPECT(user == &user_data);
	print_line(format, arguments);
}

static void B19_a_va_list_delivers_the_text_nested_and_from_a_thread_of_the_library(void)
{
	given_the_library();
	EXPECT_EQUAL(REMOTE(library, int(log_fn, void *), "log_here")(on_log, &user_data), LOG_N_LINES);
	EXPECT_CALL_OK();
	expect_lines();
	EXPECT_EQUAL(REMOTE(library, int(log_fn, void *), "log_elsewhere")(on_log, &user_data), LOG_N_LINES);
	EXPECT_CALL_OK();
	expect_lines();
	remote_end();
}

static void B19_of_an_event_the_text_is_printed_when_it_is_called(void)
{
	given_the_library();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = CALLBACK_WITH(library, "log_fn", on_log, .delivery = CBB_LISTENER, .queue = queue);
	log_fn pointer = (log_fn)cbb_callback_pointer(callback);
	EXPECT_EQUAL(REMOTE(library, int(log_fn, void *), "log_elsewhere")(pointer, &user_data), LOG_N_LINES);
	EXPECT_EQUAL(n_lines, 0);
	EXPECT(dispatch_until(queue, &n_lines, LOG_N_LINES));
	expect_lines();
	remote_end();
}

/* ---- B18 ---- */

static int on_print(int level, const char *format, ...)
{
	va_list arguments;
	EXPECT_EQUAL(level, n_lines);
	va_start(arguments, format);
	print_line(format, arguments);
	va_end(arguments);
	return 10 + level;
}

static int answers_of_all_lines(void)
{
	return 10 * LOG_N_LINES + LOG_N_LINES * (LOG_N_LINES - 1) / 2;
}

static void B18_a_variadic_callback_delivers_the_text_nested_and_from_a_thread_of_the_library(void)
{
	given_the_library();
	EXPECT_EQUAL(REMOTE(library, int(print_fn), "print_here")(on_print), answers_of_all_lines());
	EXPECT_CALL_OK();
	expect_lines();
	EXPECT_EQUAL(REMOTE(library, int(print_fn), "print_elsewhere")(on_print), answers_of_all_lines());
	EXPECT_CALL_OK();
	expect_lines();
	remote_end();
}

static void B18_explicit_variadic_callbacks_are_apart_and_end(void)
{
	enum { N = 40 };
	cbb_callback *callbacks[N];
	given_the_library();
	for (int i = 0; i < N; i++)
		callbacks[i] = CALLBACK_WITH(library, "print_fn", on_print);
	for (int i = 0; i < N; i++) {
		print_fn pointer = (print_fn)cbb_callback_pointer(callbacks[i]);
		EXPECT_EQUAL(REMOTE(library, int(print_fn), "print_elsewhere")(pointer), answers_of_all_lines());
		expect_lines();
		EXPECT_EQUAL(counts_of(callbacks[i]).handled, LOG_N_LINES);
		REMOTE_OK(cbb_callback_close(callbacks[i], NULL));
		EXPECT_EQUAL(REMOTE(library, int(print_fn), "print_elsewhere")(pointer), -80 * LOG_N_LINES);
		EXPECT_EQUAL(n_lines, 0);
	}
	remote_end();
}

static const struct test tests[] = {
	TEST(B18_a_variadic_callback_delivers_the_text_nested_and_from_a_thread_of_the_library),
	TEST(B18_explicit_variadic_callbacks_are_apart_and_end),
	TEST(B19_a_va_list_delivers_the_text_nested_and_from_a_thread_of_the_library),
	TEST(B19_of_an_event_the_text_is_printed_when_it_is_called),
};
HARNESS_MAIN(tests)
