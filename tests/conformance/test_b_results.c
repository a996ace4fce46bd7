/* SPDX-License-Identifier: MIT */
/* B13, B14, B16, B20 for calls: memory that comes back, how long copies live, who frees them, sentinels. */
#include "support/remote.h"

#include "../fixtures/memory.h"
#include "../fixtures/memory_text.h"

#include <stdlib.h>

static cbb_library *library;

static void given_the_memory(void)
{
	given_a_host();
	library = remote_library("memory", MEMORY_TEXT);
}

/* ---- B13, B14: handlers ---- */

static int handler_of_out(int32_t *number, struct point *point, double *values, int n)
{
	EXPECT_EQUAL(*number, 0); /* what native code had there does not arrive */
	*number = -1234567;
	EXPECT_EQUAL(point != NULL, n % 2);
	EXPECT_EQUAL(values != NULL, n != 0);
	if (point)
		*point = (struct point){-7, 0.125};
	for (int i = 0; i < n; i++)
		values[i] = i * 0.5;
	return n;
}

static void B13_a_handler_writes_through_out_pointers_before_native_code_continues(void)
{
	given_the_memory();
	int (*call)(out_fn, int) = REMOTE(library, int(out_fn, int), "call_with_out");
	for (int n = 0; n <= 8; n++)
		EXPECT_EQUAL(call(handler_of_out, n), n);
	EXPECT_CALL_OK();
	remote_end();
}

static int handler_of_room(char *text, size_t room, size_t *n_bytes, uint8_t *bytes)
{
	EXPECT_EQUAL(room, 12);
	EXPECT_EQUAL(*n_bytes, 8);
	strcpy(text, "written");
	memcpy(bytes, (uint8_t[]){1, 2, 3}, 3);
	*n_bytes = 3;
	return 9;
}

static void B13_a_handler_fills_a_part_of_the_room_and_no_byte_beyond(void)
{
	given_the_memory();
	EXPECT_EQUAL(REMOTE(library, int(room_fn, size_t), "call_with_room")(handler_of_room, 12), 9);
	EXPECT_CALL_OK();
	remote_end();
}

static int handler_of_inout(int in_only, const int32_t *in, int32_t *out, int32_t *inout, int64_t *array, size_t n)
{
	EXPECT_EQUAL(in_only, 5);
	EXPECT_EQUAL(*in, 100);
	EXPECT_EQUAL(*out, 0);
	EXPECT_EQUAL(*inout, 300);
	EXPECT_EQUAL(n, 3);
	EXPECT(array[0] == INT64_MIN && array[1] == 0 && array[2] == INT64_MAX);
	*out = 201;
	*inout = 301;
	array[0] = INT64_MAX;
	array[1] = 1;
	array[2] = INT64_MIN;
	return 17;
}

