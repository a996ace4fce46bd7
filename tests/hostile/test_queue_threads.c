/* SPDX-License-Identifier: MIT */
/*
 * Native threads on the lanes of a queue at the edges: one that ends inside a handler's call, many that ask in vain,
 * and clients that leave half a lane.
 */
#include "queue_party.h"

#include "../fixtures/deaths.h"

#include <poll.h>

#define DEATHS 3
#define LANES_MAX 64

static struct raw_client native;
static uint64_t word, puppet;

static void given_a_party_with_a_worker(uint64_t stall_ms, uint64_t timeout_ms)
{
	Cbb__OpenCallback message;
	given_a_party();
	attach_events(0, 0, stall_ms);
	message = a_callback(0, "sum_fn", CBB__DELIVERY__DELIVERY_BLOCKING);
	message.timeout_ms = timeout_ms;
	word = open_callback(message);
	puppet = open_puppet("worker");
}

static uint64_t given_a_handler(void)
{
	given_a_party_with_a_worker(0, 0);
	call("puppet_sum", WORDS(puppet, word, 3, 4));
	expect_lane_wanted(&native);
	return expect_invoke(&native)->sequence;
}

static void expect_answer(int64_t value)
{
	EXPECT_EQUAL((int32_t)call("puppet_wait", WORDS(puppet)), value);
}

static void expect_next_thread_is_served(void)
{
	puppet = open_puppet("next");
	call("puppet_sum", WORDS(puppet, word, 5, 6));
	expect_lane_wanted(&native);
	send_return(&native, expect_invoke(&native)->sequence, 0, 4);
	expect_answer(4);
	raw_close(&native);
}

/* ---- Threads that end ---- */

static void given_a_handler_whose_call_ends_its_native_thread_then_the_lane_ends_and_others_are_served(void)
{
	uint64_t base = given_a_handler();
	struct interface *deaths = open_library(DEATHS, "libfixture_deaths.so", DEATHS_TEXT);
	Cbb__Invoke inner = an_invoke_of(DEATHS, deaths, "end_thread", NULL, 0);
	inner.parent = base;
	send_invoke(&native, inner);
	raw_expect_end(&native);
	raw_close(&native);
	expect_next_thread_is_served();
	EXPECT_EQUAL(raw_status(&session, host_id)->info->lanes, 2);
	interface_free(deaths);
	end_party();
}

/* Half of the room is the events' that went along. */
static void given_a_thread_with_events_when_it_ends_inside_its_handlers_call_then_their_room_is_there_again(void)
{
	given_a_party();
	attach_events(4, 0, 0);
	attach_native(&native);
	struct interface *deaths = open_library(DEATHS, "libfixture_deaths.so", DEATHS_TEXT);
	uint64_t event = open_callback(a_callback(0, "event_fn", CBB__DELIVERY__DELIVERY_LISTENER));
	uint64_t sum = open_callback(a_callback(1, "sum_fn", CBB__DELIVERY__DELIVERY_BLOCKING));
	puppet = open_puppet("worker");
	call("puppet_events", WORDS(puppet, event, 0, 1, 4));
	call("puppet_sum", WORDS(puppet, sum, 3, 4));
	expect_event(&native);
	expect_event(&native);
	Cbb__Invoke inner = an_invoke_of(DEATHS, deaths, "end_thread", NULL, 0);
	inner.parent = expect_invoke(&native)->sequence;
	send_invoke(&native, inner);
	raw_expect_end(&native);
	expect_event(&events);
	expect_event(&events);
	send_taken(2, 2);
	puppet = open_puppet("next");
	call("puppet_events", WORDS(puppet, event, 0, 5, 4));
	call("puppet_wait", WORDS(puppet));
	raw_close(&native);
	interface_free(deaths);
	end_party();
}

/* ---- Asking in vain ---- */

static void given_threads_that_give_up_often_when_nobody_reads_then_no_more_lanes_are_asked_for_than_may_be(void)
{
	unsigned n_wanted = 0;
	given_a_party_with_a_worker(60000, 1);
	for (int i = 0; i < 3 * LANES_MAX; i++)
		call("puppet_sum", WORDS(puppet, word, 3, 4));
	expect_answer(SUM_ON_ERROR);
	close_callback(&events, 0, false);
	for (Cbb__FrameType type; (type = raw_receive(&events)) != CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED;)
		n_wanted += type == CBB__FRAME_TYPE__FRAME_LANE_WANTED;
	EXPECT(n_wanted >= 1);
	if (n_wanted > LANES_MAX)
		FAIL("%u lanes were asked for", n_wanted);
	end_party();
}

/* ---- Half a lane ---- */

static void given_a_client_that_shuts_its_event_lane_for_reading_when_an_event_comes_then_the_queue_ends(void)
{
	struct pollfd hung_up;
	given_a_party();
	attach_events(0, 0, 0);
	word = open_callback(a_callback(0, "event_fn", CBB__DELIVERY__DELIVERY_LISTENER));
	puppet = open_puppet("source");
	shutdown(events.connection.fd, SHUT_RD);
	call("puppet_events", WORDS(puppet, word, 0, 1, 1));
	call("puppet_wait", WORDS(puppet));
	hung_up = (struct pollfd){.fd = events.connection.fd};
	EXPECT_EQUAL(poll(&hung_up, 1, RAW_TIMEOUT_MS * (int)harness_slow()), 1);
	EXPECT(hung_up.revents & POLLHUP);
	end_party();
}

/* ---- Handlers that have begun ---- */

/* What lies unread on the lane is then not the Invoke but the answer. */
static void given_a_handler_that_has_read_memory_when_its_callback_is_aborted_then_its_answer_counts(void)
{
	uint64_t base = given_a_handler();
	Cbb__ReadMemory reading = CBB__READ_MEMORY__INIT;
	reading.sequence = ++last_call;
	reading.address = puppet;
	reading.bytes = 8;
	raw_send(&native, CBB__FRAME_TYPE__FRAME_READ_MEMORY, &reading.base);
	REQUIRE(harness_wait_readable(native.connection.fd, 15000));
	close_callback(&events, 0, true);
	expect_ended(0);
	const Cbb__Return *answer = raw_expect(&native, CBB__FRAME_TYPE__FRAME_RETURN, &cbb__return__descriptor);
	EXPECT_EQUAL(answer->sequence, reading.sequence);
	send_return(&native, base, 0, 8);
	expect_answer(8);
	raw_close(&native);
	end_party();
}

static const struct test tests[] = {
    TEST(given_a_handler_whose_call_ends_its_native_thread_then_the_lane_ends_and_others_are_served),
    TEST(given_a_thread_with_events_when_it_ends_inside_its_handlers_call_then_their_room_is_there_again),
    TEST(given_threads_that_give_up_often_when_nobody_reads_then_no_more_lanes_are_asked_for_than_may_be),
    TEST(given_a_client_that_shuts_its_event_lane_for_reading_when_an_event_comes_then_the_queue_ends),
    TEST(given_a_handler_that_has_read_memory_when_its_callback_is_aborted_then_its_answer_counts),
};
HARNESS_MAIN(tests)
