/* SPDX-License-Identifier: MIT */
/*
 * Hosts that lie on event lanes: the dispatcher never waits for them, no handler sees what was not sent, memory stays
 * bounded, and what breaks the protocol is cut off and named.
 */
#include "queue_host.h"

static bool all_events(void)
{
	return n_events >= N_EVENTS;
}

static bool some_losses(void)
{
	return n_losses >= 3;
}

static bool is_finalized(void)
{
	return n_finalized >= 1;
}

/* ---- Events ---- */

static void given_a_host_that_sends_rightly_when_dispatched_then_each_event_is_handled(void)
{
	static const char *const ways[] = {"events", "events byte by byte"};
	given_a_client_with_a_queue();
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		expect_queue_goes_on(ways[i], all_events);
		EXPECT_EQUAL(n_events, N_EVENTS);
	}
	end_queue();
}

/* It cannot know what was taken, and so sends more than it may; its socket full of that holds nobody up. */
static void given_a_host_that_never_reads_when_dispatched_then_it_is_served_until_it_is_cut_off(void)
{
	given_a_client_with_a_queue();
	expect_queue_is_cut_off("events one by one", "may be on their way");
	EXPECT(n_events > QUEUE_EVENTS);
	end_queue();
}

static void given_a_host_that_sends_more_than_it_may_when_dispatched_then_it_is_cut_off(void)
{
	given_a_client_with_a_queue();
	expect_queue_is_cut_off("events beyond the window", "may be on their way");
	EXPECT(n_events <= QUEUE_EVENTS);
	given_callbacks_in_a_host_that("events for ever");
	EXPECT(dispatch_until(is_ended, 15000));
	EXPECT(n_events <= QUEUE_EVENTS);
	n_wrong = 0; /* the same event again and again */
	expect_named("events for ever", "may be on their way");
	expect_bounded_end("events for ever");
	end_queue();
}

static void given_a_host_that_stops_in_the_middle_of_an_event_when_dispatched_then_nobody_waits(void)
{
	given_a_client_with_a_queue();
	given_callbacks_in_a_host_that("half an event");
	EXPECT(!dispatch_until(never, 100));
	expect_host_works("half an event");
	expect_bounded_end("half an event");
	given_callbacks_in_a_host_that("half an event and leaves");
	EXPECT(dispatch_until(is_finalized, 15000));
	expect_bounded_end("half an event and leaves");
	EXPECT_EQUAL(n_events, 0);
	end_queue();
}

static void given_events_that_are_none_when_dispatched_then_the_host_is_cut_off(void)
{
	static const struct {
		const char *way, *words;
	} lies[] = {
	    {"event with a parent", "parent"},
	    {"event with two words", "event_fn"},
	    {"event with a block", "event_fn"},
	    {"events garbled", "garbled"},
	    {"garbage on the event lane", "not a frame"},
	    {"oversized event", "at most"},
	    {"call on the event lane", "INVOKE"},
	    {"return on the event lane", "RETURN"},
	    {"hello on the event lane", "HELLO_REPLY"},
	    {"event of an unknown slot", "not open"},
	    {"event of another generation", "not open"},
	    {"event of no listener", "listener"},
	};
	given_a_client_with_a_queue();
	for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
		expect_queue_is_cut_off(lies[i].way, lies[i].words);
		EXPECT_EQUAL(n_events, 0);
		EXPECT_EQUAL(n_asked, 0);
	}
	end_queue();
}

