/* SPDX-License-Identifier: MIT */
/* C07: queues with threads of their own. */
#include "support/foreign.h"

#include <errno.h>
#include <pthread.h>

static _Atomic long n_handled;

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static pthread_mutex_t meeting_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t meeting_changed = PTHREAD_COND_INITIALIZER;
static int n_running, n_running_most, n_expected;
static pid_t meeting_thread;

/* Waits until as many handlers run as are expected, so that they are seen side by side. */
static int sum_meeting_others(int thread, int number)
{
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 10 * harness_slow();
	EXPECT(gettid() != meeting_thread); /* the queue's own threads run handlers */
	pthread_mutex_lock(&meeting_lock);
	if (++n_running > n_running_most)
		n_running_most = n_running;
	pthread_cond_broadcast(&meeting_changed);
	while (n_running_most < n_expected)
		if (pthread_cond_timedwait(&meeting_changed, &meeting_lock, &end) != 0)
			break;
	n_running--;
	pthread_mutex_unlock(&meeting_lock);
	n_handled++;
	return SUM_OF(thread, number);
}

static void C07_handlers_of_a_started_queue_run_in_parallel(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	n_expected = 4;
	meeting_thread = gettid();
	REMOTE_OK(cbb_queue_start(queue, 4));
	EXPECT_EQUAL(cbb_queue_start(queue, 4), CBB_ERR_BUSY);
	EXPECT_EQUAL(cbb_queue_dispatch(queue, 0, 0), CBB_ERR_UNSUPPORTED);
	cbb_callback *callback = SUM_CALLBACK(sum_meeting_others, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 8, 20);
	join_crew(crew);
	EXPECT_EQUAL(n_running_most, 4); /* not more, either */
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 160);
	free_crew(crew);
	EXPECT(cbb_queue_close(queue) == NULL); /* its threads end with it: the harness looks */
	remote_end();
}

static _Atomic int n_of_thread[8], next_of_thread[8];

static void event_never_beside_itself(void *user, int thread, int number, const char *text)
{
	(void)user, (void)text;
	EXPECT_EQUAL(n_of_thread[thread]++, 0);
	EXPECT_EQUAL(next_of_thread[thread]++, number);
	n_of_thread[thread]--;
	n_handled++;
}

static bool all_handled(void *n)
{
	return n_handled == *(long *)n;
}

static void C07_of_one_native_thread_never_two_handlers_at_once_and_in_order(void)
{
	long n = 8 * 400;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	REMOTE_OK(cbb_queue_start(queue, 4));
	cbb_callback *callback = EVENT_CALLBACK(event_never_beside_itself, .queue = queue);
	struct crew *crew = given_events(event_pointer(callback), NULL, 8, 400, 0);
	join_crew(crew);
	EXPECT(harness_wait_until(all_handled, &n, FOREIGN_WAIT_MS));
	free_crew(crew);
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static cbb_callback *nested_callback;

/* The native code that it calls calls the same callback: only this very thread could answer. */
static int sum_calling_back(int thread, int number)
{
	if (number == 0)
		return sum(thread, 0);
	return THREADS(int(sum_fn, int, int), "sum_here")(sum_pointer(nested_callback), thread, number - 1);
}

static void C07_what_is_called_under_a_handler_of_a_started_queue_is_nested_in_it(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	REMOTE_OK(cbb_queue_start(queue, 1));
	nested_callback = SUM_CALLBACK(sum_calling_back, .delivery = CBB_BLOCKING, .queue = queue);
	EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_elsewhere")(sum_pointer(nested_callback), 5, 3), SUM_OF(5, 0));
	EXPECT_CALL_OK();
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static void C07_a_queue_that_was_dispatched_and_is_started_runs_on_its_threads_only(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	EXPECT_EQUAL(cbb_queue_dispatch(queue, 0, 0), 0);
	REMOTE_OK(cbb_queue_start(queue, 1));
	n_expected = 1;
	meeting_thread = gettid();
	cbb_callback *callback = SUM_CALLBACK(sum_meeting_others, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 4, 20);
	THREADS(void(struct crew *), "crew_join")(crew); /* a call of the thread that dispatched it once */
	EXPECT_EQUAL(n_running_most, 1);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 80);
	free_crew(crew);
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static void C07_the_number_of_threads_has_limits(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	EXPECT_EQUAL(cbb_queue_start(queue, 0), -EINVAL);
	EXPECT_EQUAL(cbb_queue_start(queue, 257), -EINVAL);
	REMOTE_OK(cbb_queue_start(queue, 256));
	EXPECT(cbb_queue_close(queue) == NULL);
	cbb_queue *pull = QUEUE_WITH(.pull = 1);
	EXPECT_EQUAL(cbb_queue_start(pull, 1), CBB_ERR_UNSUPPORTED);
	EXPECT(cbb_queue_close(pull) == NULL);
	remote_end();
}

static const struct test tests[] = {
	TEST(C07_handlers_of_a_started_queue_run_in_parallel),
	TEST(C07_of_one_native_thread_never_two_handlers_at_once_and_in_order),
	TEST(C07_what_is_called_under_a_handler_of_a_started_queue_is_nested_in_it),
	TEST(C07_a_queue_that_was_dispatched_and_is_started_runs_on_its_threads_only),
	TEST(C07_the_number_of_threads_has_limits),
};
HARNESS_MAIN(tests)
