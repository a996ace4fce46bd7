/* SPDX-License-Identifier: MIT */
#include "lib/tokens.h"

#include "lib/error.h"
#include "support/harness.h"

#include <stdlib.h>

static struct token_table table;

static uint64_t out(uint32_t library, uintptr_t value, size_t size_bytes)
{
	uint64_t word = 1;
	EXPECT_EQUAL(token_out(&table, library, value, size_bytes, &word), 0);
	return word;
}

static bool is_none(uint32_t library, uint64_t word, size_t size_bytes)
{
	uintptr_t value = 77;
	return token_in(&table, library, word, size_bytes, &value) == 0 && value == 77;
}

static uintptr_t in(uint32_t library, uint64_t word, size_t size_bytes)
{
	uintptr_t value = 0;
	EXPECT_EQUAL(token_in(&table, library, word, size_bytes, &value), 1);
	return value;
}

static void given_a_pointer_when_it_goes_out_then_its_token_comes_back_as_the_pointer(void)
{
	token_table_init(&table);
	uint64_t word = out(1, 0x1234, 8);
	EXPECT(word != 0x1234);
	EXPECT_EQUAL(word, TOKEN_BASE);
	EXPECT_EQUAL(in(1, word, 8), 0x1234);
	EXPECT_EQUAL(out(1, 0x1234, 8), word);
	EXPECT_EQUAL(out(1, 0x1235, 8), TOKEN_BASE + TOKEN_STEP);
	token_table_free(&table);
}

static void given_null_when_it_goes_out_then_it_is_null(void)
{
	token_table_init(&table);
	EXPECT_EQUAL(out(1, 0, 8), 0);
	EXPECT_EQUAL(out(1, 0, 4), 0);
	token_table_free(&table);
}

static void given_a_token_of_one_library_when_another_hands_it_back_then_it_is_none(void)
{
	token_table_init(&table);
	uint64_t one = out(1, 0x1234, 8), two = out(2, 0x1234, 8);
	EXPECT(one != two);
	EXPECT(is_none(2, one, 8));
	EXPECT(is_none(1, two, 8));
	EXPECT(is_none(3, one, 8));
	token_table_free(&table);
}

static void given_a_small_integer_when_it_goes_out_then_the_token_is_small(void)
{
	token_table_init(&table);
	uint64_t wide = out(1, 7, 8), small = out(1, 8, 4);
	EXPECT_EQUAL(wide, TOKEN_BASE);
	EXPECT_EQUAL(small, 2);
	EXPECT_EQUAL(in(1, small, 4), 8);
	EXPECT(is_none(1, small, 8));
	EXPECT(is_none(1, wide, 4));
	token_table_free(&table);
}

static void given_words_that_nobody_was_given_when_they_come_then_they_are_none(void)
{
	token_table_init(&table);
	EXPECT(is_none(1, TOKEN_BASE, 8));
	out(1, 0x1234, 8);
	EXPECT(is_none(1, 0, 8));
	EXPECT(is_none(1, 1, 8));
	EXPECT(is_none(1, TOKEN_BASE - TOKEN_STEP, 8));
	EXPECT(is_none(1, TOKEN_BASE + 1, 8));
	EXPECT(is_none(1, TOKEN_BASE + TOKEN_STEP, 8));
	EXPECT(is_none(1, TOKEN_BASE + (uint64_t)TOKENS_MAX * TOKEN_STEP, 8));
	EXPECT(is_none(1, UINT64_MAX, 8));
	EXPECT(is_none(1, 0, 4));
	EXPECT(is_none(1, 2, 4));
	EXPECT(is_none(1, UINT32_MAX, 4));
	EXPECT(is_none(1, UINT64_MAX, 4));
	token_table_free(&table);
}

static void given_more_tokens_than_a_chunk_when_they_come_back_then_each_is_its_own(void)
{
	token_table_init(&table);
	for (uintptr_t i = 1; i <= 3 * TOKEN_CHUNK; i++)
		if (out(1, i, 8) != TOKEN_BASE + (i - 1) * TOKEN_STEP || in(1, TOKEN_BASE + (i - 1) * TOKEN_STEP, 8) != i)
			FAIL("token %lu is another's", (unsigned long)i);
	token_table_free(&table);
}

static void given_as_many_tokens_as_there_can_be_when_one_more_is_asked_for_then_it_fails_in_words(void)
{
	uint64_t word = 77;
	token_table_init(&table);
	out(1, 0x1234, 8);
	atomic_store(&table.n, TOKENS_MAX - 1);
	EXPECT_EQUAL(out(1, 0x9999, 8), TOKEN_BASE + (uint64_t)(TOKENS_MAX - 1) * TOKEN_STEP);
	EXPECT_EQUAL(in(1, TOKEN_BASE + (uint64_t)(TOKENS_MAX - 1) * TOKEN_STEP, 8), 0x9999);
	EXPECT_EQUAL(token_out(&table, 1, 0x5555, 8, &word), CBB_ERR_LIMIT);
	EXPECT_EQUAL(word, 77);
	EXPECT_CONTAINS(detail_text(), "16777216");
	EXPECT_EQUAL(out(1, 0x1234, 8), TOKEN_BASE); /* what is known goes on */
	free(atomic_exchange(&table.chunks[(TOKENS_MAX - 1) / TOKEN_CHUNK], NULL)); /* behind a gap that only a test makes */
	token_table_free(&table);
}

static const struct test tests[] = {
    TEST(given_a_pointer_when_it_goes_out_then_its_token_comes_back_as_the_pointer),
    TEST(given_null_when_it_goes_out_then_it_is_null),
    TEST(given_a_token_of_one_library_when_another_hands_it_back_then_it_is_none),
    TEST(given_a_small_integer_when_it_goes_out_then_the_token_is_small),
    TEST(given_words_that_nobody_was_given_when_they_come_then_they_are_none),
    TEST(given_more_tokens_than_a_chunk_when_they_come_back_then_each_is_its_own),
    TEST(given_as_many_tokens_as_there_can_be_when_one_more_is_asked_for_then_it_fails_in_words),
};
HARNESS_MAIN(tests)
