/* SPDX-License-Identifier: MIT */
/* Many threads of a library that call back at once, and the waits that must end. */
#include "support/stream.h"

#include <pthread.h>

#define N_THREADS 64

static _Atomic long n_sums;
static _Atomic int next_of_thread[N_THREADS];

static unsigned scaled(unsigned n)
{
	return harness_slow() > 4 ? n / 100 : harness_slow() > 1 ? n / 20 : n;
}

static int sum(int thread, int number)
{
	n_sums++;
	return SUM_OF(thread, number);
}

static int sum_in_order(int thread, int number)
{
	if (next_of_thread[thread % N_THREADS]++ != number)
		FAIL("thread %d: number %d comes out of order", thread, number);
	return sum(thread, number);
}

/* ---- Right values ---- */

static void expect_all_right(struct crew *crew, long n)
{
	EXPECT_EQUAL(crew_has(crew, CREW_MADE), n);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), n);
	EXPECT_EQUAL(n_sums, n);
	free_crew(crew);
	cbb_report report = remote_report();
	EXPECT_EQUAL(report.wrong_thread_calls, 0);
	EXPECT_EQUAL(report.late_calls, 0);
	EXPECT_EQUAL(report.callbacks, n);
	remote_end();
}

static void given_64_threads_with_10000_blocking_callbacks_each_then_every_value_is_right(void)
{
	int n_calls = (int)scaled(10000);
	given_native_threads();
	cbb_callback *callback = SUM_CALLBACK(sum_in_order, .delivery = CBB_BLOCKING);
	struct crew *crew = given_sums(sum_pointer(callback), N_THREADS, n_calls);
	EXPECT(dispatch_until(default_queue, &n_sums, (long)N_THREADS * n_calls / 2));
	join_crew(crew); /* the other half while this thread waits in a call */
	expect_all_right(crew, (long)N_THREADS * n_calls);
}

static void given_64_threads_and_a_queue_on_4_threads_then_every_value_is_right(void)
{
	int n_calls = (int)scaled(2000);
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	REMOTE_OK(cbb_queue_start(queue, 4));
	cbb_callback *callback = SUM_CALLBACK(sum_in_order, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), N_THREADS, n_calls);
	join_crew(crew);
	expect_all_right(crew, (long)N_THREADS * n_calls);
}

/* More threads than lanes in the pool: lanes are lent. */
static void given_200_threads_at_once_then_every_value_is_right(void)
{
	int n_calls = (int)scaled(200);
	given_native_threads();
	struct crew *crew = given_sums(sum, 200, n_calls);
	EXPECT(dispatch_until(default_queue, &n_sums, 200l * n_calls / 2));
	join_crew(crew);
	expect_all_right(crew, 200l * n_calls);
}

static void given_1000_threads_that_live_for_one_call_then_every_value_is_right(void)
{
	int n_at_once = 8, n_each = 125;
	given_native_threads();
	struct crew *crew = THREADS(struct crew *(sum_fn, int, int), "crew_short")(sum, n_at_once, n_each);
	EXPECT(dispatch_until(default_queue, &n_sums, 500));
	join_crew(crew);
	expect_all_right(crew, 1000);
}

static void given_1000_threads_that_live_for_one_call_all_at_once_then_every_value_is_right(void)
{
	int n = harness_slow() > 1 ? 200 : 1000;
	given_native_threads();
	struct crew *crew = given_sums(sum, n, 1);
	join_crew(crew);
	expect_all_right(crew, n);
}

/* ---- Waits that must end ---- */

static void given_workers_in_callbacks_when_stop_joins_them_then_it_returns(void)
{
	given_native_threads();
	for (int round = 0; round < 10; round++) {
		long before = n_sums;
		cbb_queue *queue = QUEUE_WITH();
		cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
		struct crew *crew = given_sums(sum_pointer(callback), 8, 0);
		EXPECT(dispatch_until(queue, &n_sums, before + 50));
		long n_made = free_crew(crew); /* stop and join, while each of them may wait for this thread */
		EXPECT(n_made >= 50);
		EXPECT_EQUAL(n_sums - before, n_made);
		EXPECT(cbb_queue_close(queue) == NULL);
	}
	remote_end();
}

