/* SPDX-License-Identifier: MIT */
#include "made_lane.h"

#define GENERATION_MAX ((1u << 30) - 1)

static struct made_lane made;

static void given_a_library(void)
{
	lane_make(&made);
	open_callbacks(&made);
}

static struct closure *open_at(uint32_t slot, uint32_t generation)
{
	Cbb__OpenCallback message = a_callback(slot, generation);
	EXPECT_EQUAL(closure_table_open(&message), 0);
	return closure_table_find(slot, generation);
}

static int close_at(uint32_t slot, uint32_t generation, const char *where)
{
	Cbb__CloseCallback message = CBB__CLOSE_CALLBACK__INIT;
	message.slot = slot;
	message.generation = generation;
	message.where = (ProtobufCBinaryData){.len = strlen(where), .data = (uint8_t *)(uintptr_t)where};
	return closure_table_close(&message);
}

static void expect_refused(const Cbb__OpenCallback *message, const char *words)
{
	EXPECT_EQUAL(closure_table_open(message), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), words);
}

static void given_a_callback_when_opened_then_it_is_found_by_numbers_and_by_address(void)
{
	given_a_library();
	struct closure *closure = open_at(5, 1);
	REQUIRE(closure != NULL);
	EXPECT(!closure->closed);
	EXPECT_STRING(closure->name, "");
	EXPECT(closure_table_find_code(closure->code) == closure);
	EXPECT(closure_table_find_code(&made) == NULL);
	EXPECT(closure_table_find(5, 2) == NULL);
	EXPECT(closure_table_find(5, 0) == NULL);
	EXPECT(closure_table_find(6, 1) == NULL);
	EXPECT(open_at(5, 1) == closure); /* the same again changes nothing */
	lane_end(&made);
}

static void given_an_open_slot_when_opened_as_something_else_then_it_is_refused(void)
{
	given_a_library();
	struct closure *closure = open_at(5, 1);
	Cbb__OpenCallback other = a_callback(5, 1);
	other.function = number_of("notice_fn");
	expect_refused(&other, "slot 5 was opened as something else");
	other = a_callback(5, 1);
	other.timeout_ms = 1;
	expect_refused(&other, "something else");
	other = a_callback(5, 1);
	other.plain = true;
	expect_refused(&other, "something else");
	other = a_callback(5, 1);
	other.delivery = CBB__DELIVERY__DELIVERY_LOCAL;
	expect_refused(&other, "something else");
	other = a_callback(5, 1);
	other.name = (ProtobufCBinaryData){.len = 1, .data = (uint8_t *)(uintptr_t) "x"};
	expect_refused(&other, "something else");
	EXPECT(closure_table_find(5, 1) == closure);
	EXPECT(!closure->closed);
	lane_end(&made);
}

static void given_a_callback_closed_before_it_is_opened_when_opened_then_it_is_closed_from_the_start(void)
{
	given_a_library();
	EXPECT_EQUAL(close_at(5, 3, "early"), 0);
	EXPECT(closure_table_find(5, 3) == NULL);
	EXPECT(open_at(5, 2)->closed); /* and what came before it */
	EXPECT(open_at(5, 3)->closed);
	EXPECT(!open_at(5, 4)->closed);
	lane_end(&made);
}

static void given_a_callback_when_closed_then_its_address_stays_its_own(void)
{
	given_a_library();
	struct closure *old = open_at(5, 1);
	EXPECT_EQUAL(close_at(5, 1, "parser.c:88"), 0);
	EXPECT(old->closed);
	EXPECT_STRING(old->closed_where, "parser.c:88");
	EXPECT(old->closed_ns > 0);
	EXPECT_EQUAL(close_at(5, 1, "again"), 0);
	EXPECT_STRING(old->closed_where, "parser.c:88"); /* a late call may be reading it */
	EXPECT(closure_table_find(5, 1) == old);
	struct closure *fresh = open_at(5, 2);
	EXPECT(fresh->code != old->code);
	EXPECT(!fresh->closed);
	EXPECT(closure_table_find_code(old->code) == old);
	EXPECT(closure_table_find(5, 1) == old); /* it can still be passed */
	EXPECT_EQUAL(close_at(5, 1, ""), 0); /* of the old one: the new one stays open */
	EXPECT(!fresh->closed);
	lane_end(&made);
}

static void given_lanes_that_are_behind_when_an_older_generation_comes_then_it_is_closed_and_the_newer_stays(void)
{
	given_a_library();
	struct closure *first = open_at(5, 1), *third = open_at(5, 3);
	EXPECT(first->closed); /* the slot was used again: its CloseCallback is on the way */
	EXPECT(open_at(5, 2)->closed);
	EXPECT(open_at(5, 1) == first);
	EXPECT(closure_table_find(5, 2)->code != first->code);
	EXPECT(closure_table_find(5, 3) == third);
	EXPECT(!third->closed);
	EXPECT_EQUAL(close_at(5, 2, ""), 0);
	EXPECT(!third->closed);
	lane_end(&made);
}

