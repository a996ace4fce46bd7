/* SPDX-License-Identifier: MIT */
/* A queue wakes whoever waits for it when there is something to do, and lets them sleep when there is not. */
#include "support/foreign.h"

#include <errno.h>
#include <pthread.h>

static _Atomic long n_handled, n_of[2];

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

/* The program's own loop: it sleeps on the descriptor, and dispatches without waiting. */
static bool loop_until(cbb_queue *queue, long n)
{
	while (n_handled < n) {
		if (!harness_wait_readable(cbb_queue_fd(queue), FOREIGN_WAIT_MS))
			return false;
		dispatch_ok(queue, 0);
	}
	return true;
}

static void given_an_event_and_a_first_call_at_once_when_a_loop_sleeps_on_the_descriptor_then_both_are_served(void)
{
	given_native_threads();
	for (int i = 1; i <= 5; i++) {
		cbb_queue *queue = QUEUE_WITH(); /* nobody dispatches it yet, also not in calls */
		cbb_callback *events = PUPPET_EVENTS(event, .queue = queue);
		cbb_callback *sums = PUPPET_SUMS(sum, .queue = queue);
		struct puppet *puppet = given_a_puppet("both");
		PUPPETS(int(struct puppet *), "puppet_hold")(puppet);
		tell_event(puppet, event_pointer(events), NULL, i, "first");
		tell_sum(puppet, sum_pointer(sums), 1, i);
		PUPPETS(void(struct puppet *), "puppet_release")(puppet);
		while (!puppet_says(puppet, "puppet_is_inside") || puppet_says(puppet, "puppet_done") < 1)
			;
		EXPECT(loop_until(queue, 2 * i));
		EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(1, i));
		end_puppet(puppet);
	}
	remote_end();
}

/* ---- A call that waits already ---- */

static bool is_awaited(void *puppet)
{
	return puppet_says(puppet, "puppet_is_awaited");
}

/* The first callback of the default queue, whose dispatcher waits in a call on the other puppet. */
static void *thread_passing_the_first_callback(void *other)
{
	EXPECT(harness_wait_until(is_awaited, other, FOREIGN_WAIT_MS));
	cbb_callback *callback = PUPPET_SUMS(sum, .queue = default_queue);
	struct puppet *puppet = given_a_puppet("caller");
	tell_sum(puppet, sum_pointer(callback), 1, 5);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(1, 5));
	end_puppet(puppet);
	PUPPETS(void(struct puppet *), "puppet_release")(other);
	return NULL;
}

static void given_a_dispatcher_in_a_call_when_its_queue_gets_its_first_callback_then_that_is_served(void)
{
	pthread_t thread;
	given_native_threads();
	struct puppet *other = given_a_puppet("held");
	EXPECT_EQUAL(PUPPETS(int(struct puppet *), "puppet_hold")(other), 0);
	REQUIRE(pthread_create(&thread, NULL, thread_passing_the_first_callback, other) == 0);
	wait_for_puppet(other);
	pthread_join(thread, NULL);
	EXPECT_EQUAL(n_handled, 1);
	end_puppet(other);
	remote_end();
}

/* Without an end, and always waiting for room. */
static void given_producers_that_never_stop_when_the_dispatcher_calls_then_the_call_returns(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = 4);
	cbb_callback *events = EVENT_CALLBACK(event, .queue = queue, .overflow = CBB_OVERFLOW_WAIT);
	dispatch_ok(queue, 0); /* this is its thread */
	struct crew *crew = given_events(event_pointer(events), NULL, 4, 0, 8);
	for (int i = 0; i < 200; i++)
		EXPECT(crew_has(crew, CREW_MADE) >= 0);
	EXPECT(n_handled > 0);
	free_crew(crew); /* serves those that wait meanwhile */
	remote_end();
}

/* ---- Many events in a row ---- */

static cbb_queue *stopped_queue;

static void event_in_order(void *user, int thread, int number, const char *text)
{
	event(user, thread, number, text);
	EXPECT_EQUAL(number, n_handled);
	if (number == 20)
		REMOTE_OK(cbb_queue_stop(stopped_queue));
}

static void given_many_events_in_a_row_when_a_turn_ends_among_them_then_the_others_wait_for_the_next(void)
{
	given_native_threads();
	stopped_queue = QUEUE_WITH();
	cbb_callback *events = PUPPET_EVENTS(event_in_order, .queue = stopped_queue);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(events), NULL, 1, 100);
	REQUIRE(puppet_reaches(puppet, 100));
	REQUIRE(dispatch_until(stopped_queue, &n_handled, 1));
	while (n_handled < 15) {
		long before = n_handled;
		int n = cbb_queue_dispatch(stopped_queue, FOREIGN_WAIT_MS, 3);
		EXPECT(n >= 1 && n <= 3);
		EXPECT_EQUAL(n_handled, before + n);
	}
	EXPECT(dispatch_until(stopped_queue, &n_handled, 20));
	EXPECT_EQUAL(n_handled, 20);
	EXPECT(dispatch_until(stopped_queue, &n_handled, 100));
	EXPECT_EQUAL(n_handled, 100);
	end_puppet(puppet);
	remote_end();
}

