/* SPDX-License-Identifier: MIT */
/* Deadlines of calls and callbacks, and what they leave behind. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#include <pthread.h>

#define SHORT_MS 50

static cbb_library *library;
static int n_handled;

static void given_the_library(void)
{
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	n_handled = 0;
}

/* ---- Another thread, with a lane of its own, sees to it that native code goes on ---- */

static bool as_many_wait(void *context)
{
	return REMOTE(library, int(void), "count_waiting")() == *(int *)context;
}

static void *thread_releasing(void *context)
{
	int none = 0, one = 1;
	EXPECT(harness_wait_until(as_many_wait, &one, 10000));
	REMOTE(library, void(void), "release_waiter")();
	EXPECT(harness_wait_until(as_many_wait, &none, 10000));
	return context;
}

static void release_from_another_thread(void)
{
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, thread_releasing, NULL) == 0);
	pthread_join(thread, NULL);
}

static int call_waiting(uint64_t timeout_ms)
{
	int result = 5;
	cbb_call_options options = {.size = sizeof options, .timeout_ms = timeout_ms};
	int status = cbb_call_with(remote_function(library, "wait_for_release"), &result, NULL, &options);
	EXPECT_EQUAL(result, status < 0 ? -1 : 1);
	return status;
}

static bool lane_is_free(void *context)
{
	int one = 1, result = 0;
	int status = cbb_call(remote_function(library, "add_one"), &result, (void *[]){&one});
	EXPECT(status == CBB_ERR_BUSY || (status == 0 && result == 2));
	(void)context;
	return status == 0;
}

/* The host counts when it reads that nobody took the result: perhaps a moment after that one is here. */
static bool one_late_result(void *context)
{
	(void)context;
	return remote_report().late_results == 1;
}

static void expect_busy(void)
{
	REMOTE(library, int(int), "add_one")(1);
	EXPECT_ERROR(CBB_ERR_BUSY, "timed out");
}

/* ---- Calls ---- */

static void given_a_call_that_passes_its_deadline_then_busy_until_native_code_returned_then_free(void)
{
	given_the_library();
	EXPECT_EQUAL(call_waiting(SHORT_MS), CBB_ERR_TIMEOUT);
	EXPECT_CONTAINS(cbb_last_error_text(), "wait_for_release");
	expect_busy();
	expect_busy();
	release_from_another_thread();
	EXPECT(harness_wait_until(lane_is_free, NULL, 10000));
	EXPECT(harness_wait_until(one_late_result, NULL, 10000));
	remote_end();
}

static void given_deadlines_of_host_interface_and_call_then_the_nearest_word_counts(void)
{
	cbb_host_options options = {.size = sizeof options, .call_timeout_ms = 30 * SHORT_MS * harness_slow()};
	given_a_host_with(&options);
	library = remote_library("callbacks", CALLBACKS_TEXT); /* has that deadline too: long enough for a busy machine */
	EXPECT_EQUAL(call_waiting(0), CBB_ERR_TIMEOUT); /* the host's */
	release_from_another_thread();
	EXPECT(harness_wait_until(lane_is_free, NULL, 10000));
	cbb_library *patient = remote_library("callbacks", "[on_error(-1), timeout(60000)] int wait_for_release(void);");
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, thread_releasing, NULL) == 0);
	EXPECT_EQUAL(REMOTE(patient, int(void), "wait_for_release")(), 1); /* the interface's goes before the host's */
	pthread_join(thread, NULL);
	REQUIRE(pthread_create(&thread, NULL, thread_releasing, NULL) == 0);
	EXPECT_EQUAL(call_waiting(CBB_UNLIMITED), 0); /* and the call's before both */
	pthread_join(thread, NULL);
	remote_end();
}

/* ---- Nested ---- */

static int add_two(int value)
{
	return value + 2;
}

static int status_in_handler, status_after_it;

static int handler_that_waits(int value)
{
	n_handled++;
	status_in_handler = call_waiting(SHORT_MS);
	REMOTE(library, int(int), "add_one")(1);
	status_after_it = cbb_last_error();
	return value;
}

