/* SPDX-License-Identifier: MIT */
/*
 * What native code sees of its callbacks through cbbroker-native.h: D03 non-blocking sends, D16 the fate of each event,
 * E12, E14 and E15 as a user of callbacks.
 */
#include "support/stream.h"

#include "../fixtures/native.h"

#include <cbbroker-native.h>
#include <dlfcn.h>

static cbb_library *native;
static cbb_queue *queue;
static int statuses[128];

/* The queue is nobody's until it is dispatched: events wait in it, and calls of this thread do not make room. */
static void given_the_library(const cbb_queue_options *options)
{
	given_a_host();
	native = remote_library("native", NATIVE_TEXT);
	default_queue = cbb_queue_default(remote_client);
	queue = given_a_queue(options);
}

#define LISTENER(...)                                                                                                  \
	CALLBACK_WITH(native, "event_fn", stream_event, .delivery = CBB_LISTENER, .queue = queue,                      \
	              .on_lost = stream_loss, .on_dropped = stream_dropped, .finalizer = stream_finalized, __VA_ARGS__)

static void send_from_native(cbb_callback *callback, int first, int n, int nonblocking)
{
	memset(statuses, 0x55, sizeof statuses);
	REMOTE(native, void(event_fn, int, int, int, int *), "native_send")(event_pointer(callback), first, n, nonblocking,
	                                                                    statuses);
	EXPECT_CALL_OK();
}

static void expect_statuses(int first, int n, int status)
{
	for (int i = first; i < first + n; i++)
		if (statuses[i] != status)
			FAIL("event %d: %d instead of %d", i, statuses[i], status);
}

static int user_call(const char *function, cbb_callback *callback)
{
	int status = REMOTE(native, int(event_fn), function)(event_pointer(callback));
	EXPECT_CALL_OK();
	return status;
}

static int release_from_native(cbb_callback *callback, int abort)
{
	int status = REMOTE(native, int(event_fn, int), "native_release")(event_pointer(callback), abort);
	EXPECT_CALL_OK();
	return status;
}

/* ---- D03 ---- */

/* The host hears of what was handled in its own time: those for which there is no room yet are sent again. */
static void fill_queue(cbb_callback *callback, int first, int n)
{
	uint64_t end_ms = foreign_deadline_ms();
	for (int i = 0; i < n && foreign_now_ms() < end_ms;) {
		send_from_native(callback, first + i, 1, 1);
		i += statuses[0] == CBB_NATIVE_OK;
	}
}

static void D03_a_nonblocking_send_to_a_full_queue_says_so_and_nothing_happened(void)
{
	cbb_queue_options options = {.size = sizeof options, .max_events = 4, .stall_timeout_ms = CBB_UNLIMITED};
	given_the_library(&options);
	cbb_callback *callback = LISTENER();
	for (int round = 0; round < 5; round++) {
		fill_queue(callback, 4 * round + 1, 4);
		send_from_native(callback, 4 * round + 5, 2, 1);
		expect_statuses(0, 2, CBB_NATIVE_FULL);
		EXPECT(dispatch_until(queue, &n_handled, 4 * round + 4));
		EXPECT_EQUAL(dispatch_all(queue), 0);
	}
	EXPECT_EQUAL(n_lost, 0);
	EXPECT_EQUAL(n_dropped, 0);
	EXPECT_EQUAL(stream_check(callback, 1), 21); /* those that found no room were sent again */
	EXPECT_EQUAL(remote_report().lost_events, 0);
	remote_end();
}

static void D03_not_to_wait_is_said_per_thread_and_until_it_is_changed(void)
{
	given_the_library(NULL);
	int (*set)(int) = REMOTE(native, int(int), "native_set_nonblocking_here");
	EXPECT_EQUAL(set(1), 0);
	EXPECT_EQUAL(set(1), 1);
	EXPECT_EQUAL(set(0), 1);
	EXPECT_EQUAL(set(0), 0);
	remote_end();
}

/* ---- D16 ---- */

