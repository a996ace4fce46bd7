/* SPDX-License-Identifier: MIT */
/* Handlers of a queue that do not return: they jump out, end their thread, or return in a child of fork(). */
#include "support/foreign.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>

static jmp_buf place;
static _Atomic long n_handled, n_left;

static int sum_right(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static int sum_jumping(int thread, int number)
{
	(void)thread, (void)number;
	n_left++;
	longjmp(place, 1);
}

static void event_jumping(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)text;
	n_handled++;
	if (number % 2) {
		n_left++;
		longjmp(place, 1);
	}
}

/* A call of the handler's own is left, too. */
static int sum_calling_what_jumps(int thread, int number)
{
	THREADS(int(sum_fn, int, int), "sum_here")(sum_jumping, thread, number);
	FAIL("the jump came back");
	return 0;
}

static int sum_ending_its_thread(int thread, int number)
{
	(void)thread, (void)number;
	n_left++;
	pthread_exit(NULL);
}

static void event_ending_its_thread(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	n_left++;
	pthread_exit(NULL);
}

/* What runs here is deeper on the stack than whatever the test calls later: then it shows that it was left. */
__attribute__((noinline)) static void run_deeper(void (*run)(void *context, long n), void *context, long n)
{
	char room[65536];
	__asm__ volatile("" : : "r"(room) : "memory"); /* clang keeps only those bytes of it that it sees used */
	run(context, n);
	__asm__ volatile("" : : "r"(room) : "memory");
}

static void dispatch_deeper(void *queue, long n)
{
	dispatch_until(queue, &n_left, n);
}

__attribute__((noinline)) static void dispatch_until_left(cbb_queue *queue, long n)
{
	if (setjmp(place) == 0)
		run_deeper(dispatch_deeper, queue, n);
	EXPECT_EQUAL(n_left, n);
}

static void *thread_dispatching(void *queue)
{
	dispatch_until(queue, &n_left, n_left + 1);
	FAIL("the thread goes on");
	return NULL;
}

static void dispatch_on_a_thread_that_ends(cbb_queue *queue)
{
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, thread_dispatching, queue) == 0);
	pthread_join(thread, NULL);
}

/* Nothing is counted as inside any more: this returns at once, and not with a time-out. */
static void expect_host_closes(void)
{
	uint64_t began_ms = foreign_now_ms();
	EXPECT(cbb_host_close(remote_host) == NULL);
	EXPECT(foreign_now_ms() - began_ms < 8000 * harness_slow());
	remote_end();
}

/* The queue works as before; native code that was left has on_error. */
static void expect_sums_go_on(cbb_queue *queue, struct puppet *puppet)
{
	long n = n_handled;
	cbb_callback *callback = PUPPET_SUMS(sum_right, .queue = queue);
	tell_sum(puppet, sum_pointer(callback), 3, 4);
	dispatch_until(queue, &n_handled, n + 1);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(3, 4));
	end_puppet(puppet);
}

static struct puppet *given_a_sum(cbb_queue *queue, sum_fn handler)
{
	cbb_callback *callback = PUPPET_SUMS(handler, .queue = queue);
	struct puppet *puppet = given_a_puppet("caller");
	tell_sum(puppet, sum_pointer(callback), 1, 2);
	return puppet;
}

static void *thread_releasing(void *puppet)
{
	PUPPETS(void(struct puppet *), "puppet_release")(puppet);
	return NULL;
}

/* Its handler is served in the next call of this thread, and in none before. */
static struct puppet *given_a_sum_of_the_next_call(sum_fn handler)
{
	pthread_t thread;
	cbb_callback *callback = CALLBACK_WITH(puppets_library, "sum_fn", handler, .delivery = CBB_BLOCKING);
	struct puppet *puppet = given_a_puppet("caller");
	EXPECT_EQUAL(PUPPETS(int(struct puppet *), "puppet_hold")(puppet), 0);
	tell_sum(puppet, sum_pointer(callback), 1, 2);
	REQUIRE(pthread_create(&thread, NULL, thread_releasing, puppet) == 0);
	pthread_detach(thread); /* a child of fork() does not have it */
	return puppet;
}

static struct puppet *given_events_of(cbb_queue *queue, event_fn handler, int first, int n)
{
	cbb_callback *callback = PUPPET_EVENTS(handler, .queue = queue);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, first, n);
	REQUIRE(puppet_reaches(puppet, n));
	return puppet;
}

/* ---- longjmp ---- */