static void given_a_nested_call_that_passes_its_deadline_then_the_outer_calls_fail_likewise(void)
{
	given_the_library();
	number_fn handler = handler_that_waits;
	int value = 4, result = 0;
	EXPECT_EQUAL(cbb_call(remote_function(library, "call_number"), &result, (void *[]){(void *)&handler, &value}),
	             CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(status_in_handler, CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(status_after_it, CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(n_handled, 1);
	expect_busy();
	release_from_another_thread();
	EXPECT(harness_wait_until(lane_is_free, NULL, 10000));
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(add_two, 4), 6);
	remote_end();
}

static int handler_never_run(int value)
{
	n_handled++;
	return value;
}

static bool has_waited_result(void *context)
{
	return REMOTE(library, int(void), "waited_result")() == *(int *)context;
}

static void *thread_releasing_for_a_result(void *context)
{
	thread_releasing(NULL);
	EXPECT(harness_wait_until(has_waited_result, context, 10000));
	return NULL;
}

static void given_an_abandoned_call_when_it_calls_back_then_it_gets_on_error_and_no_handler_runs(void)
{
	pthread_t thread;
	given_the_library();
	number_fn handler = handler_never_run;
	int value = 4, result = 0, expected = -77;
	cbb_call_options options = {.size = sizeof options, .timeout_ms = SHORT_MS};
	EXPECT_EQUAL(cbb_call_with(remote_function(library, "wait_then_call"), &result, (void *[]){(void *)&handler, &value},
	                           &options), CBB_ERR_TIMEOUT);
	REQUIRE(pthread_create(&thread, NULL, thread_releasing_for_a_result, &expected) == 0);
	pthread_join(thread, NULL);
	EXPECT(harness_wait_until(lane_is_free, NULL, 10000));
	EXPECT_EQUAL(n_handled, 0);
	EXPECT(harness_wait_until(one_late_result, NULL, 10000));
	remote_end();
}

/* ---- Callbacks ---- */

static int (*late_body)(int value);
static unsigned late_ms = 4 * SHORT_MS; /* longer than the deadline of the callback, or of the call */

static bool never(void *context)
{
	(void)context;
	return false;
}

static int late_handler(int value)
{
	n_handled++;
	harness_wait_until(never, NULL, late_ms);
	return late_body ? late_body(value) : value;
}

static number_fn open_late_callback(void)
{
	cbb_callback *callback = NULL;
	cbb_callback_options options = {.size = sizeof options, .timeout_ms = SHORT_MS};
	REMOTE_OK(cbb_callback_open(library, "number_fn", CBB_FUNCTION(late_handler), &options, &callback));
	return (number_fn)cbb_callback_pointer(callback);
}

static void given_a_late_handler_then_native_code_has_on_error_and_the_late_answer_is_counted(void)
{
	given_the_library();
	number_fn late = open_late_callback();
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(late, 4), -77);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(add_two, 4), 6); /* the lane is free again */
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_EQUAL(remote_report().late_answers, 1);
	remote_end();
}

static int body_that_calls(int value)
{
	REMOTE(library, int(int), "add_one")(value);
	status_in_handler = cbb_last_error();
	return value;
}

static void given_a_late_handler_when_it_makes_a_call_then_that_times_out(void)
{
	given_the_library();
	late_body = body_that_calls;
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(open_late_callback(), 4), -77);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(status_in_handler, CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(REMOTE(library, int(int), "add_one")(1), 2);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(remote_report().late_answers, 1);
	remote_end();
}

static int body_that_waits(int value)
{
	status_in_handler = call_waiting(SHORT_MS);
	return value;
}

/* The client never answers the late callback, and its answer must not be waited for ever after. */
static void given_a_late_handler_whose_own_call_passes_its_deadline_then_later_callbacks_work(void)
{
	given_the_library();
	late_body = body_that_waits;
	number_fn late = open_late_callback();
	number_fn waiting = REMOTE(library, int(int), "wait_for_release"); /* runs in the host, as itself */
	int value = 4, result = 0;
	EXPECT_EQUAL(cbb_call(remote_function(library, "call_two"), &result,
	                      (void *[]){(void *)&late, (void *)&waiting, &value}), CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(status_in_handler, CBB_ERR_TIMEOUT);
	release_from_another_thread();
	EXPECT(harness_wait_until(lane_is_free, NULL, 10000));
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(add_two, 4), 6);
	remote_end();
}

static void given_a_handler_that_outlasts_the_calls_deadline_then_the_call_times_out(void)
{
	given_the_library();
	number_fn handler = late_handler;
	int value = 4, result = 0;
	cbb_call_options options = {.size = sizeof options, .timeout_ms = 20 * SHORT_MS * harness_slow()}; /* it begins */
	late_ms = 25 * SHORT_MS;
	int status = cbb_call_with(remote_function(library, "call_number"), &result, (void *[]){(void *)&handler, &value},
	                           &options);
	EXPECT_EQUAL(status, CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(n_handled, 1);
	EXPECT(harness_wait_until(lane_is_free, NULL, 10000));
	remote_end();
}

static const struct test tests[] = {
	TEST(given_a_call_that_passes_its_deadline_then_busy_until_native_code_returned_then_free),
	TEST(given_deadlines_of_host_interface_and_call_then_the_nearest_word_counts),
	TEST(given_a_nested_call_that_passes_its_deadline_then_the_outer_calls_fail_likewise),
	TEST(given_an_abandoned_call_when_it_calls_back_then_it_gets_on_error_and_no_handler_runs),
	TEST(given_a_late_handler_then_native_code_has_on_error_and_the_late_answer_is_counted),
	TEST(given_a_late_handler_when_it_makes_a_call_then_that_times_out),
	TEST(given_a_late_handler_whose_own_call_passes_its_deadline_then_later_callbacks_work),
	TEST(given_a_handler_that_outlasts_the_calls_deadline_then_the_call_times_out),
};
HARNESS_MAIN(tests)
