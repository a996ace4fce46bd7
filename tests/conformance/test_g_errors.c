/* SPDX-License-Identifier: MIT */
/* G: errors, hangs, crashes, seen from the program. J01 has each way to die. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"
#include "../fixtures/deaths.h"
#include "../fixtures/throws.h"

#include <signal.h>
#include <time.h>

static int n_handled;

static void expect_new_host_works(void)
{
	cbb_host *host = remote_open_host();
	cbb_library *library = remote_library_in(host, "deaths", DEATHS_TEXT);
	EXPECT_EQUAL(REMOTE(library, int(void), "alive")(), 1);
	EXPECT_CALL_OK();
	EXPECT(cbb_host_close(host) == NULL);
}

static void G09_a_crash_inside_the_library_does_not_end_the_program(void)
{
	given_a_host();
	cbb_library *library = remote_library("deaths", DEATHS_TEXT);
	EXPECT_EQUAL(REMOTE(library, int(int), "die")(DEATH_SEGV), -1);
	EXPECT_ERROR(CBB_ERR_HOST_DIED, "die");
	cbb_report report = remote_report();
	EXPECT_EQUAL(report.state, CBB_HOST_ENDED);
	EXPECT_EQUAL(report.end, CBB_END_SIGNAL);
	EXPECT_EQUAL(report.signal, SIGSEGV);
	EXPECT_EQUAL(REMOTE(library, int(void), "alive")(), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
	expect_new_host_works();
	remote_end();
}

/* ---- G10 ---- */

static int answers_zero(int value)
{
	n_handled += value;
	return 0;
}

static void expect_abort_of(const char *function)
{
	cbb_report report = remote_report();
	EXPECT_EQUAL(report.end, CBB_END_SIGNAL);
	EXPECT_EQUAL(report.signal, SIGABRT);
	EXPECT_STRING(report.function, function);
	expect_new_host_works();
}

static void G10_a_Cxx_exception_thrown_by_the_library_does_not_end_the_program(void)
{
	given_a_host();
	cbb_library *library = remote_library("throws", THROWS_TEXT);
	EXPECT_EQUAL(REMOTE(library, int(int), "throw_and_catch")(4), 5);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(REMOTE(library, int(int), "throw_always")(1), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
	expect_abort_of("throw_always");
	remote_end();
}

static void G10_a_Cxx_exception_thrown_after_a_callback_does_not_end_the_program(void)
{
	given_a_host();
	cbb_library *library = remote_library("throws", THROWS_TEXT);
	EXPECT_EQUAL(REMOTE(library, int(int (*)(int), int), "throw_after")(answers_zero, 1), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
	EXPECT_EQUAL(n_handled, 1);
	expect_abort_of("throw_after");
	remote_end();
}

/* ---- G11 ---- */

static int late_value, n_late;

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool late_answer_is_due(void *context)
{
	return now_ms() >= *(uint64_t *)context;
}

/* Answers long after its deadline. */
static int late_handler(int value)
{
	uint64_t until_ms = now_ms() + 300;
	n_late++;
	harness_wait_until(late_answer_is_due, &until_ms, 10000);
	late_value = value;
	return 5;
}

static int quick_handler(int value)
{
	return value + 1;
}

static void G11_when_a_handler_does_not_answer_in_time_native_code_gets_the_default(void)
{
	given_a_host();
	cbb_library *library = remote_library("callbacks", CALLBACKS_TEXT);
	cbb_callback_options options = {.size = sizeof options, .timeout_ms = 30};
	cbb_callback *callback = NULL;
	REMOTE_OK(cbb_callback_open(library, "number_fn", CBB_FUNCTION(late_handler), &options, &callback));
	number_fn pointer = (number_fn)cbb_callback_pointer(callback);
	/* Two in a row: the second finds the first unanswered, and gets the default at once. */
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_many")(pointer, 2), -77 * 2);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_late, 1);
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(quick_handler, 1), 2);
	EXPECT_EQUAL(remote_report().late_answers, 1);
	EXPECT_CONTAINS(remote_report().notice, "number_fn");
	remote_end();
}

static void G11_the_interface_can_set_the_deadline_and_the_default(void)
{
	given_a_host();
	cbb_library *library = remote_library(
	    "callbacks", "[on_error(-5), timeout(30)] typedef int (*number_fn)(int value);"
	                 "int call_number(number_fn handler, int value);");
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(late_handler, 1), -5);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(quick_handler, 1), 2);
	EXPECT_EQUAL(remote_report().late_answers, 1);
	remote_end();
}

static void G12_a_hung_library_can_be_killed_without_ending_the_program(void)
{
	given_a_host();
	cbb_library *library = remote_library("deaths", DEATHS_TEXT);
	cbb_function *hanging = remote_function(library, "never_return");
	cbb_call_options options = {.size = sizeof options, .timeout_ms = 50};
	int result = 0;
	EXPECT_EQUAL(cbb_call_with(hanging, &result, NULL, &options), CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(result, -1);
	EXPECT_EQUAL(REMOTE(library, int(void), "alive")(), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_BUSY);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT_EQUAL(REMOTE(library, int(void), "alive")(), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
	EXPECT_EQUAL(remote_report().end, CBB_END_CLOSED);
	expect_new_host_works();
	remote_end();
}

static const struct test tests[] = {
	TEST(G09_a_crash_inside_the_library_does_not_end_the_program),
	TEST(G10_a_Cxx_exception_thrown_by_the_library_does_not_end_the_program),
	TEST(G10_a_Cxx_exception_thrown_after_a_callback_does_not_end_the_program),
	TEST(G11_when_a_handler_does_not_answer_in_time_native_code_gets_the_default),
	TEST(G11_the_interface_can_set_the_deadline_and_the_default),
	TEST(G12_a_hung_library_can_be_killed_without_ending_the_program),
};
HARNESS_MAIN(tests)
