/* SPDX-License-Identifier: MIT */
/*
 * A dispatcher that has found work at one place for long waits there directly, and the queue's epoll descriptor no
 * longer shows it. Whoever else has to see it then does: the program's own loop, a call, threads of the queue's own,
 * another host.
 */
#include "support/foreign.h"

#define STEADY 300 /* many times what makes a dispatcher wait directly */

static _Atomic long n_handled, n_other;

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static int other_sum(int thread, int number)
{
	n_other++;
	return SUM_OF(thread, number);
}

static void event(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	n_handled++;
}

static void stop_crew(struct crew *crew)
{
	THREADS(void(struct crew *), "crew_stop")(crew);
	join_crew(crew);
	free_crew(crew);
}

/* One native thread calls, until it is stopped or n times, and the dispatcher has got used to it. */
static struct crew *given_steady_sums(cbb_queue *queue, int n_calls)
{
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 1, n_calls);
	REQUIRE(dispatch_until(queue, &n_handled, STEADY));
	return crew;
}

static void expect_loop_goes_on(cbb_queue *queue)
{
	for (long end = n_handled + STEADY; n_handled < end;) {
		REQUIRE(harness_wait_readable(cbb_queue_fd(queue), FOREIGN_WAIT_MS));
		dispatch_ok(queue, 0);
	}
}

static void given_steady_calls_when_the_program_asks_for_the_descriptor_then_it_shows_the_next(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct crew *crew = given_steady_sums(queue, 0);
	expect_loop_goes_on(queue);
	stop_crew(crew);
	remote_end();
}

static void given_steady_events_when_the_program_asks_for_the_descriptor_then_it_shows_the_next(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = 1);
	cbb_callback *callback = EVENT_CALLBACK(event, .queue = queue, .overflow = CBB_OVERFLOW_WAIT);
	struct crew *crew = given_events(event_pointer(callback), NULL, 1, 0, 8);
	REQUIRE(dispatch_until(queue, &n_handled, STEADY));
	expect_loop_goes_on(queue);
	stop_crew(crew);
	remote_end();
}

static void given_steady_calls_when_the_dispatcher_waits_in_a_call_then_they_are_served_there(void)
{
	given_native_threads();
	struct crew *crew = given_steady_sums(default_queue, 3 * STEADY);
	join_crew(crew);
	EXPECT_EQUAL(n_handled, 3 * STEADY);
	free_crew(crew);
	remote_end();
}

static bool has_doubled(void *context)
{
	(void)context;
	return n_handled >= 2 * STEADY;
}

static void given_steady_calls_when_the_queue_is_started_then_its_threads_serve_them(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct crew *crew = given_steady_sums(queue, 0);
	REMOTE_OK(cbb_queue_start(queue, 2));
	EXPECT(harness_wait_until(has_doubled, NULL, FOREIGN_WAIT_MS));
	stop_crew(crew);
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static void given_steady_calls_when_another_host_calls_then_it_is_served_too(void)
{
	given_native_threads();
	struct crew *crew = given_steady_sums(default_queue, 0);
	cbb_host *other = remote_open_host();
	cbb_library *library = remote_library_in(other, "puppets", PUPPETS_TEXT);
	cbb_callback *callback = CALLBACK_WITH(library, "sum_fn", other_sum, .delivery = CBB_BLOCKING);
	struct puppet *puppet = REMOTE(library, struct puppet *(const char *), "puppet_open")("of the other host");
	int (*tell)(struct puppet *, sum_fn, int, int) =
	    (int (*)(struct puppet *, sum_fn, int, int))cbb_symbol(library, "puppet_sum");
	for (int i = 1; i <= 3; i++) {
		EXPECT_EQUAL(tell(puppet, sum_pointer(callback), 1, i), 0);
		EXPECT(dispatch_until(default_queue, &n_other, i));
		EXPECT(dispatch_until(default_queue, &n_handled, n_handled + STEADY));
	}
	REMOTE(library, void(struct puppet *), "puppet_close")(puppet);
	stop_crew(crew);
	EXPECT(cbb_host_close(other) == NULL);
	remote_end();
}

static void given_steady_calls_when_the_host_dies_then_a_run_ends(void)
{
	given_native_threads();
	given_steady_sums(default_queue, 0);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	remote_end();
}

static const struct test tests[] = {
	TEST(given_steady_calls_when_the_program_asks_for_the_descriptor_then_it_shows_the_next),
	TEST(given_steady_events_when_the_program_asks_for_the_descriptor_then_it_shows_the_next),
	TEST(given_steady_calls_when_the_dispatcher_waits_in_a_call_then_they_are_served_there),
	TEST(given_steady_calls_when_the_queue_is_started_then_its_threads_serve_them),
	TEST(given_steady_calls_when_another_host_calls_then_it_is_served_too),
	TEST(given_steady_calls_when_the_host_dies_then_a_run_ends),
};
HARNESS_MAIN(tests)