/* ---- A slow handler ---- */

static void slow_event(void *user, int thread, int number, const char *text)
{
	uint64_t end_ms = foreign_now_ms() + 60;
	while (foreign_now_ms() < end_ms)
		;
	event(user, thread, number, text);
}

static void on_failure(const cbb_failure *failure, void *user_data)
{
	(void)user_data;
	FAIL("%s", failure->text);
}

/* What the queue has done is told long before it has done most of what is on its way. */
static void given_slow_handlers_when_a_producer_waits_for_room_then_that_does_not_count_as_a_stall(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = 128, .stall_timeout_ms = 2000);
	cbb_callback *events = EVENT_CALLBACK(slow_event, .queue = queue, .overflow = CBB_OVERFLOW_WAIT);
	struct crew *crew = given_events(event_pointer(events), NULL, 1, 140, 8);
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, NULL));
	EXPECT(dispatch_until(queue, &n_handled, 70)); /* half of them were on their way at first */
	THREADS(void(struct crew *), "crew_stop")(crew);
	remote_end();
}

/* ---- A pull queue ---- */

static cbb_invocation *fetched(cbb_queue *queue)
{
	cbb_invocation *invocation = NULL;
	REQUIRE_EQUAL(cbb_queue_next(queue, FOREIGN_WAIT_MS, &invocation), 1);
	return invocation;
}

static void complete_sum(cbb_invocation *invocation, int status)
{
	void *const *arguments = cbb_invocation_arguments(invocation);
	int value = SUM_OF(*(int *)arguments[0], *(int *)arguments[1]);
	EXPECT_EQUAL(cbb_invocation_complete(invocation, &value, sizeof value), status);
}

/* There is nothing to fetch; what comes meanwhile is read, and then the descriptor stays quiet. */
static bool becomes_quiet(cbb_queue *queue)
{
	cbb_invocation *none = NULL;
	uint64_t end_ms = foreign_deadline_ms();
	do
		EXPECT_EQUAL(cbb_queue_next(queue, 0, &none), 0);
	while (harness_wait_readable(cbb_queue_fd(queue), 50) && foreign_now_ms() < end_ms);
	return foreign_now_ms() < end_ms;
}

static uint64_t processor_ms(void)
{
	struct timespec used;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static struct puppet *given_an_event_and_a_sum(cbb_callback *events, cbb_callback *sums)
{
	struct puppet *puppet = given_a_puppet("both");
	tell_event(puppet, event_pointer(events), NULL, 1, "first");
	tell_sum(puppet, sum_pointer(sums), 1, 1);
	return puppet;
}

static void given_a_call_behind_an_event_that_was_fetched_then_others_are_served_and_it_follows(void)
{
	cbb_invocation *none = NULL;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.pull = 1);
	cbb_callback *events = PUPPET_EVENTS(event, .queue = queue);
	cbb_callback *sums = PUPPET_SUMS(sum, .queue = queue);
	struct puppet *puppet = given_an_event_and_a_sum(events, sums);
	cbb_invocation *first = fetched(queue);
	EXPECT_EQUAL(cbb_invocation_is_event(first), 1);
	uint64_t before_ms = processor_ms();
	EXPECT_EQUAL(cbb_queue_next(queue, 400, &none), 0); /* its thread is busy */
	EXPECT(processor_ms() - before_ms < 200);           /* that costs nothing */
	struct puppet *other = given_a_puppet("other");
	tell_event(other, event_pointer(events), NULL, 2, "of another thread");
	cbb_invocation *second = fetched(queue);
	EXPECT_EQUAL(cbb_invocation_is_event(second), 1);
	EXPECT_EQUAL(cbb_invocation_complete(second, NULL, 0), 0);
	EXPECT(becomes_quiet(queue));
	EXPECT_EQUAL(cbb_invocation_complete(first, NULL, 0), 0);
	EXPECT(harness_wait_readable(cbb_queue_fd(queue), FOREIGN_WAIT_MS));
	complete_sum(fetched(queue), 0);
	end_puppet(other);
	end_puppet(puppet);
	remote_end();
}

/*
 * Until the host has read a late answer the thread's calls get on_error at once; and on a busy machine a deadline may
 * pass before the call is fetched. Then native code asks once more.
 */
static cbb_invocation *fetched_in_the_end(cbb_queue *queue, struct puppet *puppet, cbb_callback *callback)
{
	cbb_invocation *invocation = NULL;
	uint64_t end_ms = foreign_deadline_ms();
	for (long n = puppet_says(puppet, "puppet_done"); !invocation && foreign_now_ms() < end_ms; n++) {
		tell_sum(puppet, sum_pointer(callback), 1, 2);
		while (cbb_queue_next(queue, 100, &invocation) == 0 && puppet_says(puppet, "puppet_done") <= n)
			;
	}
	REQUIRE(invocation != NULL);
	return invocation;
}

