/* SPDX-License-Identifier: MIT */
/* D: what becomes of events that find no room, and how it is told. */
#include "support/stream.h"

static cbb_queue *queue;
static struct puppet *puppet;

/* Sends events 1 to n to a queue that nobody dispatches, and returns when all have come back. */
static void send_all(cbb_callback *callback, int n)
{
	puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, n);
	REQUIRE(puppet_reaches(puppet, n));
}

static void then_all_fits(cbb_callback *callback, int n)
{
	EXPECT(dispatch_until(queue, &n_accounted, n));
	EXPECT_EQUAL(dispatch_all(queue), 0);
	EXPECT_EQUAL(stream_check(callback, 1), n + 1);
	cbb_callback_counts counts = counts_of(callback);
	EXPECT_EQUAL(counts.handled, n_handled);
	EXPECT_EQUAL(counts.lost, n_lost);
	EXPECT_EQUAL(counts.handled + counts.lost, n);
	EXPECT_EQUAL(remote_report().lost_events, n_lost);
	EXPECT(remote_report().events >= counts.handled);
}

static void finish(void)
{
	end_puppet(puppet);
	remote_end();
}

static const struct stream_item *only_loss(void)
{
	const struct stream_item *loss = NULL;
	for (long k = 0; k < n_stream; k++)
		if (stream[k].kind == STREAM_LOSS) {
			EXPECT(loss == NULL);
			loss = &stream[k];
		}
	REQUIRE(loss != NULL);
	return loss;
}

/* ---- D07 ---- */

static void D07_the_limit_is_in_bytes_too(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.max_events = CBB_UNLIMITED, .max_bytes = 65536);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_REJECT_NEWEST);
	struct crew *crew = given_events(event_pointer(callback), NULL, 1, 20, 8192);
	join_crew(crew);
	EXPECT(dispatch_until(queue, &n_accounted, 20));
	EXPECT(n_handled >= 6 && n_handled <= 8);
	EXPECT_EQUAL(stream_check(callback, 0), 20);
	free_crew(crew);
	remote_end();
}

static void D07_one_event_of_any_size_passes_and_those_that_wait_follow(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.max_bytes = 65536);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	struct crew *crew = given_events(event_pointer(callback), NULL, 2, 20, 100000);
	EXPECT(dispatch_until(queue, &n_handled, 40));
	join_crew(crew);
	EXPECT_EQUAL(n_lost, 0);
	free_crew(crew);
	remote_end();
}

/* ---- D08 ---- */

static void D08_reject_newest_keeps_the_oldest(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.max_events = 8);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_REJECT_NEWEST);
	send_all(callback, 100);
	then_all_fits(callback, 100);
	EXPECT_EQUAL(n_handled, 8);
	for (int i = 0; i < 8; i++)
		EXPECT_EQUAL(stream_number(i), i + 1);
	EXPECT_EQUAL(only_loss()->count, 92);
	EXPECT_EQUAL(only_loss()->why, CBB_LOSS_REJECTED);
	finish();
}

static void D08_drop_oldest_keeps_the_newest(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.max_events = 8);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_DROP_OLDEST);
	send_all(callback, 100);
	then_all_fits(callback, 100);
	EXPECT_EQUAL(n_handled, 8);
	for (int i = 0; i < 4; i++) { /* half the bound leaves the host, the rest is still in its hands */
		EXPECT_EQUAL(stream_number(i), i + 1);
		EXPECT_EQUAL(stream_number(i + 5), 97 + i);
	}
	EXPECT(only_loss() == &stream[4]);
	EXPECT_EQUAL(only_loss()->count, 92);
	EXPECT_EQUAL(only_loss()->why, CBB_LOSS_DROPPED);
	finish();
}

static void D08_drop_oldest_keeps_the_newest_of_a_callback_with_a_limit_of_its_own(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback =
	    STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_DROP_OLDEST, .max_queued = 10);
	send_all(callback, 100);
	then_all_fits(callback, 100);
	EXPECT_EQUAL(n_handled, 10);
	EXPECT_EQUAL(stream_number(n_stream - 1), 100);
	finish();
}

/* ---- D09 ---- */

static void D09_of_latest_only_the_newest_waits_while_one_is_on_its_way(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_LATEST);
	send_all(callback, 100);
	then_all_fits(callback, 100);
	EXPECT_EQUAL(n_stream, 3);
	EXPECT_EQUAL(stream_number(0), 1);
	EXPECT_EQUAL(stream_number(2), 100);
	EXPECT_EQUAL(only_loss()->count, 98);
	EXPECT_EQUAL(only_loss()->why, CBB_LOSS_REPLACED);
	finish();
}

static int last_step[4];

static void progress(int item, int step)
{
	EXPECT(step > last_step[item]);
	last_step[item] = step;
	n_handled++;
	n_accounted++;
}

