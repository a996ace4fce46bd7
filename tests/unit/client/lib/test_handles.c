/* SPDX-License-Identifier: MIT */
#include "lib/handles.h"

#include "support/harness.h"

#include <stddef.h>
#include <string.h>

#define OWNER 0x7000

static struct handle_table table;

static char *text_copy(uint64_t owner, const char *text)
{
	char *copy = handle_copy(&table, owner, text, strlen(text) + 1);
	REQUIRE(copy != NULL);
	return copy;
}

/* As by a call that began just now. */
static void close_handle(uint64_t address)
{
	handle_closed(&table, address, table.n_opened);
}

static void given_handles_when_opened_and_closed_then_they_are_live_between(void)
{
	handle_table_init(&table);
	EXPECT(!handle_is_live(&table, OWNER));
	EXPECT_EQUAL(handle_opened(&table, OWNER), 0);
	EXPECT_EQUAL(handle_opened(&table, OWNER), 0);
	EXPECT(handle_is_live(&table, OWNER));
	EXPECT(!handle_is_live(&table, OWNER + 1));
	close_handle(OWNER);
	EXPECT(!handle_is_live(&table, OWNER));
	close_handle(OWNER);
	handle_table_free(&table);
}

static void given_null_when_opened_then_it_is_no_handle(void)
{
	handle_table_init(&table);
	EXPECT_EQUAL(handle_opened(&table, 0), 0);
	EXPECT(!handle_is_live(&table, 0));
	close_handle(0);
	handle_table_free(&table);
}

static void given_a_closing_call_when_another_thread_was_given_the_address_meanwhile_then_its_handle_stays(void)
{
	handle_table_init(&table);
	EXPECT_EQUAL(handle_opened(&table, OWNER), 0);
	uint64_t at_begin = table.n_opened;
	EXPECT_EQUAL(handle_opened(&table, OWNER), 0); /* native code freed it, and made another there */
	const char *copy = text_copy(OWNER, "text");
	handle_closed(&table, OWNER, at_begin);
	EXPECT(handle_is_live(&table, OWNER));
	EXPECT_STRING(copy, "text");
	close_handle(OWNER);
	EXPECT(!handle_is_live(&table, OWNER));
	handle_table_free(&table);
}

static void given_equal_content_when_copied_for_one_owner_then_it_is_one_copy(void)
{
	static char first[] = "first";
	handle_table_init(&table);
	EXPECT_EQUAL(handle_opened(&table, OWNER), 0);
	char *copy = text_copy(OWNER, first);
	EXPECT_STRING(copy, "first");
	EXPECT(copy != first);
	EXPECT(text_copy(OWNER, "first") == copy);
	char *other = text_copy(OWNER, "other");
	EXPECT(other != copy);
	EXPECT_STRING(copy, "first"); /* the program may still read it */
	EXPECT(text_copy(OWNER, "firs") != copy);
	handle_table_free(&table);
}

static void given_copies_of_several_owners_when_one_is_closed_then_the_others_stay(void)
{
	handle_table_init(&table);
	EXPECT_EQUAL(handle_opened(&table, OWNER), 0);
	EXPECT_EQUAL(handle_opened(&table, OWNER + 1), 0);
	char *mine = text_copy(OWNER, "text"), *forever = text_copy(0, "text"), *others = text_copy(OWNER + 1, "text");
	EXPECT(mine != forever && mine != others && forever != others);
	close_handle(OWNER);
	EXPECT_STRING(forever, "text");
	EXPECT_STRING(others, "text");
	handle_table_free(&table);
}

static void given_an_owner_that_is_not_known_when_copied_then_it_lives_as_long_as_the_host(void)
{
	handle_table_init(&table);
	char *copy = text_copy(OWNER, "text");
	EXPECT(text_copy(0, "text") == copy);
	close_handle(OWNER);
	EXPECT_STRING(copy, "text");
	handle_table_free(&table);
}

static void given_no_content_when_copied_then_it_is_memory_of_its_own_to_write(void)
{
	handle_table_init(&table);
	EXPECT_EQUAL(handle_opened(&table, OWNER), 0);
	char *one = handle_copy(&table, OWNER, NULL, 64), *two = handle_copy(&table, OWNER, NULL, 64);
	REQUIRE(one && two && one != two);
	EXPECT_EQUAL((uintptr_t)one % _Alignof(max_align_t), 0);
	memset(one, 1, 64);
	memset(two, 2, 64);
	EXPECT_EQUAL(one[63], 1);
	EXPECT(handle_copy(&table, 0, "", 0) != NULL);
	EXPECT(handle_copy(&table, 0, NULL, SIZE_MAX - 8) == NULL);
	handle_table_free(&table);
}

static void given_a_copy_that_the_program_gives_back_when_released_then_once_and_by_its_function_only(void)
{
	int foreign;
	handle_table_init(&table);
	char *copy = handle_copy_owned(&table, "free_text", 16), *kept = handle_copy_owned(&table, "free_text", 16);
	REQUIRE(copy && kept && copy != kept);
	EXPECT(!handle_release_owned(&table, "free_other", copy));
	EXPECT(!handle_release_owned(&table, "free_text", &foreign));
	EXPECT(!handle_release_owned(&table, "free_text", NULL));
	EXPECT(!handle_release_owned(&table, "free_text", copy + 1));
	EXPECT(handle_release_owned(&table, "free_text", copy));
	EXPECT(!handle_release_owned(&table, "free_text", copy));
	handle_table_free(&table); /* with what was never given back */
}

static const struct test tests[] = {
    TEST(given_handles_when_opened_and_closed_then_they_are_live_between),
    TEST(given_null_when_opened_then_it_is_no_handle),
    TEST(given_a_closing_call_when_another_thread_was_given_the_address_meanwhile_then_its_handle_stays),
    TEST(given_equal_content_when_copied_for_one_owner_then_it_is_one_copy),
    TEST(given_copies_of_several_owners_when_one_is_closed_then_the_others_stay),
    TEST(given_an_owner_that_is_not_known_when_copied_then_it_lives_as_long_as_the_host),
    TEST(given_no_content_when_copied_then_it_is_memory_of_its_own_to_write),
    TEST(given_a_copy_that_the_program_gives_back_when_released_then_once_and_by_its_function_only),
};
HARNESS_MAIN(tests)
