/* SPDX-License-Identifier: MIT */
/* D: how much may wait, and who waits for room. */
#include "support/stream.h"

#include <pthread.h>

/* Sends events 1 to n of the callback to a queue that nobody dispatches, and returns when all have come back. */
static struct puppet *send_all(cbb_callback *callback, int n)
{
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, n);
	REQUIRE(puppet_reaches(puppet, n));
	return puppet;
}

/* ---- D01, D02 ---- */

static void D01_a_callback_has_a_limit_of_its_own_and_others_of_the_queue_are_not_touched(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *limited =
	    STREAM_CALLBACK(.queue = queue, .max_queued = 10, .overflow = CBB_OVERFLOW_REJECT_NEWEST);
	cbb_callback *other = STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_REJECT_NEWEST);
	struct puppet *puppet = send_all(limited, 25);
	tell_events(puppet, event_pointer(other), NULL, 1, 40);
	REQUIRE(puppet_reaches(puppet, 65));
	EXPECT(dispatch_until(queue, &n_accounted, 65));
	EXPECT_EQUAL(stream_check(limited, 1), 26);
	EXPECT_EQUAL(stream_check(other, 1), 41);
	EXPECT_EQUAL(counts_of(limited).handled, 10);
	EXPECT_EQUAL(counts_of(limited).lost, 15);
	EXPECT_EQUAL(counts_of(other).handled, 40);
	EXPECT_EQUAL(counts_of(other).lost, 0);
	end_puppet(puppet);
	remote_end();
}

/* The host hears a moment later what was handled: an event that comes before that is lost, a later one is not. */
static void D01_room_comes_back_as_events_are_handled(void)
{
	int n_sent = 0;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback =
	    STREAM_CALLBACK(.queue = queue, .max_queued = 3, .overflow = CBB_OVERFLOW_REJECT_NEWEST);
	struct puppet *puppet = given_a_puppet("sender");
	while (n_handled < 30) {
		REQUIRE(n_sent < 3000);
		tell_events(puppet, event_pointer(callback), NULL, n_sent + 1, 3);
		n_sent += 3;
		REQUIRE(puppet_reaches(puppet, n_sent));
		REQUIRE(dispatch_until(queue, &n_accounted, n_sent));
	}
	EXPECT_EQUAL(stream_check(callback, 1), n_sent + 1);
	end_puppet(puppet);
	remote_end();
}

static void D02_left_out_the_limit_is_1024_events(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_REJECT_NEWEST);
	struct puppet *puppet = send_all(callback, 3000);
	EXPECT(dispatch_until(queue, &n_accounted, 3000));
	EXPECT_EQUAL(n_handled, 1024);
	EXPECT_EQUAL(n_lost, 3000 - 1024);
	EXPECT_EQUAL(stream_check(callback, 1), 3001);
	end_puppet(puppet);
	remote_end();
}

static void D02_unlimited_is_a_choice_with_a_name(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = CBB_UNLIMITED);
	cbb_callback *callback =
	    STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_REJECT_NEWEST, .max_queued = CBB_UNLIMITED);
	struct crew *crew = given_events(event_pointer(callback), NULL, 1, 20000, 0);
	THREADS(void(struct crew *), "crew_join")(crew); /* it is nobody's dispatcher yet, so nothing runs meanwhile */
	EXPECT_EQUAL(n_handled, 0);
	EXPECT(dispatch_until(queue, &n_accounted, 20000));
	EXPECT_EQUAL(n_handled, 20000);
	free_crew(crew);
	remote_end();
}

/* ---- D04, D05 ---- */

static void D04_who_waits_for_room_in_a_full_queue_gets_it_in_the_end(void)
{
	int n_calls = harness_slow() > 1 ? 100 : 1000;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = 8);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	struct crew *crew = given_events(event_pointer(callback), NULL, 8, n_calls, 0);
	EXPECT(dispatch_until(queue, &n_accounted, 8l * n_calls));
	join_crew(crew);
	EXPECT_EQUAL(n_handled, 8l * n_calls);
	EXPECT_EQUAL(n_lost, 0);
	free_crew(crew);
	remote_end();
}

