/* SPDX-License-Identifier: MIT */
#include "lib/callback_table.h"

#include "lib/error.h"
#include "lib/library.h"
#include "marshal/callback_word.h"
#include "support/harness.h"

#include <stdlib.h>

#define SLOTS_MAX ((uint32_t)CALLBACK_CHUNK * CALLBACK_CHUNKS_MAX)

static struct callback_table table;
static struct cbb_host host; /* never looked into */
static struct cbb_function type, other_type;

static void given_a_table(uint64_t max_open, uint64_t max_closed)
{
	callback_table_init(&table, max_open, max_closed);
}

static struct cbb_callback *new_callback(void)
{
	struct cbb_callback *callback = calloc(1, sizeof *callback);
	REQUIRE(callback != NULL);
	callback->host = &host;
	callback->type = &type;
	callback->kind = CALLBACK_NATIVE;
	return callback;
}

static struct cbb_callback *add(void)
{
	struct cbb_callback *callback = new_callback();
	REQUIRE_EQUAL(callback_table_add(&table, callback), 0);
	return callback;
}

static struct cbb_callback *intern(void *pointer, struct cbb_function *of)
{
	struct cbb_callback *callback = NULL;
	REQUIRE_EQUAL(callback_table_intern(&table, &host, pointer, of, CBB_AUTO, &callback), 0);
	return callback;
}

/* ---- Slots and generations ---- */

static void given_callbacks_when_added_then_each_is_found_by_its_own_slot_and_generation(void)
{
	given_a_table(0, 0);
	struct cbb_callback *first = add(), *second = add();
	EXPECT(first->slot != second->slot);
	EXPECT_EQUAL(first->generation, 1);
	EXPECT(callback_table_find(&table, first->slot, 1) == first);
	EXPECT(callback_table_find(&table, second->slot, 1) == second);
	callback_table_free(&table);
}

static void given_a_callback_when_looked_for_by_wrong_numbers_then_there_is_none(void)
{
	given_a_table(0, 0);
	struct cbb_callback *callback = add();
	EXPECT(callback_table_find(&table, callback->slot, 0) == NULL);
	EXPECT(callback_table_find(&table, callback->slot, 2) == NULL);
	EXPECT(callback_table_find(&table, callback->slot, UINT32_MAX) == NULL);
	EXPECT(callback_table_find(&table, callback->slot + 1, 1) == NULL);
	EXPECT(callback_table_find(&table, CALLBACK_CHUNK, 1) == NULL);
	EXPECT(callback_table_find(&table, SLOTS_MAX - 1, 1) == NULL);
	EXPECT(callback_table_find(&table, SLOTS_MAX, 1) == NULL);
	EXPECT(callback_table_find(&table, UINT32_MAX, 1) == NULL);
	callback_table_free(&table);
}

static void given_a_retired_slot_when_taken_again_then_the_generation_tells_old_from_new(void)
{
	given_a_table(0, 0);
	struct cbb_callback *old = add();
	callback_table_retire(&table, old);
	/* Until somebody takes the slot a late lookup finds the callback, which says that it is closed. */
	EXPECT(callback_table_find(&table, old->slot, 1) == old);
	struct cbb_callback *fresh = add();
	EXPECT_EQUAL(fresh->slot, old->slot);
	EXPECT_EQUAL(fresh->generation, 2);
	EXPECT(callback_table_find(&table, old->slot, 1) == NULL);
	EXPECT(callback_table_find(&table, old->slot, 2) == fresh);
	callback_table_free(&table);
}

static void given_more_callbacks_than_a_chunk_when_added_then_all_are_found(void)
{
	static struct cbb_callback *all[3 * CALLBACK_CHUNK + 1];
	given_a_table(0, 0);
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		all[i] = add();
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		if (callback_table_find(&table, all[i]->slot, 1) != all[i])
			FAIL("callback %u is not found", i);
	callback_table_free(&table);
}

/* ---- Limits ---- */

static void expect_one_too_many(const char *words)
{
	EXPECT_EQUAL(callback_table_add(&table, new_callback()), CBB_ERR_LIMIT);
	EXPECT_CONTAINS(detail_text(), words);
}

static void given_as_many_open_as_allowed_when_one_more_is_added_then_the_words_name_the_limit(void)
{
	given_a_table(3, 0);
	struct cbb_callback *first = add();
	add();
	add();
	expect_one_too_many("max_callbacks");
	callback_table_retire(&table, first);
	add();
	expect_one_too_many("max_callbacks");
	callback_table_free(&table);
}

