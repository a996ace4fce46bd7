/* SPDX-License-Identifier: MIT */
/* E03 to E05 for calls of native threads. E14, E15: users of a callback. E16: a library goes while its threads call. */
#include "support/stream.h"

#include <signal.h>

static _Atomic long n_sums;

static int sum(int thread, int number)
{
	n_sums++;
	return SUM_OF(thread, number);
}

static int ask_elsewhere(cbb_callback *callback, int number)
{
	int answer = THREADS(int(sum_fn, int, int), "sum_elsewhere")(sum_pointer(callback), 1, number);
	EXPECT_CALL_OK();
	return answer;
}

/* ---- E03 to E05 ---- */

static int sum_closing(int thread, int number)
{
	cbb_callback *callback = cbb_invocation_callback(cbb_invocation_current());
	EXPECT(cbb_callback_close(callback, NULL) >= 0);
	EXPECT(cbb_callback_close(callback, NULL) >= 0);
	return sum(thread, number);
}

static void E03_closing_inside_the_handler_of_a_native_threads_call_is_safe(void)
{
	given_native_threads();
	cbb_callback *callback = SUM_CALLBACK(sum_closing, .delivery = CBB_BLOCKING, .finalizer = stream_finalized);
	EXPECT_EQUAL(ask_elsewhere(callback, 3), SUM_OF(1, 3)); /* the running one still gives its result */
	EXPECT_EQUAL(ask_elsewhere(callback, 4), SUM_ON_ERROR);
	EXPECT_EQUAL(n_sums, 1);
	dispatch_all(default_queue);
	EXPECT_EQUAL(n_finalized, 1);
	remote_end();
}

static void E04_late_calls_of_native_threads_get_the_default_and_are_counted(void)
{
	given_native_threads();
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .name = "gone");
	REMOTE_OK(cbb_callback_close(callback, &(cbb_close_options){.size = sizeof(cbb_close_options), .where = "there"}));
	struct crew *crew = given_sums(sum_pointer(callback), 8, 1000);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 8000);
	EXPECT_EQUAL(n_sums, 0);
	cbb_report report = remote_report();
	EXPECT_EQUAL(report.late_calls, 8000);
	EXPECT_CONTAINS(report.notice, "gone");
	EXPECT_CONTAINS(report.notice, "there");
	free_crew(crew);
	remote_end();
}

static void E05_callbacks_whose_queue_is_gone_can_still_be_passed_and_give_the_default(void)
{
	cbb_callback *callbacks[4];
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	dispatch_all(queue); /* this thread is its dispatcher */
	for (int i = 0; i < 4; i++) {
		int32_t delivery = i / 2 ? CBB_BLOCKING : CBB_AUTO;
		callbacks[i] = SUM_CALLBACK(sum, .delivery = delivery, .queue = queue, .finalizer = stream_finalized);
		if (i % 2) /* the others the host never saw open */
			EXPECT_EQUAL(ask_elsewhere(callbacks[i], 1), SUM_OF(1, 1));
	}
	EXPECT(cbb_queue_close(queue) == NULL);
	EXPECT_EQUAL(n_finalized, 4);
	for (int i = 0; i < 8; i++) {
		EXPECT_EQUAL(ask_elsewhere(callbacks[i % 4], i), SUM_ON_ERROR);
		EXPECT_EQUAL(sum_pointer(callbacks[i % 4])(1, i), SUM_ON_ERROR);
		EXPECT_EQUAL(cbb_callback_close(callbacks[i % 4], NULL), 0);
	}
	EXPECT_EQUAL(n_sums, 2);
	EXPECT_EQUAL(remote_report().late_calls, 8);
	remote_end();
	EXPECT_EQUAL(n_finalized, 4);
}

/* ---- E14, E15 ---- */

static void E14_users_are_counted_and_the_last_that_releases_closes(void)
{
	given_native_threads();
	cbb_callback *callback =
	    SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .n_users = 3, .finalizer = stream_finalized);
	EXPECT_EQUAL(cbb_callback_acquire(callback), 4);
	EXPECT_EQUAL(cbb_callback_release(callback), 3);
	EXPECT_EQUAL(cbb_callback_release(callback), 2);
	EXPECT_EQUAL(cbb_callback_release(callback), 1);
	EXPECT_EQUAL(ask_elsewhere(callback, 1), SUM_OF(1, 1));
	EXPECT_EQUAL(n_finalized, 0);
	EXPECT_EQUAL(cbb_callback_release(callback), 0);
	EXPECT(dispatch_until(default_queue, &n_finalized, 1));
	EXPECT_EQUAL(ask_elsewhere(callback, 1), SUM_ON_ERROR);
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	EXPECT_EQUAL(n_finalized, 1);
	remote_end();
}