static void given_a_fetched_call_whose_deadline_has_passed_then_the_queue_sleeps(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.pull = 1);
	cbb_callback *sums = PUPPET_SUMS(sum, .queue = queue, .timeout_ms = 100 * harness_slow());
	cbb_callback *patient = PUPPET_SUMS(sum, .queue = queue);
	struct puppet *puppet = given_a_puppet("caller");
	cbb_invocation *late = fetched_in_the_end(queue, puppet, sums);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	EXPECT(becomes_quiet(queue));
	complete_sum(late, CBB_ERR_TIMEOUT);
	complete_sum(fetched_in_the_end(queue, puppet, patient), 0);
	end_puppet(puppet);
	remote_end();
}

static void given_a_fetched_call_whose_host_has_died_then_the_queue_sleeps(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.pull = 1);
	cbb_callback *sums = PUPPET_SUMS(sum, .queue = queue);
	struct puppet *puppet = given_a_puppet("caller");
	tell_sum(puppet, sum_pointer(sums), 1, 1);
	cbb_invocation *orphan = fetched(queue);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT(becomes_quiet(queue));
	complete_sum(orphan, CBB_ERR_HOST_DIED);
	remote_end();
}

/* ---- Several native threads ---- */

static int sum_counting(int thread, int number)
{
	n_of[thread]++;
	return SUM_OF(thread, number);
}

static void *thread_running(void *queue)
{
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	return NULL;
}

static bool second_was_served(void *n)
{
	return n_of[1] >= *(long *)n;
}

static void given_a_native_thread_that_always_calls_again_then_another_is_served_too(void)
{
	long n = 20;
	pthread_t thread;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = SUM_CALLBACK(sum_counting, .delivery = CBB_BLOCKING, .queue = queue);
	cbb_callback *others = PUPPET_SUMS(sum_counting, .queue = queue);
	REQUIRE(pthread_create(&thread, NULL, thread_running, queue) == 0);
	struct crew *crew = given_sums(sum_pointer(callback), 1, 0); /* as thread 0, until it is stopped */
	struct puppet *puppet = given_a_puppet("second");
	for (int i = 0; i < n; i++)
		tell_sum(puppet, sum_pointer(others), 1, i);
	EXPECT(harness_wait_until(second_was_served, &n, FOREIGN_WAIT_MS));
	THREADS(void(struct crew *), "crew_stop")(crew);
	join_crew(crew);
	free_crew(crew);
	end_puppet(puppet);
	REMOTE_OK(cbb_queue_stop(queue));
	pthread_join(thread, NULL);
	remote_end();
}

/* ---- Threads of the queue's own ---- */

static cbb_deferred *deferred;

static int sum_deferring(int thread, int number)
{
	(void)thread, (void)number;
	REMOTE_OK(cbb_invocation_defer(cbb_invocation_current(), &deferred));
	n_handled++;
	return 0;
}

/* On a busy machine the deadline may pass before the handler begins: then native code asks once more. */
static void given_a_started_queue_when_the_deadline_of_a_deferred_answer_passes_then_the_answer_says_so(void)
{
	int value = 5;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	REMOTE_OK(cbb_queue_start(queue, 2));
	cbb_callback *callback = PUPPET_SUMS(sum_deferring, .queue = queue, .timeout_ms = 100);
	struct puppet *puppet = given_a_puppet("caller");
	for (uint64_t end_ms = foreign_deadline_ms(); n_handled == 0 && foreign_now_ms() < end_ms;) {
		tell_sum(puppet, sum_pointer(callback), 1, 1);
		EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	}
	REQUIRE_EQUAL(n_handled, 1);
	EXPECT_EQUAL(cbb_deferred_answer(deferred, &value, sizeof value), CBB_ERR_TIMEOUT); /* the first already */
	cbb_deferred_free(deferred);
	end_puppet(puppet);
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static const struct test tests[] = {
	TEST(given_an_event_and_a_first_call_at_once_when_a_loop_sleeps_on_the_descriptor_then_both_are_served),
	TEST(given_a_dispatcher_in_a_call_when_its_queue_gets_its_first_callback_then_that_is_served),
	TEST(given_producers_that_never_stop_when_the_dispatcher_calls_then_the_call_returns),
	TEST(given_many_events_in_a_row_when_a_turn_ends_among_them_then_the_others_wait_for_the_next),
	TEST(given_slow_handlers_when_a_producer_waits_for_room_then_that_does_not_count_as_a_stall),
	TEST(given_a_call_behind_an_event_that_was_fetched_then_others_are_served_and_it_follows),
	TEST(given_a_fetched_call_whose_deadline_has_passed_then_the_queue_sleeps),
	TEST(given_a_fetched_call_whose_host_has_died_then_the_queue_sleeps),
	TEST(given_a_native_thread_that_always_calls_again_then_another_is_served_too),
	TEST(given_a_started_queue_when_the_deadline_of_a_deferred_answer_passes_then_the_answer_says_so),
};
HARNESS_MAIN(tests)