static void given_as_many_closed_as_allowed_when_one_more_is_added_then_the_words_name_the_limit(void)
{
	given_a_table(2, 3);
	for (int i = 0; i < 5; i++) /* the open ones have addresses, too */
		callback_table_retire(&table, add());
	expect_one_too_many("max_closed_callbacks");
	callback_table_free(&table);
}

static void given_no_limit_when_callbacks_are_added_and_closed_then_there_is_none(void)
{
	given_a_table(2, CBB_UNLIMITED);
	for (int i = 0; i < 100; i++)
		callback_table_retire(&table, add());
	callback_table_free(&table);
	memset(&table, 0, sizeof table);
	given_a_table(CBB_UNLIMITED, CBB_UNLIMITED);
	for (int i = 0; i < 100; i++)
		add();
	callback_table_free(&table);
}

static void given_zeros_when_made_then_the_limits_are_the_defaults(void)
{
	given_a_table(0, 0);
	EXPECT_EQUAL(table.max_open, 100000);
	EXPECT_EQUAL(table.max_closed, 1000000);
	callback_table_free(&table);
}

/* ---- By pointer ---- */

static void given_a_plain_function_when_interned_again_then_it_is_the_same_callback_per_type(void)
{
	int here, there;
	given_a_table(1, 1);
	struct cbb_callback *callback = intern(&here, &type);
	EXPECT_EQUAL(callback->kind, CALLBACK_PLAIN);
	EXPECT(intern(&here, &type) == callback);
	EXPECT(intern(&here, &other_type) != callback);
	EXPECT(intern(&there, &type) != callback);
	EXPECT(callback_table_find_pointer(&table, &here, &type) == callback);
	EXPECT(callback_table_find_pointer(&table, &here, NULL) == NULL); /* it is no explicit one */
	EXPECT(callback_table_find(&table, callback->slot, callback->generation) == callback);
	add(); /* plain functions do not count */
	expect_one_too_many("max_callbacks");
	callback_table_free(&table);
}

static void given_an_explicit_callback_with_a_pointer_when_looked_for_then_it_is_found_as_any_type(void)
{
	int here;
	given_a_table(0, 0);
	struct cbb_callback *callback = add();
	callback->pointer = &here;
	callback_table_add_pointer(&table, callback);
	EXPECT(callback_table_find_pointer(&table, &here, NULL) == callback);
	EXPECT(callback_table_find_pointer(&table, &here, &other_type) == callback);
	callback_table_retire(&table, callback);
	EXPECT(callback_table_find_pointer(&table, &here, NULL) == callback);
	callback_table_free(&table);
}

/* ---- Words ---- */

static void given_numbers_at_their_limits_when_made_a_word_then_they_come_back(void)
{
	uint64_t word = callback_word(UINT32_MAX, CALLBACK_GENERATION_MAX);
	EXPECT(word_is_callback(word));
	EXPECT(!word_is_function(word));
	EXPECT_EQUAL(word_low(word), UINT32_MAX);
	EXPECT_EQUAL(word_high(word), CALLBACK_GENERATION_MAX);
	word = function_word(CALLBACK_LIBRARY_MAX, UINT32_MAX);
	EXPECT(word_is_function(word));
	EXPECT(!word_is_callback(word));
	EXPECT_EQUAL(word_high(word), CALLBACK_LIBRARY_MAX);
}

static const struct test tests[] = {
    TEST(given_callbacks_when_added_then_each_is_found_by_its_own_slot_and_generation),
    TEST(given_a_callback_when_looked_for_by_wrong_numbers_then_there_is_none),
    TEST(given_a_retired_slot_when_taken_again_then_the_generation_tells_old_from_new),
    TEST(given_more_callbacks_than_a_chunk_when_added_then_all_are_found),
    TEST(given_as_many_open_as_allowed_when_one_more_is_added_then_the_words_name_the_limit),
    TEST(given_as_many_closed_as_allowed_when_one_more_is_added_then_the_words_name_the_limit),
    TEST(given_no_limit_when_callbacks_are_added_and_closed_then_there_is_none),
    TEST(given_zeros_when_made_then_the_limits_are_the_defaults),
    TEST(given_a_plain_function_when_interned_again_then_it_is_the_same_callback_per_type),
    TEST(given_an_explicit_callback_with_a_pointer_when_looked_for_then_it_is_found_as_any_type),
    TEST(given_numbers_at_their_limits_when_made_a_word_then_they_come_back),
};
HARNESS_MAIN(tests)
