/* SPDX-License-Identifier: MIT */
/*
 * A call names queues by bits, of which there are as many as queues may be open and served in calls: a queue that is
 * closed gives its bit back, and what was said of it before holds for no other.
 */
#include "support/foreign.h"

#include <pthread.h>

#define BITS 64

static _Atomic long n_handled, n_failures;
static _Atomic pid_t handler_ran_on;
static char failure_text[512];

static int sum(int thread, int number)
{
	handler_ran_on = gettid();
	n_handled++;
	return SUM_OF(thread, number);
}

/* This thread becomes its dispatcher. */
static cbb_queue *given_a_queue_of_this_thread(uint64_t stall_timeout_ms)
{
	cbb_queue *queue = QUEUE_WITH(.stall_timeout_ms = stall_timeout_ms);
	dispatch_ok(queue, 0);
	return queue;
}

static void close_queue(cbb_queue *queue)
{
	REQUIRE(cbb_queue_close(queue) == NULL);
}

/* So that its hosts have heard of it. */
static void use(cbb_queue *queue)
{
	cbb_callback *callback = SUM_CALLBACK(sum, .queue = queue);
	EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_here")(sum_pointer(callback), 1, 2), SUM_OF(1, 2));
	EXPECT_CALL_OK();
}

static void open_and_close(int n_queues)
{
	for (int i = 0; i < n_queues; i++) {
		cbb_queue *queue = given_a_queue_of_this_thread(0);
		if (i % 3 == 0)
			use(queue);
		close_queue(queue);
	}
}

/* The call that joins them returns only when they have been answered. */
static void expect_workers_are_served(cbb_queue *queue)
{
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 2, 10);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 20);
	EXPECT_EQUAL(free_crew(crew), 20);
}

static cbb_queue *nesting_queue;

static int sum_using_the_queue(int thread, int number)
{
	use(nesting_queue);
	return SUM_OF(thread, number);
}

/* In a handler nobody is served: what is not nested in its calls waits in vain. */
static void expect_nested_in_calls_of_a_handler(cbb_queue *queue)
{
	nesting_queue = queue;
	EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_here")(sum_using_the_queue, 3, 4), SUM_OF(3, 4));
}

static void given_200_queues_opened_and_closed_then_the_next_one_is_served_in_calls(void)
{
	given_native_threads();
	open_and_close(200);
	cbb_queue *queue = given_a_queue_of_this_thread(0);
	expect_workers_are_served(queue);
	EXPECT_EQUAL(handler_ran_on, gettid());
	expect_nested_in_calls_of_a_handler(queue);
	expect_workers_are_served(default_queue);
	close_queue(queue);
	remote_end();
}

/* ---- One more than there are bits ---- */

static void on_failure(const cbb_failure *failure, void *user_data)
{
	(void)user_data;
	snprintf(failure_text, sizeof failure_text, "%s", failure->text);
	n_failures++;
}

static bool failure_was_told(void *context)
{
	(void)context;
	return n_failures > 0;
}

/* The default queue has the first. */
static void given_all_bits_taken(cbb_queue *queues[BITS])
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, NULL));
	queues[0] = default_queue;
	for (int i = 1; i < BITS; i++)
		queues[i] = QUEUE_WITH();
	dispatch_ok(queues[BITS - 1], 0);
}

static void expect_end_in_words(cbb_queue *queue)
{
	EXPECT(dispatch_while_waiting(queue, failure_was_told, NULL));
	EXPECT_CONTAINS(failure_text, "64 open queues");
}

static void given_64_open_queues_then_a_worker_of_the_next_one_waits_for_its_dispatcher_until_it_stalls(void)
{
	cbb_queue *queues[BITS];
	given_all_bits_taken(queues);
	expect_workers_are_served(queues[BITS - 1]);
	cbb_queue *beyond = given_a_queue_of_this_thread(100);
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = beyond);
	struct crew *crew = given_sums(sum_pointer(callback), 1, 1);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 1);
	expect_end_in_words(beyond);
	free_crew(crew);
	/* Dispatched it is like others. */
	long before = n_handled;
	crew = given_sums(sum_pointer(callback), 1, 5);
	EXPECT(dispatch_until(beyond, &n_handled, before + 5));
	free_crew(crew);
	/* It had no bit when it was opened. The next one has: another was closed. */
	close_queue(queues[BITS / 2]);
	expect_workers_are_served(given_a_queue_of_this_thread(0));
	remote_end();
}