static void given_a_blocking_handler_that_jumps_out_when_a_call_follows_then_it_works(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_a_sum(queue, sum_jumping);
	dispatch_until_left(queue, 1);
	EXPECT_EQUAL(THREADS(int(int), "doubled_here")(4), 8);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_a_blocking_handler_that_jumps_out_when_dispatched_again_then_it_works(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_a_sum(queue, sum_jumping);
	dispatch_until_left(queue, 1);
	dispatch_ok(queue, 0);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_a_jump_over_a_handler_and_its_call_when_dispatched_again_then_nothing_stays_inside(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_a_sum(queue, sum_calling_what_jumps);
	dispatch_until_left(queue, 1);
	dispatch_ok(queue, 0);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_a_jump_over_a_handler_and_its_call_when_a_call_follows_then_nothing_stays_inside(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_a_sum(queue, sum_calling_what_jumps);
	dispatch_until_left(queue, 1);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_event_handlers_that_jump_out_then_each_event_is_handled_once(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_events_of(queue, event_jumping, 1, 20);
	for (int i = 1; i <= 10; i++)
		dispatch_until_left(queue, i);
	dispatch_until(queue, &n_handled, 20);
	EXPECT_EQUAL(dispatch_all(queue), 0);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void wait_deeper(void *puppet, long n)
{
	(void)n;
	wait_for_puppet(puppet);
}

__attribute__((noinline)) static void wait_until_left(struct puppet *puppet)
{
	if (setjmp(place) == 0)
		run_deeper(wait_deeper, puppet, 0);
	EXPECT_EQUAL(n_left, 1);
}

static void given_a_handler_that_jumps_out_of_the_call_that_serves_it_then_both_end(void)
{
	given_native_threads();
	struct puppet *puppet = given_a_sum_of_the_next_call(sum_jumping);
	wait_until_left(puppet);
	EXPECT_EQUAL(THREADS(int(int), "doubled_here")(4), 8);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_sums_go_on(default_queue, puppet);
	expect_host_closes();
}

static cbb_deferred *deferred;

static int sum_deferring_and_jumping(int thread, int number)
{
	REMOTE_OK(cbb_invocation_defer(cbb_invocation_current(), &deferred));
	return sum_jumping(thread, number);
}

static void given_a_handler_that_defers_its_answer_and_jumps_out_then_nobody_takes_the_answer(void)
{
	int answer = 5;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_a_sum(queue, sum_deferring_and_jumping);
	dispatch_until_left(queue, 1);
	dispatch_ok(queue, 0);
	EXPECT_EQUAL(cbb_deferred_answer(deferred, &answer, sizeof answer), CBB_ERR_CLOSED);
	cbb_deferred_free(deferred);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_a_jump_out_of_a_handler_when_its_host_is_closed_at_once_then_it_closes(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	given_a_sum(queue, sum_jumping);
	dispatch_until_left(queue, 1);
	expect_host_closes();
}

/* ---- The end of a thread ---- */

static void given_a_blocking_handler_that_ends_its_thread_then_the_queue_goes_on(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_a_sum(queue, sum_ending_its_thread);
	dispatch_on_a_thread_that_ends(queue);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static int sum_calling_what_ends_its_thread(int thread, int number)
{
	return THREADS(int(sum_fn, int, int), "sum_here")(sum_ending_its_thread, thread, number);
}

static void given_a_call_of_a_handler_in_which_its_thread_ends_then_the_queue_goes_on(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_a_sum(queue, sum_calling_what_ends_its_thread);
	dispatch_on_a_thread_that_ends(queue);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_an_event_handler_that_ends_its_thread_then_the_queue_goes_on(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct puppet *puppet = given_events_of(queue, event_ending_its_thread, 1, 2);
	dispatch_on_a_thread_that_ends(queue);
	dispatch_on_a_thread_that_ends(queue);
	EXPECT_EQUAL(n_left, 2);
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static bool one_has_left(void *n)
{
	return n_left == *(long *)n;
}

static void given_a_started_queue_whose_thread_ends_in_a_handler_then_it_closes(void)
{
	long n = 1;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	REMOTE_OK(cbb_queue_start(queue, 2));
	struct puppet *puppet = given_a_sum(queue, sum_ending_its_thread);
	EXPECT(harness_wait_until(one_has_left, &n, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	end_puppet(puppet);
	EXPECT(cbb_queue_close(queue) == NULL);
	expect_host_closes();
}

/* ---- fork ---- */

static pid_t child;
static cbb_queue *forked_queue;

static int fork_in_a_handler(void)
{
	child = fork();
	REQUIRE(child >= 0);
	return child;
}

static void event_forking(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	n_handled++;
	fork_in_a_handler();
}

static int sum_forking(int thread, int number)
{
	n_handled++;
	fork_in_a_handler();
	return SUM_OF(thread, number);
}

/* Where the child comes to. A loop that never ends there is this test's time-out. */
static void expect_child_is_told(int r)
{
	if (child == 0) {
		EXPECT_EQUAL(r, CBB_ERR_FORKED);
		EXPECT_EQUAL(cbb_queue_dispatch(forked_queue, 0, 0), CBB_ERR_FORKED);
		exit(0); /* not _exit(): what the library does at the end must be harmless, too */
	}
	int status = -1;
	EXPECT(harness_wait_child(child, &status, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(status, 0);
}

static void stop_and_fork(void *user, int thread, int number, const char *text)
{
	event_forking(user, thread, number, text);
	if (child > 0)
		cbb_queue_stop(forked_queue);
}

static void given_an_event_handler_that_returns_in_a_child_too_then_only_the_parent_goes_on(void)
{
	given_native_threads();
	cbb_queue *queue = forked_queue = QUEUE_WITH();
	struct puppet *puppet = given_events_of(queue, event_forking, 1, 3);
	for (int i = 1; i <= 3; i++) {
		expect_child_is_told(cbb_queue_dispatch(queue, FOREIGN_WAIT_MS, 1));
		EXPECT_EQUAL(n_handled, i);
	}
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_a_run_when_its_handler_returns_in_a_child_too_then_the_run_ends_there(void)
{
	given_native_threads();
	cbb_queue *queue = forked_queue = QUEUE_WITH();
	struct puppet *puppet = given_events_of(queue, stop_and_fork, 1, 1);
	expect_child_is_told(cbb_queue_run(queue));
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_a_blocking_handler_that_returns_in_a_child_too_then_only_the_parent_answers(void)
{
	given_native_threads();
	cbb_queue *queue = forked_queue = QUEUE_WITH();
	struct puppet *puppet = given_a_sum(queue, sum_forking);
	int r = 0;
	while (n_handled == 0 && r >= 0)
		r = cbb_queue_dispatch(queue, FOREIGN_WAIT_MS, 1);
	expect_child_is_told(r);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(1, 2));
	expect_sums_go_on(queue, puppet);
	expect_host_closes();
}

static void given_a_handler_served_in_a_call_that_returns_in_a_child_too_then_the_call_fails_there(void)
{
	given_native_threads();
	forked_queue = default_queue;
	struct puppet *puppet = given_a_sum_of_the_next_call(sum_forking);
	int answer = puppet_says(puppet, "puppet_wait");
	int r = cbb_last_error();
	expect_child_is_told(r);
	EXPECT_EQUAL(answer, SUM_OF(1, 2));
	expect_sums_go_on(default_queue, puppet);
	expect_host_closes();
}

static const struct test tests[] = {
	TEST(given_a_blocking_handler_that_jumps_out_when_a_call_follows_then_it_works),
	TEST(given_a_blocking_handler_that_jumps_out_when_dispatched_again_then_it_works),
	TEST(given_a_jump_over_a_handler_and_its_call_when_dispatched_again_then_nothing_stays_inside),
	TEST(given_a_jump_over_a_handler_and_its_call_when_a_call_follows_then_nothing_stays_inside),
	TEST(given_event_handlers_that_jump_out_then_each_event_is_handled_once),
	TEST(given_a_handler_that_jumps_out_of_the_call_that_serves_it_then_both_end),
	TEST(given_a_handler_that_defers_its_answer_and_jumps_out_then_nobody_takes_the_answer),
	TEST(given_a_jump_out_of_a_handler_when_its_host_is_closed_at_once_then_it_closes),
	TEST(given_a_blocking_handler_that_ends_its_thread_then_the_queue_goes_on),
	TEST(given_a_call_of_a_handler_in_which_its_thread_ends_then_the_queue_goes_on),
	TEST(given_an_event_handler_that_ends_its_thread_then_the_queue_goes_on),
	TEST(given_a_started_queue_whose_thread_ends_in_a_handler_then_it_closes),
	TEST(given_an_event_handler_that_returns_in_a_child_too_then_only_the_parent_goes_on),
	TEST(given_a_run_when_its_handler_returns_in_a_child_too_then_the_run_ends_there),
	TEST(given_a_blocking_handler_that_returns_in_a_child_too_then_only_the_parent_answers),
	TEST(given_a_handler_served_in_a_call_that_returns_in_a_child_too_then_the_call_fails_there),
};
HARNESS_MAIN(tests)
