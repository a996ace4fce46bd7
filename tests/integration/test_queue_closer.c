/* SPDX-License-Identifier: MIT */
/* Whoever closes a callback reads what has come for its queue: nothing of that is lost to those who dispatch. */
#include "support/foreign.h"

#include <pthread.h>

#define ROUNDS 200

static _Atomic long n_handled;

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static void event(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	n_handled++;
}

static void *thread_running(void *queue)
{
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	return NULL;
}

static bool was_handled(void *n)
{
	return n_handled >= *(long *)n;
}

/* The host hears of it, and does not call it. */
static cbb_callback *given_another(cbb_queue *queue)
{
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	EXPECT(THREADS(struct crew *(sum_fn, int, int), "crew_sums")(sum_pointer(callback), 0, 1) == NULL);
	EXPECT_CALL_OK();
	return callback;
}

/* Else it is whoever closes that dispatches the queue. */
static void wait_for_dispatcher(cbb_callback *sums, long n)
{
	struct puppet *puppet = given_a_puppet("first");
	tell_sum(puppet, sum_pointer(sums), 1, 0);
	EXPECT(harness_wait_until(was_handled, &n, FOREIGN_WAIT_MS));
	end_puppet(puppet);
}

/* One callback is closed while a native thread calls another, which is served elsewhere. */
static void expect_served(cbb_queue *queue, cbb_callback *events)
{
	cbb_callback *sums = CALLBACK_WITH(puppets_library, "sum_fn", sum, .delivery = CBB_BLOCKING, .queue = queue);
	int rounds = harness_slow() > 1 ? ROUNDS / 4 : ROUNDS;
	long n = 1;
	wait_for_dispatcher(sums, n);
	for (int i = 0; i < rounds && expect_failures() == 0; i++) {
		cbb_callback *closed = given_another(queue);
		struct puppet *puppet = given_a_puppet("caller");
		if (events)
			tell_event(puppet, event_pointer(events), NULL, i, "first");
		tell_sum(puppet, sum_pointer(sums), 1, i);
		EXPECT_EQUAL(cbb_callback_close(closed, NULL), 0);
		n += events ? 2 : 1;
		EXPECT(harness_wait_until(was_handled, &n, FOREIGN_WAIT_MS));
		EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(1, i));
		end_puppet(puppet);
	}
}

static void given_a_call_when_another_callback_is_closed_then_a_started_queue_serves_it(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	REMOTE_OK(cbb_queue_start(queue, 2));
	expect_served(queue, NULL);
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static void expect_served_by_a_run(bool with_events)
{
	pthread_t thread;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *keeping = given_another(queue);
	cbb_callback *events = with_events ? PUPPET_EVENTS(event, .queue = queue) : NULL;
	REQUIRE(pthread_create(&thread, NULL, thread_running, queue) == 0);
	expect_served(queue, events);
	REMOTE_OK(cbb_queue_stop(queue));
	pthread_join(thread, NULL);
	EXPECT(cbb_callback_close(keeping, NULL) == 0);
	remote_end();
}

static void given_a_call_when_another_callback_is_closed_then_the_run_serves_it(void)
{
	expect_served_by_a_run(false);
}

static void given_a_call_behind_an_event_when_another_callback_is_closed_then_the_run_serves_both(void)
{
	expect_served_by_a_run(true);
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_a_call_when_another_callback_is_closed_then_a_started_queue_serves_it, 90),
    TEST_TIMEOUT(given_a_call_when_another_callback_is_closed_then_the_run_serves_it, 90),
    TEST_TIMEOUT(given_a_call_behind_an_event_when_another_callback_is_closed_then_the_run_serves_both, 90),
};
HARNESS_MAIN(tests)