static void D16_the_producer_sees_which_events_were_accepted_and_which_rejected(void)
{
	cbb_queue_options options = {.size = sizeof options, .max_events = 8};
	given_the_library(&options);
	cbb_callback *callback = LISTENER(.overflow = CBB_OVERFLOW_REJECT_NEWEST);
	send_from_native(callback, 1, 20, 0);
	expect_statuses(0, 8, CBB_NATIVE_OK);
	expect_statuses(8, 12, CBB_NATIVE_REJECTED);
	EXPECT(dispatch_until(queue, &n_accounted, 20));
	EXPECT_EQUAL(n_handled, 8);
	EXPECT_EQUAL(n_lost, 12);
	remote_end();
}

static void D16_the_producer_sees_that_it_waited_in_vain(void)
{
	cbb_queue_options options = {.size = sizeof options, .max_events = 4};
	given_the_library(&options);
	cbb_callback *callback = LISTENER(.wait_timeout_ms = 10);
	send_from_native(callback, 1, 6, 0);
	expect_statuses(0, 4, CBB_NATIVE_OK);
	expect_statuses(4, 2, CBB_NATIVE_TIMED_OUT);
	remote_end();
}

static void D16_the_producer_sees_that_it_is_too_fast_and_that_the_callback_is_closed(void)
{
	given_the_library(NULL);
	cbb_callback *callback = LISTENER(.rate_per_s = 1);
	send_from_native(callback, 1, 100, 0);
	EXPECT_EQUAL(statuses[0], CBB_NATIVE_OK);
	int n_too_fast = 0;
	for (int i = 0; i < 100; i++) {
		EXPECT(statuses[i] == CBB_NATIVE_OK || statuses[i] == CBB_NATIVE_RATE);
		n_too_fast += statuses[i] == CBB_NATIVE_RATE;
	}
	EXPECT(n_too_fast > 0);
	EXPECT(dispatch_until(queue, &n_accounted, 100));
	EXPECT_EQUAL(n_lost, n_too_fast);
	REMOTE_OK(cbb_callback_close(callback, NULL));
	send_from_native(callback, 101, 5, 0);
	expect_statuses(0, 5, CBB_NATIVE_CLOSING);
	remote_end();
}

/* ---- Calls that are answered ---- */

static int sum(int thread, int number)
{
	if (number < 0)
		REMOTE_OK(cbb_invocation_fail(cbb_invocation_current(), -5, "negative"));
	return SUM_OF(thread, number);
}

static int sum_status(cbb_callback *callback, int number)
{
	int status = 77;
	int answer = REMOTE(native, int(sum_fn, int, int, int *), "native_sum")(sum_pointer(callback), 1, number, &status);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(answer, status == CBB_NATIVE_OK ? SUM_OF(1, number) : SUM_ON_ERROR);
	return status;
}

static void D16_the_caller_sees_how_a_call_was_answered(void)
{
	cbb_queue_options options = {.size = sizeof options, .stall_timeout_ms = 20};
	given_the_library(&options);
	cbb_callback *blocking = CALLBACK_WITH(native, "sum_fn", sum, .delivery = CBB_BLOCKING);
	cbb_callback *local = CALLBACK_WITH(native, "sum_fn", sum, .delivery = CBB_LOCAL);
	cbb_callback *forgotten = CALLBACK_WITH(native, "sum_fn", sum, .delivery = CBB_BLOCKING, .queue = queue);
	EXPECT_EQUAL(sum_status(blocking, 1), CBB_NATIVE_OK);
	EXPECT_EQUAL(sum_status(blocking, -1), CBB_NATIVE_FAILED);
	EXPECT_EQUAL(sum_status(local, 1), CBB_NATIVE_WRONG_THREAD);
	EXPECT_EQUAL(sum_status(forgotten, 1), CBB_NATIVE_TIMEOUT);
	REMOTE_OK(cbb_callback_close(blocking, NULL));
	EXPECT_EQUAL(sum_status(blocking, 1), CBB_NATIVE_CLOSING);
	EXPECT_EQUAL(REMOTE(native, int(void), "native_status_here")(), CBB_NATIVE_UNKNOWN); /* this thread called none */
	remote_end();
}

/* ---- D06 ---- */