static void E14_one_user_by_default_and_what_is_queued_is_drained(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 30);
	REQUIRE(puppet_reaches(puppet, 30));
	EXPECT_EQUAL(cbb_callback_release(callback), 0); /* without waiting */
	EXPECT_EQUAL(n_handled, 0);
	EXPECT(dispatch_until(queue, &n_finalized, 1));
	EXPECT_EQUAL(n_handled, 30);
	EXPECT_EQUAL(stream[n_stream - 1].kind, STREAM_FINALIZED);
	end_puppet(puppet);
	remote_end();
}

static void E15_after_abort_or_the_last_release_everything_says_closed(void)
{
	given_native_threads();
	cbb_callback *aborted = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING);
	cbb_callback *released = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING);
	EXPECT_EQUAL(close_with(aborted, CBB_CLOSE_ABORT, 0), 0);
	EXPECT_EQUAL(cbb_callback_release(released), 0);
	cbb_callback *const both[] = {aborted, released};
	for (int i = 0; i < 2; i++) {
		EXPECT_EQUAL(cbb_callback_acquire(both[i]), CBB_ERR_CLOSED);
		EXPECT_EQUAL(cbb_callback_release(both[i]), CBB_ERR_CLOSED);
		EXPECT_EQUAL(cbb_callback_ref(both[i]), CBB_ERR_CLOSED);
		EXPECT_EQUAL(cbb_callback_unref(both[i]), CBB_ERR_CLOSED);
		EXPECT_EQUAL(ask_elsewhere(both[i], 1), SUM_ON_ERROR);
		EXPECT_EQUAL(sum_pointer(both[i])(1, 1), SUM_ON_ERROR); /* called here */
		EXPECT_EQUAL(cbb_last_error(), CBB_ERR_CLOSED);
	}
	EXPECT_EQUAL(n_sums, 0);
	remote_end();
}

/* ---- E16 ---- */

static void given_a_library_in_full_swing(cbb_host *host, cbb_queue *queue)
{
	given_native_threads_in(host);
	cbb_callback *asking = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	cbb_callback *events = STREAM_CALLBACK(.queue = queue);
	long before = n_sums, events_before = n_handled;
	given_sums(sum_pointer(asking), 4, 0);
	given_events(event_pointer(events), NULL, 4, 0, 0);
	EXPECT(dispatch_until(queue, &n_sums, before + 20));
	EXPECT(dispatch_until(queue, &n_handled, events_before + 20));
}

static void E16_a_library_goes_while_its_own_threads_call(void)
{
	given_a_host();
	default_queue = cbb_queue_default(remote_client);
	cbb_queue *queue = QUEUE_WITH();
	for (int round = 0; round < 6; round++) {
		cbb_host *host = round % 3 ? remote_open_host() : remote_host;
		given_a_library_in_full_swing(host, round % 2 ? default_queue : queue);
		long finalized = n_finalized;
		pid_t pid = cbb_host_pid(host);
		if (round % 3 == 2)
			REMOTE_OK(cbb_host_kill(host));
		EXPECT(cbb_host_close(host) == NULL);
		EXPECT(harness_wait_gone(pid, FOREIGN_WAIT_MS));
		dispatch_all(round % 2 ? default_queue : queue); /* nothing of it comes any more */
		EXPECT_EQUAL(n_finalized, finalized + 1);
		if (round % 3 == 0)
			remote_host = remote_open_host();
	}
	remote_end();
}

static void E16_a_library_dies_while_its_own_threads_call_and_the_next_one_works(void)
{
	given_a_host();
	default_queue = cbb_queue_default(remote_client);
	for (int round = 0; round < 3; round++) {
		given_a_library_in_full_swing(remote_host, default_queue);
		REQUIRE(kill(cbb_host_pid(remote_host), round % 2 ? SIGSEGV : SIGKILL) == 0);
		EXPECT(dispatch_until(default_queue, &n_finalized, round + 1));
		EXPECT_EQUAL(remote_report().state, CBB_HOST_ENDED);
		remote_host = remote_open_host();
	}
	remote_end();
}

static const struct test tests[] = {
	TEST(E03_closing_inside_the_handler_of_a_native_threads_call_is_safe),
	TEST(E04_late_calls_of_native_threads_get_the_default_and_are_counted),
	TEST(E05_callbacks_whose_queue_is_gone_can_still_be_passed_and_give_the_default),
	TEST(E14_users_are_counted_and_the_last_that_releases_closes),
	TEST(E14_one_user_by_default_and_what_is_queued_is_drained),
	TEST(E15_after_abort_or_the_last_release_everything_says_closed),
	TEST(E16_a_library_goes_while_its_own_threads_call),
	TEST(E16_a_library_dies_while_its_own_threads_call_and_the_next_one_works),
};
HARNESS_MAIN(tests)