static void D09_coalesced_by_key_the_last_of_each_key_arrives(void)
{
	enum { STEPS = 200 };
	given_native_threads();
	cbb_library *library = remote_library("threads", THREADS_TEXT THREADS_PROGRESS_TEXT);
	queue = QUEUE_WITH(.max_events = 16);
	cbb_callback *callback = CALLBACK_WITH(library, "progress_fn", progress, .delivery = CBB_LISTENER, .queue = queue,
	                                       .overflow = CBB_OVERFLOW_COALESCE, .on_lost = stream_loss);
	progress_fn pointer = (progress_fn)cbb_callback_pointer(callback);
	struct crew *crew = REMOTE(library, struct crew *(progress_fn, int, int), "crew_progress")(pointer, 4, STEPS);
	join_crew(crew);
	EXPECT(dispatch_until(queue, &n_accounted, 4 * STEPS));
	for (int item = 0; item < 4; item++)
		EXPECT_EQUAL(last_step[item], STEPS);
	EXPECT(n_handled >= 4 && n_handled <= 16);
	for (long k = 0; k < n_stream; k++)
		EXPECT_EQUAL(stream[k].why, CBB_LOSS_REPLACED);
	EXPECT_EQUAL(counts_of(callback).lost, 4 * STEPS - n_handled);
	free_crew(crew);
	remote_end();
}

/* ---- D10 ---- */

/* A flood with a handler that is often too slow: each gap is told where it is, with its size, to the last event. */
static void expect_gaps_told(int32_t overflow)
{
	int n = harness_slow() > 1 ? 1500 : 6000;
	given_native_threads();
	queue = QUEUE_WITH(.max_events = 16);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .overflow = overflow);
	struct crew *crew = given_events(event_pointer(callback), NULL, 1, n, 0);
	EXPECT(dispatch_until(queue, &n_accounted, n));
	join_crew(crew);
	EXPECT_EQUAL(n_accounted, n);
	EXPECT_EQUAL(stream_check(callback, 0), n);
	EXPECT_EQUAL(counts_of(callback).lost, n_lost);
	free_crew(crew);
	remote_end();
}

static void D10_what_was_rejected_is_told_in_the_stream_in_order(void)
{
	expect_gaps_told(CBB_OVERFLOW_REJECT_NEWEST);
}

static void D10_what_was_dropped_is_told_in_the_stream_in_order(void)
{
	expect_gaps_told(CBB_OVERFLOW_DROP_OLDEST);
}

static void D10_what_was_replaced_is_told_in_the_stream_in_order(void)
{
	expect_gaps_told(CBB_OVERFLOW_LATEST);
}

static void D10_what_was_above_the_rate_is_told_in_the_stream_in_order(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .rate_per_s = 5);
	struct crew *crew = given_events(event_pointer(callback), NULL, 1, 500, 0);
	EXPECT(dispatch_until(queue, &n_accounted, 500));
	join_crew(crew);
	EXPECT_EQUAL(stream_check(callback, 0), 500);
	EXPECT(n_handled >= 1);
	EXPECT(n_lost > 0);
	for (long k = 0; k < n_stream; k++)
		EXPECT(stream[k].kind == STREAM_EVENT || stream[k].why == CBB_LOSS_RATE);
	free_crew(crew);
	remote_end();
}

/* ---- D11, D12 ---- */

static void D11_a_producer_that_waits_goes_on_at_its_time_out_and_the_event_counts_as_lost(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.max_events = 4, .stall_timeout_ms = CBB_UNLIMITED);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .wait_timeout_ms = 20);
	send_all(callback, 6);
	then_all_fits(callback, 6);
	EXPECT_EQUAL(n_handled, 4);
	EXPECT_EQUAL(only_loss()->count, 2);
	EXPECT_EQUAL(only_loss()->why, CBB_LOSS_TIMEOUT);
	finish();
}

static void D11_without_one_it_gives_up_when_the_queue_stalls(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.max_events = 4, .stall_timeout_ms = 50);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	send_all(callback, 6);
	then_all_fits(callback, 6);
	EXPECT_EQUAL(only_loss()->why, CBB_LOSS_TIMEOUT);
	finish();
}

static void D12_what_is_queued_is_delivered_in_few_turns(void)
{
	int n_turns = 0;
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	send_all(callback, 500);
	while (n_handled < 500) {
		REQUIRE(harness_wait_readable(cbb_queue_fd(queue), FOREIGN_WAIT_MS));
		REQUIRE(cbb_queue_dispatch(queue, 0, 0) >= 0);
		n_turns++;
	}
	EXPECT(n_turns <= 50);
	finish();
}

static const struct test tests[] = {
	TEST(D07_the_limit_is_in_bytes_too),
	TEST(D07_one_event_of_any_size_passes_and_those_that_wait_follow),
	TEST(D08_reject_newest_keeps_the_oldest),
	TEST(D08_drop_oldest_keeps_the_newest),
	TEST(D08_drop_oldest_keeps_the_newest_of_a_callback_with_a_limit_of_its_own),
	TEST(D09_of_latest_only_the_newest_waits_while_one_is_on_its_way),
	TEST(D09_coalesced_by_key_the_last_of_each_key_arrives),
	TEST(D10_what_was_rejected_is_told_in_the_stream_in_order),
	TEST(D10_what_was_dropped_is_told_in_the_stream_in_order),
	TEST(D10_what_was_replaced_is_told_in_the_stream_in_order),
	TEST(D10_what_was_above_the_rate_is_told_in_the_stream_in_order),
	TEST(D11_a_producer_that_waits_goes_on_at_its_time_out_and_the_event_counts_as_lost),
	TEST(D11_without_one_it_gives_up_when_the_queue_stalls),
	TEST(D12_what_is_queued_is_delivered_in_few_turns),
};
HARNESS_MAIN(tests)
