/* SPDX-License-Identifier: MIT */
/* Which queue a bit of a call stands for. */
#include "host/queue_bits.h"
#include "support/harness.h"

static bool is_dispatched(uint64_t dispatches, uint32_t last, uint32_t number)
{
	const struct call_queues queues = {.dispatches = dispatches, .last = last};
	return queue_bits_dispatched(&queues, number) != 0;
}

static void given_bits_at_both_ends_then_each_is_found_where_it_is(void)
{
	const struct call_queues all = {.dispatches = UINT64_MAX, .last = UINT32_MAX};
	queue_bits_take(1, 10);
	queue_bits_take(QUEUE_BITS_MAX, UINT32_MAX);
	EXPECT_EQUAL(queue_bits_dispatched(&all, 10), 1);
	EXPECT_EQUAL(queue_bits_dispatched(&all, UINT32_MAX), 1ull << 63);
	EXPECT_EQUAL(queue_bits_dispatched(&all, 11), 0);
	EXPECT(!is_dispatched(~1ull, UINT32_MAX, 10));
	EXPECT(!is_dispatched(0, UINT32_MAX, 10));
	EXPECT(!is_dispatched(1, 9, 10));
	EXPECT(is_dispatched(1, 10, 10));
}

static void given_a_bit_taken_again_then_the_highest_number_has_it_until_it_gives_it_back(void)
{
	queue_bits_take(5, 5);
	queue_bits_take(5, 69);
	EXPECT(!is_dispatched(1 << 4, 69, 5));
	EXPECT(is_dispatched(1 << 4, 69, 69));
	queue_bits_give(5, 5);
	EXPECT(is_dispatched(1 << 4, 69, 69));
	queue_bits_take(5, 6);
	EXPECT(is_dispatched(1 << 4, 69, 69));
	EXPECT(!is_dispatched(1 << 4, 69, 6));
	queue_bits_give(5, 69);
	EXPECT(!is_dispatched(1 << 4, 69, 69));
	EXPECT(!is_dispatched(1 << 4, 69, 6));
}

/* Whatever number is asked for. */
static void given_bits_that_nobody_has_then_they_stand_for_nothing(void)
{
	EXPECT(!is_dispatched(UINT64_MAX, UINT32_MAX, 1));
	EXPECT(!is_dispatched(UINT64_MAX, UINT32_MAX, UINT32_MAX));
}

static const struct test tests[] = {
	TEST(given_bits_at_both_ends_then_each_is_found_where_it_is),
	TEST(given_a_bit_taken_again_then_the_highest_number_has_it_until_it_gives_it_back),
	TEST(given_bits_that_nobody_has_then_they_stand_for_nothing),
};
HARNESS_MAIN(tests)
