/* SPDX-License-Identifier: MIT */
/* D15: events that no handler will see are handed back, once each. D17: floods. */
#include "support/stream.h"

static cbb_queue *queue;
static struct puppet *puppet;

static cbb_callback *given_queued_events(int n, const cbb_queue_options *options)
{
	given_native_threads();
	queue = given_a_queue(options);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, n);
	REQUIRE(puppet_reaches(puppet, n));
	return callback;
}

static bool all_are_accounted(void *n)
{
	return n_accounted == *(long *)n && n_finalized == 1;
}

static void expect_all_handed_back(cbb_callback *callback, long n)
{
	EXPECT(dispatch_while_waiting(queue, all_are_accounted, &n));
	EXPECT_EQUAL(n_dropped, n);
	EXPECT_EQUAL(n_handled, 0);
	EXPECT_EQUAL(stream_check(callback, 1), (int)n + 1);
	EXPECT_EQUAL(n_stream, n + 1); /* and the finalizer after them */
	EXPECT_EQUAL(stream[n].kind, STREAM_FINALIZED);
	EXPECT_EQUAL(counts_of(callback).dropped, n);
	EXPECT_EQUAL(dispatch_all(queue), 0);
	end_puppet(puppet);
	remote_end();
}

static void D15_aborted_events_are_handed_back_once_in_order_and_then_the_finalizer_runs(void)
{
	cbb_callback *callback = given_queued_events(100, NULL);
	EXPECT(close_with(callback, CBB_CLOSE_ABORT, 0) >= 0);
	EXPECT(close_with(callback, CBB_CLOSE_ABORT, 0) >= 0);
	expect_all_handed_back(callback, 100);
}

/* Half of them are in the host still, beyond the window in which it may send. */
static void D15_also_those_that_had_not_left_the_host(void)
{
	cbb_queue_options options = {.size = sizeof options, .max_events = 100};
	cbb_callback *callback = given_queued_events(100, &options);
	EXPECT(close_with(callback, CBB_CLOSE_ABORT, 0) >= 0);
	expect_all_handed_back(callback, 100);
}

static void event_aborting(void *user, int thread, int number, const char *text)
{
	stream_event(user, thread, number, text);
	if (number == 10)
		EXPECT(close_with(cbb_invocation_callback(cbb_invocation_current()), CBB_CLOSE_ABORT, 0) >= 0);
}

static void D15_aborted_inside_a_handler_the_rest_is_handed_back(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event_aborting, .queue = queue, .on_lost = stream_loss,
	                                        .on_dropped = stream_dropped, .finalizer = stream_finalized);
	long n = 50;
	puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 50);
	REQUIRE(puppet_reaches(puppet, 50));
	EXPECT(dispatch_while_waiting(queue, all_are_accounted, &n));
	EXPECT_EQUAL(n_handled, 10);
	EXPECT_EQUAL(n_dropped, 40);
	EXPECT_EQUAL(stream_check(callback, 1), 51);
	EXPECT_EQUAL(stream[n_stream - 1].kind, STREAM_FINALIZED);
	end_puppet(puppet);
	remote_end();
}

static bool is_finalized(void *context)
{
	(void)context;
	return n_finalized > 0;
}

/* What the host had not sent died with it; what had come here is handled or handed back; the callback ends. */
static void D15_when_the_host_dies_what_had_come_is_accounted_for_and_the_callback_ends(void)
{
	cbb_callback *callback = given_queued_events(100, NULL);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT(dispatch_while_waiting(queue, is_finalized, NULL));
	EXPECT(n_accounted <= 100);
	EXPECT_EQUAL(stream_check(callback, 1), (int)n_accounted + 1);
	EXPECT_EQUAL(n_finalized, 1);
	EXPECT_EQUAL(stream[n_stream - 1].kind, STREAM_FINALIZED);
	EXPECT_EQUAL(cbb_queue_run(queue), 0); /* nothing keeps it */
	EXPECT_EQUAL(n_finalized, 1);
	remote_end();
}