static void B14_in_out_and_inout_of_callback_parameters_are_copied_in_and_back(void)
{
	given_the_memory();
	EXPECT_EQUAL(REMOTE(library, int(inout_fn), "call_with_inout")(handler_of_inout), 17);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- The same for calls ---- */

static void B13_a_call_writes_through_out_pointers_of_the_program(void)
{
	given_the_memory();
	int (*fill)(int32_t *, struct point *, double *, int) =
	    REMOTE(library, int(int32_t *, struct point *, double *, int), "fill_out");
	int32_t number = 5;
	struct point point = {1, 2};
	double values[4] = {9, 9, 9, 9};
	EXPECT_EQUAL(fill(&number, &point, values, 3), 3);
	EXPECT_EQUAL(number, -1234567);
	EXPECT(point.x == -7 && point.y == 0.125);
	EXPECT(values[0] == 0 && values[1] == 0.5 && values[2] == 1 && values[3] == 9);
	EXPECT_EQUAL(fill(&number, NULL, NULL, 3), 0);
	char text[12];
	memset(text, '~', sizeof text);
	EXPECT_EQUAL(REMOTE(library, int(char *, size_t), "fill_text")(text, 10), 18);
	EXPECT_STRING(text, "a text of");
	EXPECT_EQUAL(text[10], '~');
	EXPECT_CALL_OK();
	remote_end();
}

static void B14_in_out_and_inout_of_call_parameters_are_copied_in_and_back(void)
{
	given_the_memory();
	int32_t in = 41, out = 99, inout = 7;
	int64_t array[4] = {0, -1, 5, 77};
	int n = REMOTE(library, int(const int32_t *, int32_t *, int32_t *, int64_t *, size_t), "change_inout")(
	    &in, &out, &inout, array, 3);
	EXPECT_EQUAL(n, 3);
	EXPECT(in == 41 && out == 42 && inout == -7);
	EXPECT(array[0] == -1 && array[1] == 0 && array[2] == -6 && array[3] == 77);
	int32_t counted[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
	size_t room = 6;
	REMOTE(library, int(int32_t *, size_t *), "fill_counted")(counted, &room);
	EXPECT_EQUAL(room, 3);
	EXPECT(counted[0] == 0 && counted[1] == 1 && counted[2] == 4 && counted[3] == -1);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- call.param, into ---- */

static int compare_shorts(const void *left, const void *right)
{
	int16_t a, b;
	memcpy(&a, left, sizeof a);
	memcpy(&b, right, sizeof b);
	return (a > b) - (a < b);
}

static void B08_the_size_of_an_element_comes_from_the_outer_call(void)
{
	given_the_memory();
	int16_t values[] = {5, -3, 32767, 0, -32768, 12};
	REMOTE(library, void(void *, size_t, size_t, element_fn), "sort_bytes")(values, 6, 2, compare_shorts);
	EXPECT_CALL_OK();
	EXPECT(values[0] == -32768 && values[1] == -3 && values[2] == 0 && values[3] == 5 && values[4] == 12 &&
	       values[5] == 32767);
	remote_end();
}

static void *handler_into(uint8_t *buffer, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i != 3)
			continue;
		buffer[i] = 0xff;
		return &buffer[i];
	}
	return NULL;
}

static void B15_a_pointer_into_a_buffer_comes_back_as_the_same_place(void)
{
	given_the_memory();
	const char memory[] = "abcdef";
	const void *(*find)(const void *, int, size_t) = REMOTE(library, const void *(const void *, int, size_t), "find_byte");
	EXPECT_EQUAL(find(memory, 'e', 6), memory + 4);
	EXPECT_EQUAL(find(memory, 'a', 6), memory);
	EXPECT_EQUAL(find(memory, 'z', 6), NULL);
	const char *text = "one two", *end = NULL;
	EXPECT_EQUAL(REMOTE(library, int(const char *, const char **), "split_text")(text, &end), 1);
	EXPECT_EQUAL(end, text + 3);
	int (*call)(into_fn, size_t) = REMOTE(library, int(into_fn, size_t), "call_into");
	EXPECT_EQUAL(call(handler_into, 8), 3);
	EXPECT_EQUAL(call(handler_into, 2), -1);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- Who frees, and how long ---- */

static void B16_a_returned_text_lives_until_64_more_were_received(void)
{
	given_the_memory();
	const char *(*give)(int) = REMOTE(library, const char *(int), "give_text");
	const struct point *(*point_of)(int) = REMOTE(library, const struct point *(int), "give_point");
	const int32_t *(*squares_of)(int) = REMOTE(library, const int32_t *(int), "give_squares");
	const char *results[64];
	const int32_t *forever = squares_of(8);
	for (int i = 0; i < 64; i++)
		results[i] = i == 20 ? (const char *)point_of(20) : give(i);
	for (int i = 0; i < 64; i++)
		if (i == 20)
			EXPECT_EQUAL(((const struct point *)(const void *)results[i])->y, 10);
		else
			EXPECT_STRING(results[i], harness_format("name %d", i));
	for (int i = 0; i < 200; i++)
		EXPECT_STRING(give(i), harness_format("name %d", i));
	EXPECT(forever[0] == 0 && forever[7] == 49);
	EXPECT_CALL_OK();
	remote_end();
}

static void B16_a_text_given_away_is_freed_with_free_or_with_its_remote_function(void)
{
	given_the_memory();
	char *copy = REMOTE(library, char *(const char *), "copy_text")("mine now");
	EXPECT_STRING(copy, "mine now");
	free(copy); /* from this program's malloc */
	int (*count)(void) = REMOTE(library, int(void), "count_made");
	char *made = REMOTE(library, char *(int), "make_text")(3);
	EXPECT_STRING(made, "name 3");
	EXPECT_EQUAL(count(), 0); /* the original went back at once */
	REMOTE(library, void(char *), "free_text")(made);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(count(), 0); /* and the copy never was there */
	char *message = (char *)1;
	int (*give)(int, char **) = REMOTE(library, int(int, char **), "give_message");
	EXPECT_EQUAL(give(0, &message), 0);
	EXPECT(message == NULL);
	EXPECT_EQUAL(give(4, &message), 4);
	EXPECT_STRING(message, "name 4");
	REMOTE(library, void(char *), "free_text")(message);
	EXPECT_EQUAL(count(), 0);
	remote_end();
}

static void B04_sentinels_pass_unchanged_and_other_values_do_not(void)
{
	given_the_memory();
	uintptr_t (*pointer)(void *) = REMOTE(library, uintptr_t(void *), "raw_pointer");
	uintptr_t (*handler)(text_fn) = REMOTE(library, uintptr_t(text_fn), "raw_handler");
	EXPECT_EQUAL(pointer(NULL), 0);
	EXPECT_EQUAL(pointer((void *)-1), UINTPTR_MAX);
	EXPECT_EQUAL(pointer((void *)1), 1);
	EXPECT(pointer(&library) != (uintptr_t)&library && pointer(&library) > 1);
	EXPECT_EQUAL(handler((text_fn)(intptr_t)-1), UINTPTR_MAX);
	EXPECT_EQUAL(handler(NULL), 0);
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
	TEST(B04_sentinels_pass_unchanged_and_other_values_do_not),
	TEST(B08_the_size_of_an_element_comes_from_the_outer_call),
	TEST(B13_a_handler_writes_through_out_pointers_before_native_code_continues),
	TEST(B13_a_handler_fills_a_part_of_the_room_and_no_byte_beyond),
	TEST(B13_a_call_writes_through_out_pointers_of_the_program),
	TEST(B14_in_out_and_inout_of_callback_parameters_are_copied_in_and_back),
	TEST(B14_in_out_and_inout_of_call_parameters_are_copied_in_and_back),
	TEST(B15_a_pointer_into_a_buffer_comes_back_as_the_same_place),
	TEST(B16_a_returned_text_lives_until_64_more_were_received),
	TEST(B16_a_text_given_away_is_freed_with_free_or_with_its_remote_function),
};
HARNESS_MAIN(tests)