static void event_sending_more(void *user, int thread, int number, const char *text)
{
	stream_event(user, thread, number, text);
	if (number != 0)
		return;
	cbb_callback *own = cbb_invocation_callback(cbb_invocation_current());
	REMOTE(native, void(event_fn, int, int, int *), "native_send_here")(event_pointer(own), 1, 10, statuses);
	EXPECT_CALL_OK();
}

static void D06_the_caller_sees_that_its_wait_could_never_have_ended(void)
{
	cbb_queue_options options = {.size = sizeof options, .max_events = 4, .stall_timeout_ms = CBB_UNLIMITED};
	given_the_library(&options);
	cbb_callback *callback =
	    CALLBACK_WITH(native, "event_fn", event_sending_more, .delivery = CBB_LISTENER, .queue = queue,
	                  .on_lost = stream_loss);
	REMOTE(native, void(event_fn, int, int, int *), "native_send_here")(event_pointer(callback), 0, 1, statuses);
	EXPECT(dispatch_until(queue, &n_accounted, 11));
	for (int i = 0; i < 10; i++)
		EXPECT_EQUAL(statuses[i], i < 3 ? CBB_NATIVE_OK : CBB_NATIVE_WOULD_DEADLOCK); /* one of four is handled */
	remote_end();
}

static void D06_and_so_does_one_that_a_pull_queue_cannot_serve(void)
{
	cbb_queue_options options = {.size = sizeof options, .pull = 1, .stall_timeout_ms = CBB_UNLIMITED};
	cbb_invocation *invocation = NULL;
	given_the_library(&options);
	EXPECT_EQUAL(cbb_queue_next(queue, 0, &invocation), 0); /* this thread is its dispatcher, and waits in the call */
	cbb_callback *callback = CALLBACK_WITH(native, "sum_fn", sum, .delivery = CBB_BLOCKING, .queue = queue);
	EXPECT_EQUAL(sum_status(callback, 1), CBB_NATIVE_WOULD_DEADLOCK);
	remote_end();
}

/* ---- E12, E14, E15 ---- */

static void E12_native_code_releases_the_callback_and_what_is_queued_is_handled(void)
{
	given_the_library(NULL);
	cbb_callback *callback = LISTENER();
	send_from_native(callback, 1, 20, 0);
	EXPECT_EQUAL(release_from_native(callback, 0), CBB_NATIVE_OK);
	EXPECT_EQUAL(n_handled, 0);
	EXPECT_EQUAL(cbb_queue_run(queue), 0); /* until the callback has ended: nothing else keeps it */
	EXPECT_EQUAL(n_handled, 20);
	EXPECT_EQUAL(n_finalized, 1);
	EXPECT_EQUAL(stream[n_stream - 1].kind, STREAM_FINALIZED);
	send_from_native(callback, 21, 3, 0);
	expect_statuses(0, 3, CBB_NATIVE_CLOSING);
	EXPECT_EQUAL(cbb_callback_acquire(callback), CBB_ERR_CLOSED);
	remote_end();
}

static void E12_native_code_aborts_the_callback_and_what_is_queued_is_handed_back(void)
{
	given_the_library(NULL);
	cbb_callback *callback = LISTENER(.n_users = 5);
	send_from_native(callback, 1, 20, 0);
	EXPECT_EQUAL(release_from_native(callback, 1), CBB_NATIVE_OK); /* whoever else uses it */
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	EXPECT_EQUAL(n_handled, 0);
	EXPECT_EQUAL(n_dropped, 20);
	EXPECT_EQUAL(n_finalized, 1);
	EXPECT_EQUAL(stream_check(callback, 1), 21);
	remote_end();
}

static void E14_native_code_counts_as_a_user_and_the_last_of_both_sides_closes(void)
{
	given_the_library(NULL);
	cbb_callback *callback = LISTENER();
	EXPECT_EQUAL(user_call("native_acquire", callback), CBB_NATIVE_OK);
	send_from_native(callback, 1, 1, 0);
	EXPECT(dispatch_until(queue, &n_handled, 1)); /* in order with its events: it has been counted */
	EXPECT_EQUAL(cbb_callback_release(callback), 1);
	send_from_native(callback, 2, 5, 0);
	expect_statuses(0, 5, CBB_NATIVE_OK);
	EXPECT(dispatch_until(queue, &n_handled, 6));
	EXPECT_EQUAL(n_finalized, 0);
	EXPECT_EQUAL(release_from_native(callback, 0), CBB_NATIVE_OK);
	EXPECT(dispatch_until(queue, &n_finalized, 1));
	EXPECT_EQUAL(cbb_callback_acquire(callback), CBB_ERR_CLOSED);
	remote_end();
}

