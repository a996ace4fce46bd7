/* SPDX-License-Identifier: MIT */
/*
 * The bits that calls name queues by, from a client's end: such as there are not, such as two queues have, and calls
 * that speak of a queue which is not the one that has the bit.
 */
#include "queue_party.h"

#define BIT (1ull << (QUEUE - 1))
#define LATER (QUEUE + 64)

static struct raw_client later, native;

static void given_a_party_alone(void)
{
	later.connection.fd = native.connection.fd = -1;
	given_a_party();
}

static int attach_with_bit(struct raw_client *to, uint32_t queue, uint32_t bit)
{
	Cbb__Hello hello = a_hello(CBB__LANE_KIND__LANE_EVENTS);
	hello.queue = queue;
	hello.queue_bit = bit;
	return attach(to, &hello);
}

static uint64_t a_sum_of(uint32_t slot, uint32_t queue)
{
	Cbb__OpenCallback message = a_callback(slot, "sum_fn", CBB__DELIVERY__DELIVERY_AUTO);
	message.queue = queue;
	return open_callback(message);
}

static uint64_t call_under(uint64_t word, uint64_t dispatches, uint32_t last_queue)
{
	uint64_t words[] = {word, 1, 2};
	Cbb__Invoke message = an_invoke_of(THREADS, threads, "sum_here", words, 3);
	message.dispatches = dispatches;
	message.last_queue = last_queue;
	return send_invoke(&lane, message);
}

static void expect_nested(uint64_t word, uint64_t dispatches, uint32_t last_queue)
{
	uint64_t outer = call_under(word, dispatches, last_queue);
	const Cbb__Invoke *nested = expect_invoke(&lane);
	EXPECT_EQUAL(nested->parent, outer);
	send_return(&lane, nested->sequence, 0, 5);
	EXPECT_EQUAL(expect_result(&lane, outer), 5);
}

/* It waits on a lane of its queue, of which there is one. */
static void expect_not_nested(uint64_t word, uint64_t dispatches, uint32_t last_queue)
{
	uint64_t outer = call_under(word, dispatches, last_queue);
	send_return(&native, expect_invoke(&native)->sequence, 0, 6);
	EXPECT_EQUAL(expect_result(&lane, outer), 6);
}

static void given_a_native_lane(uint32_t queue)
{
	Cbb__Hello hello = a_hello(CBB__LANE_KIND__LANE_NATIVE_THREAD);
	hello.queue = queue;
	REQUIRE_EQUAL(attach(&native, &hello), 0);
}

static void finish(void)
{
	raw_close(&native);
	raw_close(&later);
	end_party();
}

static void given_bits_that_are_none_when_they_come_then_they_are_refused(void)
{
	given_a_party_alone();
	EXPECT_EQUAL(attach_with_bit(&later, QUEUE, 65), CBB__STATUS__STATUS_ARGUMENT);
	raw_close(&later);
	EXPECT_EQUAL(attach_with_bit(&later, QUEUE, UINT32_MAX), CBB__STATUS__STATUS_ARGUMENT);
	raw_close(&later);
	EXPECT_EQUAL(attach_with_bit(&events, QUEUE, 64), 0);
	end_party();
}

static void given_a_queue_with_another_bit_than_its_number_when_called_under_its_dispatcher_then_it_is_nested(void)
{
	given_a_party_alone();
	REQUIRE_EQUAL(attach_with_bit(&events, 200, 64), 0);
	given_a_native_lane(200);
	uint64_t word = a_sum_of(0, 200);
	expect_nested(word, 1ull << 63, 200);
	expect_nested(word, UINT64_MAX, UINT32_MAX);
	expect_not_nested(word, ~(1ull << 63), UINT32_MAX);
	finish();
}

static void given_a_queue_without_bit_when_called_under_any_then_it_is_not_nested(void)
{
	given_a_party_alone();
	REQUIRE_EQUAL(attach_with_bit(&events, QUEUE, 0), 0);
	given_a_native_lane(QUEUE);
	expect_not_nested(a_sum_of(0, QUEUE), UINT64_MAX, UINT32_MAX);
	finish();
}

static void given_a_call_begun_before_the_queue_then_its_bits_are_about_another(void)
{
	given_a_party_alone();
	REQUIRE_EQUAL(attach_with_bit(&later, LATER, QUEUE), 0);
	given_a_native_lane(LATER);
	uint64_t word = a_sum_of(0, LATER);
	expect_not_nested(word, BIT, 0);
	expect_not_nested(word, BIT, LATER - 1);
	expect_nested(word, BIT, LATER);
	finish();
}

/* The end of the first has not been seen here, or it never ends. */
static void given_two_queues_with_one_bit_then_the_later_one_has_it(void)
{
	given_a_party_alone();
	attach_events(0, 0, 0);
	uint64_t word = a_sum_of(0, QUEUE);
	expect_nested(word, BIT, 0);
	REQUIRE_EQUAL(attach_with_bit(&later, LATER, QUEUE), 0);
	expect_nested(a_sum_of(1, LATER), BIT, LATER);
	given_a_native_lane(QUEUE);
	expect_not_nested(word, BIT, LATER);
	finish();
}

/* An attachment that was long on its way. */
static void given_an_earlier_queue_that_comes_late_then_it_takes_no_bit(void)
{
	given_a_party_alone();
	REQUIRE_EQUAL(attach_with_bit(&later, LATER, QUEUE), 0);
	attach_events(0, 0, 0);
	expect_nested(a_sum_of(1, LATER), BIT, LATER);
	given_a_native_lane(QUEUE);
	expect_not_nested(a_sum_of(0, QUEUE), BIT, LATER);
	raw_close(&native);
	raw_close(&events);
	/* Nor gives it one back. */
	expect_nested(a_sum_of(2, LATER), BIT, LATER);
	finish();
}

static const struct test tests[] = {
	TEST(given_bits_that_are_none_when_they_come_then_they_are_refused),
	TEST(given_a_queue_with_another_bit_than_its_number_when_called_under_its_dispatcher_then_it_is_nested),
	TEST(given_a_queue_without_bit_when_called_under_any_then_it_is_not_nested),
	TEST(given_a_call_begun_before_the_queue_then_its_bits_are_about_another),
	TEST(given_two_queues_with_one_bit_then_the_later_one_has_it),
	TEST(given_an_earlier_queue_that_comes_late_then_it_takes_no_bit),
};
HARNESS_MAIN(tests)