static void given_an_event_lane_that_ends_when_dispatched_then_its_host_has_ended(void)
{
	given_a_client_with_a_queue();
	given_callbacks_in_a_host_that("leaves the event lane");
	EXPECT(dispatch_until(is_finalized, 15000));
	EXPECT_EQUAL(call_number_function(), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
	expect_bounded_end("leaves the event lane");
	end_queue();
}

/* ---- Losses and ends ---- */

static void given_losses_that_lie_when_dispatched_then_the_host_is_cut_off(void)
{
	given_a_client_with_a_queue();
	expect_queue_is_cut_off("lost of an unknown slot", "LOST");
	expect_queue_is_cut_off("lost nothing", "LOST");
	expect_queue_is_cut_off("lost for no reason", "LOST");
	EXPECT_EQUAL(n_losses, 0);
	end_queue();
}

static void given_losses_of_any_size_when_dispatched_then_they_are_told_and_counted(void)
{
	cbb_callback_counts counts = {.size = sizeof counts};
	given_a_client_with_a_queue();
	given_callbacks_in_a_host_that("lost more than there is");
	EXPECT(dispatch_until(some_losses, 15000));
	REMOTE_OK(cbb_callback_count(listener, &counts));
	EXPECT_EQUAL(counts.lost, UINT64_MAX); /* no more than that */
	expect_bounded_end("lost more than there is");
	end_queue();
}

static void given_an_open_callback_when_its_end_comes_then_the_host_is_cut_off(void)
{
	given_a_client_with_a_queue();
	expect_queue_is_cut_off("ended while open", "CALLBACK_ENDED");
	end_queue();
}

static void close_listener(int expected)
{
	uint64_t timeout_ms = expected == 0 ? PATIENT_MS : DEADLINE_MS;
	cbb_close_options options = {.size = sizeof options, .timeout_ms = timeout_ms * harness_slow()};
	EXPECT_EQUAL(cbb_callback_close(listener, &options), expected);
}

static void given_a_closed_callback_when_its_end_comes_twice_then_it_has_ended_once(void)
{
	given_a_client_with_a_queue();
	given_callbacks_in_a_host_that("ended twice");
	close_listener(0);
	EXPECT(dispatch_until(is_finalized, 15000));
	dispatch_until(never, 50);
	EXPECT_EQUAL(n_finalized, 1);
	expect_host_works("ended twice");
	expect_bounded_end("ended twice");
	end_queue();
}

static void given_a_closed_callback_when_an_event_comes_after_its_end_then_the_host_is_cut_off(void)
{
	given_a_client_with_a_queue();
	given_callbacks_in_a_host_that("event after the end");
	cbb_callback_close(listener, NULL);
	EXPECT(dispatch_until(is_ended, 15000));
	EXPECT_EQUAL(n_events + n_dropped, 0);
	expect_named("event after the end", "not open");
	expect_bounded_end("event after the end");
	end_queue();
}

static void given_a_host_that_never_says_the_end_when_closed_then_it_times_out(void)
{
	given_a_client_with_a_queue();
	given_callbacks_in_a_host_that("never ends");
	close_listener(CBB_ERR_TIMEOUT);
	expect_in_time();
	expect_bounded_end("never ends");
	end_queue();
}

/* ---- Storms ---- */

static void given_storms_of_what_needs_no_credit_when_dispatched_then_time_and_memory_stay_bounded(void)
{
	static const char *const storms[] = {"room for ever", "failures for ever", "lost for ever"};
	given_a_client_with_a_queue();
	for (unsigned i = 0; i < sizeof storms / sizeof *storms; i++) {
		given_callbacks_in_a_host_that(storms[i]);
		dispatch_until(is_ended, 300);
		expect_bounded_end(storms[i]);
	}
	end_queue();
}

static void given_a_wish_for_room_of_all_threads_when_dispatched_then_events_are_handled(void)
{
	given_a_client_with_a_queue();
	expect_queue_goes_on("room of all threads", all_events);
	end_queue();
}

static bool is_closed(void)
{
	return cbb_callback_resume(listener) == CBB_ERR_CLOSED;
}

static void given_uses_beyond_any_count_when_dispatched_then_the_callback_is_closed_once(void)
{
	given_a_client_with_a_queue();
	given_callbacks_in_a_host_that("uses");
	EXPECT(dispatch_until(is_closed, 10000));
	dispatch_until(never, 200);
	EXPECT_EQUAL(cbb_callback_acquire(listener), CBB_ERR_CLOSED);
	expect_bounded_end("uses");
	expect_queue_is_cut_off("use of nothing known", "CALLBACK_USE");
	end_queue();
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_a_host_that_sends_rightly_when_dispatched_then_each_event_is_handled, 60),
    TEST_TIMEOUT(given_a_host_that_never_reads_when_dispatched_then_it_is_served_until_it_is_cut_off, 60),
    TEST_TIMEOUT(given_a_host_that_sends_more_than_it_may_when_dispatched_then_it_is_cut_off, 60),
    TEST_TIMEOUT(given_a_host_that_stops_in_the_middle_of_an_event_when_dispatched_then_nobody_waits, 60),
    TEST_TIMEOUT(given_events_that_are_none_when_dispatched_then_the_host_is_cut_off, 120),
    TEST_TIMEOUT(given_an_event_lane_that_ends_when_dispatched_then_its_host_has_ended, 60),
    TEST_TIMEOUT(given_losses_that_lie_when_dispatched_then_the_host_is_cut_off, 60),
    TEST_TIMEOUT(given_losses_of_any_size_when_dispatched_then_they_are_told_and_counted, 60),
    TEST_TIMEOUT(given_an_open_callback_when_its_end_comes_then_the_host_is_cut_off, 60),
    TEST_TIMEOUT(given_a_closed_callback_when_its_end_comes_twice_then_it_has_ended_once, 60),
    TEST_TIMEOUT(given_a_closed_callback_when_an_event_comes_after_its_end_then_the_host_is_cut_off, 60),
    TEST_TIMEOUT(given_a_host_that_never_says_the_end_when_closed_then_it_times_out, 60),
    TEST_TIMEOUT(given_storms_of_what_needs_no_credit_when_dispatched_then_time_and_memory_stay_bounded, 60),
    TEST_TIMEOUT(given_a_wish_for_room_of_all_threads_when_dispatched_then_events_are_handled, 60),
    TEST_TIMEOUT(given_uses_beyond_any_count_when_dispatched_then_the_callback_is_closed_once, 60),
};
HARNESS_MAIN(tests)
