/* SPDX-License-Identifier: MIT */
/*
 * Hosts that lie about native threads that wait: the dispatcher never waits for them, handlers see only what was sent,
 * and what breaks the protocol is cut off and named.
 */
#include "queue_host.h"

static bool is_asked(void)
{
	return n_asked >= 1;
}

static bool is_asked_often(void)
{
	return n_asked >= N_EVENTS;
}

static bool is_asked_after_events(void)
{
	return n_asked >= N_EVENTS && n_events == N_EVENTS;
}

static void given_a_thread_that_keeps_to_the_rules_when_dispatched_then_it_is_served(void)
{
	static const char *const ways[] = {"thread calls back", "thread calls an unknown slot",
	                                   "thread abandons what is not there", "threads want a lane too many"};
	given_a_client_with_a_queue();
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
		expect_queue_goes_on(ways[i], is_asked_often);
	expect_queue_goes_on("thread byte by byte", is_asked);
	expect_queue_goes_on("thread events", is_asked_after_events);
	end_queue();
}

/* It is served in a call, too, and a dispatcher in a call waits for it no longer than for that call. */
static void given_threads_that_say_nothing_when_dispatched_then_nobody_waits(void)
{
	static const char *const ways[] = {"thread is silent", "thread leaves", "thread half a call",
	                                   "wants a lane, silent at attach", "wants a lane, garbage at attach",
	                                   "wants a lane, refused"};
	given_a_client_with_a_queue();
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		given_callbacks_in_a_host_that(ways[i]);
		dispatch_until(never, 100);
		expect_host_works(ways[i]);
		EXPECT_EQUAL(n_asked, 0);
		expect_bounded_end(ways[i]);
	}
	end_queue();
}

static void given_a_thread_that_leaves_while_it_is_served_when_dispatched_then_the_host_goes_on(void)
{
	given_a_client_with_a_queue();
	given_callbacks_in_a_host_that("thread leaves while served");
	dispatch_until(never, 100);
	EXPECT(n_asked <= 1);
	expect_host_works("thread leaves while served");
	expect_bounded_end("thread leaves while served");
	end_queue();
}

static void given_a_thread_that_breaks_the_rules_when_dispatched_then_the_host_is_cut_off(void)
{
	static const struct {
		const char *way, *words;
	} lies[] = {
	    {"thread says garbage", "not a frame"},
	    {"thread calls back under another", "under a call"},
	    {"thread calls a listener", "listener"},
	    {"thread calls with two words", "number_fn"},
	    {"thread far ahead", "after"},
	    {"thread returns", "Return to nothing"},
	    {"lanes for ever", "LANE_WANTED"},
	};
	given_a_client_with_a_queue();
	for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
		expect_queue_is_cut_off(lies[i].way, lies[i].words);
		EXPECT_EQUAL(n_asked, 0);
	}
	end_queue();
}

/* The second call counts as the next one; and events that need no credit are handled one by one. */
static void given_a_thread_that_does_not_wait_when_dispatched_then_time_and_memory_stay_bounded(void)
{
	static const char *const ways[] = {"thread calls back twice", "thread events for ever"};
	given_a_client_with_a_queue();
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		given_callbacks_in_a_host_that(ways[i]);
		dispatch_until(never, 200);
		EXPECT(n_asked <= 2);
		expect_host_works(ways[i]);
		n_wrong = 0; /* the same event again and again */
		expect_bounded_end(ways[i]);
	}
	end_queue();
}

static void given_a_call_that_is_abandoned_when_dispatched_then_its_handler_runs_at_most_once(void)
{
	given_a_client_with_a_queue();
	expect_queue_goes_on("thread abandons", is_asked_often);
	EXPECT(n_asked <= N_EVENTS + 1);
	end_queue();
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_a_thread_that_keeps_to_the_rules_when_dispatched_then_it_is_served, 60),
    TEST_TIMEOUT(given_threads_that_say_nothing_when_dispatched_then_nobody_waits, 60),
    TEST_TIMEOUT(given_a_thread_that_leaves_while_it_is_served_when_dispatched_then_the_host_goes_on, 60),
    TEST_TIMEOUT(given_a_thread_that_breaks_the_rules_when_dispatched_then_the_host_is_cut_off, 120),
    TEST_TIMEOUT(given_a_thread_that_does_not_wait_when_dispatched_then_time_and_memory_stay_bounded, 60),
    TEST_TIMEOUT(given_a_call_that_is_abandoned_when_dispatched_then_its_handler_runs_at_most_once, 60),
};
HARNESS_MAIN(tests)
