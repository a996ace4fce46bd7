/* SPDX-License-Identifier: MIT */
/*
 * Lanes of queues that a host does not take, and as many as it does.
 */
#include "queue_party.h"

#include <sys/resource.h>

#define QUEUES_MAX 1024
#define LANES_MAX 64

/* The host's or the broker's words for this. */
static void expect_refused(const Cbb__Hello *hello, int status, const char *words)
{
	struct raw_client refused;
	raw_open(&refused, broker->socket);
	const Cbb__HelloReply *reply = raw_hello(&refused, hello);
	EXPECT_EQUAL(reply->status, status);
	EXPECT_CONTAINS(raw_text(reply->detail), words);
	raw_expect_end(&refused);
	raw_close(&refused);
}

static void given_a_queue_without_event_lane_when_a_native_lane_comes_then_it_is_refused(void)
{
	given_a_party();
	Cbb__Hello hello = a_hello(CBB__LANE_KIND__LANE_NATIVE_THREAD);
	expect_refused(&hello, CBB__STATUS__STATUS_CLOSED, "queue 7, which has no event lane");
	attach_events(0, 0, 0);
	raw_close(&events);
	/* The host may not have noticed its end: then the lane ends with it. */
	raw_open(&events, broker->socket);
	if (raw_hello(&events, &hello)->status == 0)
		raw_expect_end(&events);
	end_party();
}

static void given_numbers_that_are_none_when_they_come_then_they_are_refused(void)
{
	given_a_party();
	attach_events(0, 0, 0);
	Cbb__Hello hello = a_hello(CBB__LANE_KIND__LANE_EVENTS);
	expect_refused(&hello, CBB__STATUS__STATUS_ARGUMENT, "queue 7: it has an event lane already");
	hello.queue = 0;
	expect_refused(&hello, -EINVAL, "queue 0");
	hello.lane = (Cbb__LaneKind)9;
	hello.queue = 1;
	expect_refused(&hello, CBB__STATUS__STATUS_UNSUPPORTED, "kind 9");
	end_party();
}

static void given_a_full_pool_when_one_more_lane_comes_then_it_is_refused(void)
{
	struct raw_client lanes[LANES_MAX];
	given_a_party();
	attach_events(0, 0, 0);
	for (unsigned i = 0; i < LANES_MAX; i++)
		attach_native(&lanes[i]);
	Cbb__Hello hello = a_hello(CBB__LANE_KIND__LANE_NATIVE_THREAD);
	expect_refused(&hello, CBB__STATUS__STATUS_LIMIT, "queue 7 has 64 lanes of native threads");
	EXPECT_EQUAL(raw_status(&session, host_id)->info->lanes, LANES_MAX + 1);
	for (unsigned i = 0; i < LANES_MAX; i++)
		raw_close(&lanes[i]);
	end_party();
}

static void given_as_many_queues_as_there_may_be_when_one_more_comes_then_it_is_refused_until_one_ends(void)
{
	static struct raw_client queues[QUEUES_MAX];
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < 2 * QUEUES_MAX + 100)
		SKIP("only %lu descriptors are possible here", (unsigned long)limit.rlim_max);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	given_a_party();
	Cbb__Hello hello = a_hello(CBB__LANE_KIND__LANE_EVENTS);
	for (unsigned i = 0; i < QUEUES_MAX; i++) {
		hello.queue = i + 1;
		REQUIRE_EQUAL(attach(&queues[i], &hello), 0);
	}
	hello.queue = 2000;
	expect_refused(&hello, CBB__STATUS__STATUS_LIMIT, "the host has 1024 queues");
	raw_close(&queues[5]);
	uint64_t deadline_ns = raw_deadline_ns();
	do { /* until the host has noticed */
		raw_close(&events);
	} while (attach(&events, &hello) != 0 && clock_now_ns() < deadline_ns);
	EXPECT(clock_now_ns() < deadline_ns);
	for (unsigned i = 0; i < QUEUES_MAX; i++)
		if (i != 5)
			raw_close(&queues[i]);
	end_party();
}

/* ---- Callbacks that cannot be ---- */

static void expect_callback_is_cut_off(Cbb__OpenCallback message, const char *words)
{
	struct raw_client bad;
	const Cbb__HelloReply *reply = raw_attach(&bad, broker->socket, &session, host_id);
	uint32_t thread = reply->thread;
	REQUIRE_EQUAL(reply->status, 0);
	raw_send(&bad, CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, &message.base);
	raw_expect_end(&bad);
	raw_close(&bad);
	EXPECT(harness_broker_wait_log(broker, harness_format("lane of thread %u is cut off: %s", thread, words), 15000));
}

static void given_callbacks_that_contradict_when_opened_then_the_lane_is_cut_off(void)
{
	Cbb__OpenCallback message;
	given_a_party();
	attach_events(0, 0, 0);
	expect_callback_is_cut_off(a_callback(0, "sum_fn", CBB__DELIVERY__DELIVERY_LISTENER),
	                           "a listener of sum_fn, which returns something");
	message = a_callback(1, "event_fn", CBB__DELIVERY__DELIVERY_LISTENER);
	open_callback(message);
	open_callback(message); /* the same again changes nothing */
	call("puppet_close", WORDS(open_puppet("any")));
	message.max_queued = 5;
	expect_callback_is_cut_off(message, "slot 1 was opened as something else");
	message.max_queued = 0;
	message.queue = QUEUE + 1;
	expect_callback_is_cut_off(message, "slot 1 was opened as something else");
	message.queue = QUEUE;
	message.delivery = CBB__DELIVERY__DELIVERY_BLOCKING;
	expect_callback_is_cut_off(message, "slot 1 was opened as something else");
	end_party();
}

static const struct test tests[] = {
    TEST(given_a_queue_without_event_lane_when_a_native_lane_comes_then_it_is_refused),
    TEST(given_numbers_that_are_none_when_they_come_then_they_are_refused),
    TEST(given_a_full_pool_when_one_more_lane_comes_then_it_is_refused),
    TEST_TIMEOUT(given_as_many_queues_as_there_may_be_when_one_more_comes_then_it_is_refused_until_one_ends, 60),
    TEST(given_callbacks_that_contradict_when_opened_then_the_lane_is_cut_off),
};
HARNESS_MAIN(tests)