static void E15_after_abort_acquire_and_calls_of_native_code_say_closing(void)
{
	given_the_library(NULL);
	cbb_callback *callback = LISTENER();
	send_from_native(callback, 1, 3, 0);
	EXPECT(close_with(callback, CBB_CLOSE_ABORT, 0) >= 0);
	send_from_native(callback, 4, 3, 1);
	expect_statuses(0, 3, CBB_NATIVE_CLOSING);
	EXPECT_EQUAL(user_call("native_acquire", callback), CBB_NATIVE_CLOSING);
	EXPECT_EQUAL(user_call("native_ref", callback), CBB_NATIVE_CLOSING);
	EXPECT_EQUAL(user_call("native_unref", callback), CBB_NATIVE_CLOSING);
	EXPECT_EQUAL(release_from_native(callback, 0), CBB_NATIVE_CLOSING);
	EXPECT_EQUAL(REMOTE(native, int(void), "native_acquire_own")(), CBB_NATIVE_UNKNOWN);
	remote_end();
}

static void E14_native_code_says_whether_the_callback_keeps_the_programs_queue_running(void)
{
	given_the_library(NULL);
	cbb_callback *callback = LISTENER();
	EXPECT_EQUAL(user_call("native_unref", callback), CBB_NATIVE_OK);
	EXPECT_EQUAL(cbb_queue_run(queue), 0); /* at 0: it returns */
	EXPECT_EQUAL(user_call("native_ref", callback), CBB_NATIVE_OK);
	send_from_native(callback, 1, 1, 0);
	EXPECT(dispatch_until(queue, &n_handled, 1));
	EXPECT_EQUAL(cbb_callback_unref(callback), 0); /* it was 1 */
	remote_end();
}

static void D16_outside_of_a_host_a_library_that_asks_is_told_that_there_is_none(void)
{
	void *library = dlopen(harness_fixture_path("libfixture_native.so"), RTLD_NOW);
	REQUIRE(library != NULL);
	int (*status)(void) = NULL, (*acquire)(void) = NULL;
	*(void **)&status = dlsym(library, "native_status_here");
	*(void **)&acquire = dlsym(library, "native_acquire_own");
	REQUIRE(status && acquire);
	EXPECT_EQUAL(status(), CBB_NATIVE_NO_HOST);
	EXPECT_EQUAL(acquire(), CBB_NATIVE_NO_HOST);
	dlclose(library);
}

static const struct test tests[] = {
	TEST(D03_a_nonblocking_send_to_a_full_queue_says_so_and_nothing_happened),
	TEST(D03_not_to_wait_is_said_per_thread_and_until_it_is_changed),
	TEST(D16_the_producer_sees_which_events_were_accepted_and_which_rejected),
	TEST(D16_the_producer_sees_that_it_waited_in_vain),
	TEST(D16_the_producer_sees_that_it_is_too_fast_and_that_the_callback_is_closed),
	TEST(D16_the_caller_sees_how_a_call_was_answered),
	TEST(D16_outside_of_a_host_a_library_that_asks_is_told_that_there_is_none),
	TEST(D06_the_caller_sees_that_its_wait_could_never_have_ended),
	TEST(D06_and_so_does_one_that_a_pull_queue_cannot_serve),
	TEST(E12_native_code_releases_the_callback_and_what_is_queued_is_handled),
	TEST(E12_native_code_aborts_the_callback_and_what_is_queued_is_handed_back),
	TEST(E14_native_code_counts_as_a_user_and_the_last_of_both_sides_closes),
	TEST(E14_native_code_says_whether_the_callback_keeps_the_programs_queue_running),
	TEST(E15_after_abort_acquire_and_calls_of_native_code_say_closing),
};
HARNESS_MAIN(tests)