/* ---- D17 ---- */

static long own_resident_bytes(void)
{
	long size = 0, resident = 0;
	const char *text = harness_read_file("/proc/self/statm");
	EXPECT_EQUAL(sscanf(text, "%ld %ld", &size, &resident), 2);
	return resident * sysconf(_SC_PAGESIZE);
}

static _Atomic long n_bytes;

static void event_counting_bytes(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number;
	n_bytes += (long)strlen(text) + 1;
	n_handled++;
	n_accounted++;
}

static long flood_for(const cbb_callback *callback, struct crew *crew, uint64_t flood_ms)
{
	uint64_t end_ms = foreign_now_ms() + flood_ms;
	while (foreign_now_ms() < end_ms)
		dispatch_ok(queue, 10);
	THREADS(void(struct crew *), "crew_stop")(crew);
	join_crew(crew);
	long n_made = crew_has(crew, CREW_MADE);
	EXPECT(dispatch_until(queue, &n_accounted, n_made));
	EXPECT_EQUAL(n_accounted, n_made);
	EXPECT_EQUAL(counts_of(callback).handled, n_handled);
	return n_made;
}

/*
 * A queue of 1 MiB, 4 threads that send texts of 4 KiB as fast as they can. Sanitizers keep freed memory: they get more
 * room.
 */
static void expect_flood_is_bounded(int32_t overflow)
{
	long bound = harness_slow() > 1 ? 1l << 30 : 24l << 20;
	given_native_threads();
	queue = QUEUE_WITH(.max_events = CBB_UNLIMITED, .max_bytes = 1 << 20);
	cbb_callback *callback =
	    EVENT_CALLBACK(event_counting_bytes, .queue = queue, .overflow = overflow, .on_lost = stream_loss);
	long own_before = own_resident_bytes();
	long host_before = THREADS(long(void), "resident_bytes")();
	struct crew *crew = given_events(event_pointer(callback), NULL, 4, 0, 4096);
	flood_for(callback, crew, harness_nightly() ? 60000 : 1500);
	long own_after = own_resident_bytes(), host_after = THREADS(long(void), "resident_bytes")();
	EXPECT_EQUAL(n_bytes, n_handled * 4096);
	printf("     %ld MiB handled, %ld events lost; the program grew by %ld KiB, the host by %ld KiB\n", n_bytes >> 20,
	       n_lost, (own_after - own_before) >> 10, (host_after - host_before) >> 10);
	EXPECT(own_after - own_before < bound);
	EXPECT(host_after - host_before < bound);
	free_crew(crew);
	remote_end();
}

static void D17_a_flood_that_waits_for_room_does_not_grow_the_program(void)
{
	expect_flood_is_bounded(CBB_OVERFLOW_WAIT);
}

static void D17_a_flood_that_is_rejected_does_not_grow_the_program(void)
{
	expect_flood_is_bounded(CBB_OVERFLOW_REJECT_NEWEST);
}

static void D17_a_flood_that_drops_the_oldest_does_not_grow_the_program(void)
{
	expect_flood_is_bounded(CBB_OVERFLOW_DROP_OLDEST);
}

static const struct test tests[] = {
	TEST(D15_aborted_events_are_handed_back_once_in_order_and_then_the_finalizer_runs),
	TEST(D15_also_those_that_had_not_left_the_host),
	TEST(D15_aborted_inside_a_handler_the_rest_is_handed_back),
	TEST(D15_when_the_host_dies_what_had_come_is_accounted_for_and_the_callback_ends),
	TEST_TIMEOUT(D17_a_flood_that_waits_for_room_does_not_grow_the_program, 150),
	TEST_TIMEOUT(D17_a_flood_that_is_rejected_does_not_grow_the_program, 150),
	TEST_TIMEOUT(D17_a_flood_that_drops_the_oldest_does_not_grow_the_program, 150),
};
HARNESS_MAIN(tests)