static void given_numbers_at_their_limits_when_opened_then_one_beyond_is_refused(void)
{
	given_a_library();
	uint32_t last = (uint32_t)host_self()->max_closures - 1;
	EXPECT(open_at(last, GENERATION_MAX) != NULL);
	Cbb__OpenCallback message = a_callback(last + 1, 1);
	expect_refused(&message, "out of range");
	message = a_callback(UINT32_MAX, 1);
	expect_refused(&message, "out of range");
	message = a_callback(5, GENERATION_MAX + 1);
	expect_refused(&message, "out of range");
	message = a_callback(5, 0);
	expect_refused(&message, "out of range");
	EXPECT_EQUAL(close_at(last, GENERATION_MAX, ""), 0);
	EXPECT_EQUAL(close_at(last + 1, 1, ""), -EBADMSG);
	EXPECT_EQUAL(close_at(5, GENERATION_MAX + 1, ""), -EBADMSG);
	EXPECT_EQUAL(close_at(5, 0, ""), -EBADMSG);
	lane_end(&made);
}

static void given_a_name_at_its_limit_when_opened_then_one_byte_more_is_refused(void)
{
	char name[128];
	given_a_library();
	memset(name, 'n', sizeof name);
	Cbb__OpenCallback message = a_callback(5, 1);
	message.name = (ProtobufCBinaryData){.len = 127, .data = (uint8_t *)name};
	EXPECT_EQUAL(closure_table_open(&message), 0);
	EXPECT_EQUAL(strlen(closure_table_find(5, 1)->name), 127);
	EXPECT_EQUAL(closure_table_open(&message), 0);
	message.slot = 6;
	message.name.len = 128;
	expect_refused(&message, "out of range");
	message.name.len = 127;
	name[126] = '\0';
	expect_refused(&message, "out of range");
	lane_end(&made);
}

static void given_a_callback_of_what_there_is_not_when_opened_then_it_is_refused(void)
{
	given_a_library();
	Cbb__OpenCallback message = a_callback(5, 1);
	message.library = 2;
	expect_refused(&message, "library 2, which was never opened");
	message = a_callback(5, 1);
	message.function = (uint32_t)library_find(1)->interface->n_functions;
	expect_refused(&message, "no function number");
	message.function = number_of("add_one");
	expect_refused(&message, "no type but a function");
	EXPECT(closure_table_find(5, 1) == NULL);
	lane_end(&made);
}

static void given_as_many_closures_as_allowed_when_one_more_is_opened_then_there_is_none_and_the_lane_goes_on(void)
{
	struct host host = *host_self();
	given_a_library();
	host.max_closures = 3;
	host_become(&host);
	EXPECT(open_at(0, 1) != NULL);
	EXPECT(open_at(1, 1) != NULL);
	EXPECT(open_at(1, 2) != NULL); /* the closed one has its address still */
	EXPECT(open_at(2, 1) == NULL);
	EXPECT(open_at(0, 1) != NULL);
	lane_end(&made);
}

static void given_words_where_it_was_closed_when_too_long_then_they_are_cut(void)
{
	char where[300];
	given_a_library();
	memset(where, 'w', sizeof where);
	where[299] = '\0';
	struct closure *closure = open_at(5, 1);
	EXPECT_EQUAL(close_at(5, 1, where), 0);
	EXPECT_EQUAL(strlen(closure->closed_where), 255);
	lane_end(&made);
}

static const struct test tests[] = {
    TEST(given_a_callback_when_opened_then_it_is_found_by_numbers_and_by_address),
    TEST(given_an_open_slot_when_opened_as_something_else_then_it_is_refused),
    TEST(given_a_callback_closed_before_it_is_opened_when_opened_then_it_is_closed_from_the_start),
    TEST(given_a_callback_when_closed_then_its_address_stays_its_own),
    TEST(given_lanes_that_are_behind_when_an_older_generation_comes_then_it_is_closed_and_the_newer_stays),
    TEST(given_numbers_at_their_limits_when_opened_then_one_beyond_is_refused),
    TEST(given_a_name_at_its_limit_when_opened_then_one_byte_more_is_refused),
    TEST(given_a_callback_of_what_there_is_not_when_opened_then_it_is_refused),
    TEST(given_as_many_closures_as_allowed_when_one_more_is_opened_then_there_is_none_and_the_lane_goes_on),
    TEST(given_words_where_it_was_closed_when_too_long_then_they_are_cut),
};
HARNESS_MAIN(tests)