/* The dispatcher waits in a call instead: it runs the oldest events until there is room. */
static void D04_also_while_the_dispatcher_waits_in_a_call(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = 8);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	dispatch_all(queue); /* this thread is its dispatcher */
	struct crew *crew = given_events(event_pointer(callback), NULL, 4, 100, 0);
	join_crew(crew);
	EXPECT(n_handled >= 400 - 8);
	EXPECT(dispatch_until(queue, &n_handled, 400));
	EXPECT_EQUAL(n_lost, 0);
	free_crew(crew);
	remote_end();
}

struct crew_goal {
	struct crew *crew;
	long n_inside, n_made;
};

static bool crew_is_stuck(void *context)
{
	struct crew_goal *goal = context;
	return crew_has(goal->crew, CREW_MADE) == goal->n_made && crew_has(goal->crew, CREW_INSIDE) == goal->n_inside;
}

/* 8 threads with 50 events each, 4 of which found room; the others wait for it. */
static struct crew *given_stuck_producers(cbb_queue **ret_queue, cbb_callback **ret_callback)
{
	*ret_queue = QUEUE_WITH(.max_events = 4, .stall_timeout_ms = CBB_UNLIMITED);
	*ret_callback = STREAM_CALLBACK(.queue = *ret_queue);
	struct crew *crew = given_events(event_pointer(*ret_callback), NULL, 8, 50, 0);
	struct crew_goal goal = {crew, 8, 4};
	EXPECT(harness_wait_until(crew_is_stuck, &goal, FOREIGN_WAIT_MS));
	return crew;
}

static void D05_abort_wakes_every_producer_that_waits(void)
{
	cbb_queue *queue = NULL;
	cbb_callback *callback = NULL;
	given_native_threads();
	struct crew *crew = given_stuck_producers(&queue, &callback);
	EXPECT(close_with(callback, CBB_CLOSE_ABORT, 0) >= 0);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_MADE), 400);
	EXPECT(dispatch_until(queue, &n_finalized, 1));
	EXPECT_EQUAL(n_handled, 0);
	EXPECT_EQUAL(n_dropped, 4); /* handed back; those that waited were never accepted */
	EXPECT_EQUAL(n_finalized, 1);
	free_crew(crew);
	remote_end();
}

static void D05_drain_wakes_every_producer_that_waits_too(void)
{
	cbb_queue *queue = NULL;
	cbb_callback *callback = NULL;
	given_native_threads();
	struct crew *crew = given_stuck_producers(&queue, &callback);
	dispatch_ok(queue, 0); /* this thread is its dispatcher: close runs the events */
	EXPECT_EQUAL(close_with(callback, CBB_CLOSE_DRAIN, 0), 0);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_MADE), 400);
	EXPECT(n_handled >= 4);
	EXPECT(dispatch_until(queue, &n_finalized, 1));
	EXPECT_EQUAL(n_dropped, 0);
	EXPECT_EQUAL(n_finalized, 1);
	free_crew(crew);
	remote_end();
}

static void D05_the_end_of_the_queue_wakes_every_producer_that_waits(void)
{
	cbb_queue *queue = NULL;
	cbb_callback *callback = NULL;
	given_native_threads();
	struct crew *crew = given_stuck_producers(&queue, &callback);
	EXPECT(cbb_queue_close(queue) == NULL);
	EXPECT_EQUAL(n_dropped, 4);
	EXPECT_EQUAL(n_finalized, 1);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_MADE), 400);
	free_crew(crew);
	remote_end();
}

static const struct test tests[] = {
	TEST(D01_a_callback_has_a_limit_of_its_own_and_others_of_the_queue_are_not_touched),
	TEST(D01_room_comes_back_as_events_are_handled),
	TEST(D02_left_out_the_limit_is_1024_events),
	TEST(D02_unlimited_is_a_choice_with_a_name),
	TEST(D04_who_waits_for_room_in_a_full_queue_gets_it_in_the_end),
	TEST(D04_also_while_the_dispatcher_waits_in_a_call),
	TEST(D05_abort_wakes_every_producer_that_waits),
	TEST(D05_drain_wakes_every_producer_that_waits_too),
	TEST(D05_the_end_of_the_queue_wakes_every_producer_that_waits),
};
HARNESS_MAIN(tests)
