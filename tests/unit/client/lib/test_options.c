/* SPDX-License-Identifier: MIT */
#include "lib/options.h"

#include "lib/error.h"
#include "support/harness.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

struct known {
	size_t size;
	uint64_t first, second;
};

struct newer {
	struct known known;
	uint64_t third;
	unsigned char tail[3];
};

static struct known known;

static int take(const void *given)
{
	memset(&known, 0x55, sizeof known);
	return options_take(&known, sizeof known, given);
}

static void given_no_options_when_taken_then_all_is_default(void)
{
	EXPECT_EQUAL(take(NULL), 0);
	EXPECT_EQUAL(known.first, 0);
	EXPECT_EQUAL(known.second, 0);
}

static void given_options_of_the_same_size_when_taken_then_they_are_copied(void)
{
	EXPECT_EQUAL(take(&(struct known){sizeof(struct known), 1, 2}), 0);
	EXPECT_EQUAL(known.first, 1);
	EXPECT_EQUAL(known.second, 2);
}

static void given_smaller_options_when_taken_then_the_rest_is_default(void)
{
	struct known given = {offsetof(struct known, second), 1, 99};
	EXPECT_EQUAL(take(&given), 0);
	EXPECT_EQUAL(known.first, 1);
	EXPECT_EQUAL(known.second, 0);
	given.size = sizeof given.size; /* nothing but the size */
	EXPECT_EQUAL(take(&given), 0);
	EXPECT_EQUAL(known.first, 0);
	given.size = offsetof(struct known, first) + 1; /* an end within a field */
	given.first = 0x0101;
	EXPECT_EQUAL(take(&given), 0);
	EXPECT_EQUAL(known.first, 1);
}

static void given_options_without_a_size_when_taken_then_they_are_refused_in_words(void)
{
	for (size_t size = 0; size < sizeof(size_t); size++) {
		EXPECT_EQUAL(take(&(struct known){size, 1, 2}), -EINVAL);
		EXPECT_CONTAINS(detail_text(), "sizeof");
	}
}

static void given_larger_options_when_what_is_new_is_zero_then_they_are_taken(void)
{
	struct newer given;
	memset(&given, 0, sizeof given);
	given.known = (struct known){sizeof given, 1, 2};
	EXPECT_EQUAL(take(&given), 0);
	EXPECT_EQUAL(known.second, 2);
}

static void given_larger_options_when_what_is_new_is_set_then_the_words_name_the_byte(void)
{
	struct newer given;
	memset(&given, 0, sizeof given);
	given.known.size = offsetof(struct newer, tail) + sizeof given.tail;
	given.tail[2] = 1; /* the last byte */
	EXPECT_EQUAL(take(&given), CBB_ERR_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), harness_format("byte %zu", given.known.size - 1));
	given.known.size--; /* one less: it is not looked at */
	EXPECT_EQUAL(take(&given), 0);
	given.third = 1; /* the first */
	EXPECT_EQUAL(take(&given), CBB_ERR_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), harness_format("byte %zu", sizeof(struct known)));
}

static void given_a_report_of_another_size_when_filled_then_no_byte_beyond_it_is_written(void)
{
	const struct known from = {sizeof from, 1, 2};
	struct newer to;
	memset(&to, 0x55, sizeof to);
	to.known.size = offsetof(struct known, second);
	options_give(&to, &from, sizeof from);
	EXPECT_EQUAL(to.known.size, offsetof(struct known, second));
	EXPECT_EQUAL(to.known.first, 1);
	EXPECT_EQUAL(to.known.second, 0x5555555555555555);
	to.known.size = offsetof(struct newer, tail) + 1;
	options_give(&to, &from, sizeof from);
	EXPECT_EQUAL(to.known.second, 2);
	EXPECT_EQUAL(to.third, 0);
	EXPECT_EQUAL(to.tail[0], 0);
	EXPECT_EQUAL(to.tail[1], 0x55);
}

static const struct test tests[] = {
    TEST(given_no_options_when_taken_then_all_is_default),
    TEST(given_options_of_the_same_size_when_taken_then_they_are_copied),
    TEST(given_smaller_options_when_taken_then_the_rest_is_default),
    TEST(given_options_without_a_size_when_taken_then_they_are_refused_in_words),
    TEST(given_larger_options_when_what_is_new_is_zero_then_they_are_taken),
    TEST(given_larger_options_when_what_is_new_is_set_then_the_words_name_the_byte),
    TEST(given_a_report_of_another_size_when_filled_then_no_byte_beyond_it_is_written),
};
HARNESS_MAIN(tests)
