/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"
#include "support/harness.h"

#include <string.h>

static void given_an_empty_buffer_when_extended_then_the_bytes_count_as_used(void)
{
	struct buffer buffer;
	buffer_init(&buffer, 1000);
	uint8_t *first = buffer_extend(&buffer, 10);
	REQUIRE(first != NULL);
	memset(first, 'a', 10);
	EXPECT_EQUAL(buffer.size, 10);
	uint8_t *second = buffer_extend(&buffer, 900);
	REQUIRE(second != NULL);
	EXPECT_EQUAL(second, buffer.data + 10);
	EXPECT_EQUAL(buffer.size, 910);
	EXPECT_BYTES(buffer.data, 10, "aaaaaaaaaa", 10);
	buffer_free(&buffer);
}

static void given_room_when_reserved_then_nothing_counts_as_used(void)
{
	struct buffer buffer;
	buffer_init(&buffer, 1000);
	REQUIRE(buffer_reserve(&buffer, 100) != NULL);
	EXPECT_EQUAL(buffer.size, 0);
	EXPECT(buffer.capacity >= 100);
	buffer_free(&buffer);
}

static void given_a_limit_when_reached_exactly_then_it_fits_and_one_more_does_not(void)
{
	struct buffer buffer;
	buffer_init(&buffer, 1000);
	EXPECT(buffer_extend(&buffer, 1000) != NULL);
	EXPECT(buffer_extend(&buffer, 1) == NULL);
	EXPECT_EQUAL(buffer.size, 1000);
	EXPECT(buffer.capacity <= 1000);
	EXPECT(buffer_extend(&buffer, 0) != NULL);
	buffer_free(&buffer);
}

static void given_a_size_that_overflows_when_extended_then_it_does_not_fit(void)
{
	struct buffer buffer;
	buffer_init(&buffer, SIZE_MAX);
	REQUIRE(buffer_extend(&buffer, 10) != NULL);
	EXPECT(buffer_extend(&buffer, SIZE_MAX) == NULL);
	EXPECT(buffer_extend(&buffer, SIZE_MAX - 5) == NULL);
	EXPECT_EQUAL(buffer.size, 10);
	buffer_free(&buffer);
	buffer_init(&buffer, 100);
	EXPECT(buffer_extend(&buffer, 101) == NULL);
	EXPECT(buffer_extend(&buffer, SIZE_MAX) == NULL);
	EXPECT_EQUAL(buffer.capacity, 0);
	buffer_free(&buffer);
}

static void given_an_emptied_buffer_when_used_again_then_its_memory_is_kept(void)
{
	struct buffer buffer;
	buffer_init(&buffer, 100000);
	REQUIRE(buffer_extend(&buffer, 5000) != NULL);
	uint8_t *data = buffer.data;
	buffer.size = 0;
	EXPECT_EQUAL(buffer_extend(&buffer, 5000), data);
	buffer_free(&buffer);
	EXPECT_EQUAL(buffer.data, NULL);
	EXPECT_EQUAL(buffer.capacity, 0);
}

static void given_a_large_capacity_when_trimmed_then_only_an_empty_one_gives_it_back(void)
{
	struct buffer buffer;
	buffer_init(&buffer, 100000);
	REQUIRE(buffer_extend(&buffer, 50000) != NULL);
	buffer_trim(&buffer, 1000);
	EXPECT(buffer.capacity >= 50000);
	buffer.size = 0;
	buffer_trim(&buffer, buffer.capacity);
	EXPECT(buffer.capacity >= 50000);
	buffer_trim(&buffer, buffer.capacity - 1);
	EXPECT_EQUAL(buffer.capacity, 0);
	EXPECT(buffer_extend(&buffer, 10) != NULL);
	buffer_free(&buffer);
}

static void given_small_pieces_when_appended_then_all_arrive_in_order(void)
{
	struct buffer buffer;
	buffer_init(&buffer, 100000);
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t *at = buffer_extend(&buffer, 1);
		REQUIRE(at != NULL);
		*at = (uint8_t)(i % 251);
	}
	unsigned wrong = 0;
	for (unsigned i = 0; i < 100000; i++)
		wrong += buffer.data[i] != i % 251;
	EXPECT_EQUAL(wrong, 0);
	EXPECT(buffer_extend(&buffer, 1) == NULL);
	buffer_free(&buffer);
}

static const struct test tests[] = {
    TEST(given_an_empty_buffer_when_extended_then_the_bytes_count_as_used),
    TEST(given_room_when_reserved_then_nothing_counts_as_used),
    TEST(given_a_limit_when_reached_exactly_then_it_fits_and_one_more_does_not),
    TEST(given_a_size_that_overflows_when_extended_then_it_does_not_fit),
    TEST(given_an_emptied_buffer_when_used_again_then_its_memory_is_kept),
    TEST(given_a_large_capacity_when_trimmed_then_only_an_empty_one_gives_it_back),
    TEST(given_small_pieces_when_appended_then_all_arrive_in_order),
};
HARNESS_MAIN(tests)