static void given_producers_at_a_full_queue_when_its_dispatcher_waits_in_a_call_then_they_go_on(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = 2, .stall_timeout_ms = CBB_UNLIMITED);
	dispatch_all(queue); /* this thread is its dispatcher */
	cbb_callback *events = STREAM_CALLBACK(.queue = queue);
	struct crew *crew = given_events(event_pointer(events), NULL, 8, (int)scaled(500), 0);
	long n_made = free_crew(crew);
	EXPECT(dispatch_until(queue, &n_handled, n_made));
	EXPECT_EQUAL(n_lost, 0);
	remote_end();
}

static void given_events_and_blocking_calls_mixed_when_stop_joins_all_then_it_returns(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = 8, .stall_timeout_ms = CBB_UNLIMITED);
	dispatch_all(queue);
	cbb_callback *events = STREAM_CALLBACK(.queue = queue);
	cbb_callback *asking = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crews[] = {given_events(event_pointer(events), NULL, 4, 0, 0), given_sums(sum_pointer(asking), 4, 0)};
	EXPECT(dispatch_until(queue, &n_sums, 50));
	EXPECT(dispatch_until(queue, &n_handled, 50));
	long n_sent = free_crew(crews[0]), n_asked = free_crew(crews[1]);
	EXPECT(dispatch_until(queue, &n_handled, n_sent));
	EXPECT_EQUAL(n_sums, n_asked);
	EXPECT_EQUAL(n_handled, n_sent);
	remote_end();
}

/* Inside a handler this thread serves its own chain only: a worker that needs it gets the default in the end. */
static int sum_asking_elsewhere(int thread, int number)
{
	int answer = THREADS(int(sum_fn, int, int), "sum_elsewhere")(
	    sum_pointer(cbb_invocation_user_data(cbb_invocation_current())), thread, number);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(answer, SUM_ON_ERROR);
	return SUM_OF(thread, number);
}

/* On a busy machine the outer call may wait in vain, too, before its handler begins: then it is made once more. */
static void given_a_handler_that_waits_for_a_worker_that_waits_for_its_queue_then_the_stalled_wait_ends(void)
{
	int answer = SUM_ON_ERROR;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.stall_timeout_ms = 100);
	cbb_callback *inner = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	cbb_callback *outer =
	    SUM_CALLBACK(sum_asking_elsewhere, .delivery = CBB_BLOCKING, .queue = queue, .user_data = inner);
	dispatch_all(queue);
	for (uint64_t end_ms = foreign_deadline_ms(); answer == SUM_ON_ERROR && foreign_now_ms() < end_ms;)
		answer = THREADS(int(sum_fn, int, int), "sum_elsewhere")(sum_pointer(outer), 1, 1);
	EXPECT_EQUAL(answer, SUM_OF(1, 1));
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_sums, 0);
	remote_end();
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_64_threads_with_10000_blocking_callbacks_each_then_every_value_is_right, 120),
	TEST_TIMEOUT(given_64_threads_and_a_queue_on_4_threads_then_every_value_is_right, 90),
	TEST_TIMEOUT(given_200_threads_at_once_then_every_value_is_right, 90),
	TEST_TIMEOUT(given_1000_threads_that_live_for_one_call_then_every_value_is_right, 60),
	TEST_TIMEOUT(given_1000_threads_that_live_for_one_call_all_at_once_then_every_value_is_right, 60),
	TEST(given_workers_in_callbacks_when_stop_joins_them_then_it_returns),
	TEST(given_producers_at_a_full_queue_when_its_dispatcher_waits_in_a_call_then_they_go_on),
	TEST(given_events_and_blocking_calls_mixed_when_stop_joins_all_then_it_returns),
	TEST(given_a_handler_that_waits_for_a_worker_that_waits_for_its_queue_then_the_stalled_wait_ends),
};
HARNESS_MAIN(tests)