static void given_64_open_queues_then_a_callback_of_the_next_one_is_nested_in_no_call_and_that_ends_in_words(void)
{
	cbb_queue *queues[BITS];
	given_all_bits_taken(queues);
	cbb_queue *beyond = given_a_queue_of_this_thread(100);
	cbb_callback *callback = SUM_CALLBACK(sum, .queue = beyond);
	int answer = THREADS(int(sum_fn, int, int), "sum_here")(sum_pointer(callback), 1, 2);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(answer, SUM_ON_ERROR);
	expect_end_in_words(beyond);
	EXPECT_EQUAL(n_handled, 0);
	remote_end();
}

/* ---- A bit that is another's meanwhile ---- */

static pid_t other_thread;
static int n_between;

static bool one_is_at_the_gate(void *context)
{
	(void)context;
	return THREADS(int(void), "gate_waiting")() == 1;
}

static bool worker_is_inside(void *puppet)
{
	return puppet_says(puppet, "puppet_is_inside");
}

/* The other thread serves it, and looks at all its queues then; the second time it has done so. */
static void expect_other_looks_at_its_queues(void)
{
	for (int i = 0; i < 2; i++)
		EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_elsewhere")(sum, 1, 1), SUM_OF(1, 1));
	EXPECT(handler_ran_on != other_thread);
}

/* A worker waits for a queue that nobody has dispatched yet. */
static void expect_served_here_only(cbb_queue *queue)
{
	struct puppet *puppet = given_a_puppet("worker");
	cbb_callback *callback = CALLBACK_WITH(puppets_library, "sum_fn", sum, .queue = queue);
	tell_sum(puppet, sum_pointer(callback), 2, 3);
	EXPECT(harness_wait_until(worker_is_inside, puppet, FOREIGN_WAIT_MS));
	expect_other_looks_at_its_queues();
	EXPECT(worker_is_inside(puppet));
	EXPECT(dispatch_until(queue, &n_handled, n_handled + 1));
	EXPECT_EQUAL(handler_ran_on, other_thread);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(2, 3));
	end_puppet(puppet);
}

/* Closes the queue of a thread that waits in a call, and opens one that may have its bit. */
static void *take_over(void *old)
{
	other_thread = gettid();
	EXPECT(harness_wait_until(one_is_at_the_gate, NULL, FOREIGN_WAIT_MS));
	close_queue(old);
	open_and_close(n_between);
	cbb_queue *queue = QUEUE_WITH();
	expect_served_here_only(queue);
	cbb_callback *callback = SUM_CALLBACK(sum, .queue = queue);
	THREADS(void(sum_fn), "keep_sum")(sum_pointer(callback));
	long before = n_handled;
	THREADS(void(void), "gate_open")();
	EXPECT_CALL_OK();
	EXPECT(dispatch_until(queue, &n_handled, before + 1));
	return NULL;
}

static void given_a_call_when_its_queue_is_closed_and_others_opened_then_it_says_nothing_of_them(int n_queues)
{
	pthread_t thread;
	given_native_threads();
	n_between = n_queues;
	EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_elsewhere")(sum, 1, 1), SUM_OF(1, 1));
	cbb_queue *old = given_a_queue_of_this_thread(0);
	use(old);
	REQUIRE(pthread_create(&thread, NULL, take_over, old) == 0);
	int answer = THREADS(int(int, int), "sum_behind_gate")(4, 5);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(answer, SUM_OF(4, 5));
	pthread_join(thread, NULL);
	EXPECT_EQUAL(handler_ran_on, other_thread);
	remote_end();
}

static void given_a_call_when_its_queue_is_closed_then_it_says_nothing_of_the_next_one(void)
{
	given_a_call_when_its_queue_is_closed_and_others_opened_then_it_says_nothing_of_them(0);
}

static void given_a_call_when_its_queue_is_closed_then_it_says_nothing_of_the_one_that_has_its_bit(void)
{
	given_a_call_when_its_queue_is_closed_and_others_opened_then_it_says_nothing_of_them(BITS - 1);
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_200_queues_opened_and_closed_then_the_next_one_is_served_in_calls, 60),
	TEST(given_64_open_queues_then_a_worker_of_the_next_one_waits_for_its_dispatcher_until_it_stalls),
	TEST(given_64_open_queues_then_a_callback_of_the_next_one_is_nested_in_no_call_and_that_ends_in_words),
	TEST(given_a_call_when_its_queue_is_closed_then_it_says_nothing_of_the_next_one),
	TEST(given_a_call_when_its_queue_is_closed_then_it_says_nothing_of_the_one_that_has_its_bit),
};
HARNESS_MAIN(tests)
