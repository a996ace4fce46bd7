/* SPDX-License-Identifier: MIT */
#include "made_lane.h"

#define SMALL_TEXT "typedef int (*compare_fn)(int a);\nint abs(int value);\nint there_is_no_such_thing(void);\nint labs_too(void);\n"

static struct made_lane made;

static const char *text_of(const char *file)
{
	return harness_format("[library(\"%s\")]\n%s", file, SMALL_TEXT);
}

static void expect_opened(uint32_t number)
{
	const Cbb__LibraryOpened *opened = open_library(&made, number, text_of("libc.so.6"));
	EXPECT_EQUAL(opened->status, 0);
	EXPECT(library_find(number) != NULL);
}

static void expect_fails(uint32_t number, const char *file, int status, const char *words)
{
	const Cbb__LibraryOpened *opened = open_library(&made, number, text_of(file));
	EXPECT_EQUAL(opened->status, status);
	EXPECT_CONTAINS(harness_format("%.*s", (int)opened->detail.len, (const char *)opened->detail.data), words);
	EXPECT_EQUAL(opened->n_missing, 0);
}

static void expect_breach(const Cbb__OpenLibrary *message)
{
	EXPECT_EQUAL(serve(&made, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &message->base, 0), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "OpenLibrary");
}

static void given_numbers_at_the_limit_when_opened_then_one_beyond_is_refused_in_words(void)
{
	lane_make(&made);
	expect_opened(1);
	expect_opened(LIBRARIES_MAX - 1);
	expect_fails(LIBRARIES_MAX, "libc.so.6", CBB__STATUS__STATUS_LIMIT, "4096");
	expect_fails(UINT32_MAX, "libc.so.6", CBB__STATUS__STATUS_LIMIT, "4096");
	EXPECT(library_find(LIBRARIES_MAX) == NULL);
	EXPECT(library_find(UINT32_MAX) == NULL);
	EXPECT(library_find(0) == NULL);
	lane_end(&made);
}

static void given_a_number_that_is_taken_or_zero_when_opened_then_it_is_a_breach(void)
{
	struct interface *interface = parsed(text_of("libc.so.6"));
	lane_make(&made);
	expect_opened(1);
	const struct host_library *before = library_find(1);
	Cbb__OpenLibrary message = an_opening(1, interface);
	expect_breach(&message);
	message.library = 0;
	expect_breach(&message);
	message = an_opening(2, NULL);
	expect_breach(&message);
	EXPECT(library_find(1) == before);
	EXPECT(library_find(2) == NULL);
	interface_free(interface);
	lane_end(&made);
}

static void given_a_shared_object_that_does_not_load_when_opened_then_the_number_stays_free(void)
{
	lane_make(&made);
	expect_fails(1, "libthere_is_none.so.77", CBB__STATUS__STATUS_NO_LIBRARY, "libthere_is_none.so.77");
	expect_fails(1, harness_temp_file("text.so", "no shared object"), CBB__STATUS__STATUS_NO_LIBRARY, "text.so");
	EXPECT(library_find(1) == NULL);
	EXPECT(made.thread.library == NULL);
	EXPECT(made.thread.function == NULL);
	expect_opened(1);
	lane_end(&made);
}

static void given_an_interface_that_lies_when_opened_then_it_is_refused_before_anything_is_loaded(void)
{
	struct interface *interface = parsed(text_of("libc.so.6"));
	lane_make(&made);
	Cbb__OpenLibrary message = an_opening(1, interface);
	interface->message.functions[0]->first = 60000;
	REQUIRE_EQUAL(serve(&made, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &message.base, 0), 0);
	const Cbb__LibraryOpened *opened =
	    heard(&made, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &cbb__library_opened__descriptor);
	EXPECT_EQUAL(opened->status, CBB__STATUS__STATUS_INTERFACE);
	EXPECT(library_find(1) == NULL);
	interface_free(interface);
	lane_end(&made);
}

static void given_functions_that_are_missing_when_opened_then_they_are_told_and_have_no_address(void)
{
	struct native_function *function = NULL;
	lane_make(&made);
	const Cbb__LibraryOpened *opened = open_library(&made, 1, text_of("libc.so.6"));
	EXPECT_EQUAL(opened->n_missing, 2);
	EXPECT_EQUAL(opened->missing[0], number_of("there_is_no_such_thing"));
	EXPECT_EQUAL(library_function(library_find(1), number_of("there_is_no_such_thing"), &function), 0);
	EXPECT(function->address == NULL);
	EXPECT_EQUAL(library_function(library_find(1), number_of("compare_fn"), &function), 0);
	EXPECT(function->address == NULL); /* a type */
	EXPECT_EQUAL(library_function(library_find(1), number_of("abs"), &function), 0);
	EXPECT(function->address != NULL);
	lane_end(&made);
}

static void given_function_numbers_at_the_limit_when_looked_up_then_one_beyond_is_a_breach(void)
{
	struct native_function *function = NULL, *again = NULL;
	lane_make(&made);
	expect_opened(1);
	uint32_t n = (uint32_t)library_find(1)->interface->n_functions;
	EXPECT_EQUAL(library_function(library_find(1), n - 1, &function), 0);
	EXPECT_EQUAL(library_function(library_find(1), n - 1, &again), 0);
	EXPECT(function == again);
	EXPECT_EQUAL(library_function(library_find(1), n, &again), -EBADMSG);
	EXPECT_EQUAL(library_function(library_find(1), UINT32_MAX, &again), -EBADMSG);
	EXPECT(function == again);
	lane_end(&made);
}

static void given_a_name_of_another_library_when_its_symbol_is_asked_for_then_it_is_found_if_visible(void)
{
	lane_make(&made);
	open_callbacks(&made);
	EXPECT(library_symbol(library_find(1), "add_one") != NULL);
	EXPECT(library_symbol(library_find(1), "free") != NULL);
	EXPECT(library_symbol(library_find(1), "there_is_no_such_thing") == NULL);
	lane_end(&made);
}

static const struct test tests[] = {
    TEST(given_numbers_at_the_limit_when_opened_then_one_beyond_is_refused_in_words),
    TEST(given_a_number_that_is_taken_or_zero_when_opened_then_it_is_a_breach),
    TEST(given_a_shared_object_that_does_not_load_when_opened_then_the_number_stays_free),
    TEST(given_an_interface_that_lies_when_opened_then_it_is_refused_before_anything_is_loaded),
    TEST(given_functions_that_are_missing_when_opened_then_they_are_told_and_have_no_address),
    TEST(given_function_numbers_at_the_limit_when_looked_up_then_one_beyond_is_a_breach),
    TEST(given_a_name_of_another_library_when_its_symbol_is_asked_for_then_it_is_found_if_visible),
};
HARNESS_MAIN(tests)
