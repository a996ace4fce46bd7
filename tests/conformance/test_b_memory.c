/* SPDX-License-Identifier: MIT */
/* B04, B05, B07 to B09, B16: what pointers point to, read by the other side. */
#include "support/remote.h"

#include "../fixtures/memory.h"
#include "../fixtures/memory_text.h"

#include <stdlib.h>

static cbb_library *library;
static int n_handled;

static void given_the_memory(void)
{
	given_a_host();
	library = remote_library("memory", MEMORY_TEXT);
	n_handled = 0;
}

/* ---- B04 ---- */

static int handler_of_null(const char *text)
{
	n_handled++;
	EXPECT(text == NULL);
	return 5;
}

static const char *namer_of_null(int number)
{
	n_handled += number + 1;
	return NULL;
}

static void B04_NULL_arrives_as_NULL_and_is_returned_as_NULL(void)
{
	given_the_memory();
	EXPECT_EQUAL(REMOTE(library, int(const char *), "is_null_text")(NULL), 1);
	EXPECT_EQUAL(REMOTE(library, int(const char *), "is_null_text")(""), 0);
	EXPECT(REMOTE(library, const char *(void), "give_null_text")() == NULL);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(REMOTE(library, int(text_fn), "call_with_null")(handler_of_null), 5);
	EXPECT_EQUAL(REMOTE(library, int(namer_fn), "handler_gives_null")(namer_of_null), 1);
	EXPECT_EQUAL(n_handled, 2);
	EXPECT_EQUAL(REMOTE(library, int(const struct record *), "record_check")(NULL), 2);
	EXPECT_EQUAL(REMOTE(library, int(int32_t *), "fill_nothing")(NULL), 1);
	remote_end();
}

static void B04_NULL_where_the_interface_does_not_allow_it_is_an_error_and_no_crash(void)
{
	given_the_memory();
	EXPECT_EQUAL(REMOTE(library, int(const char *, int), "text_is")(NULL, 1), 0);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "text");
	EXPECT_EQUAL(REMOTE(library, int(text_fn), "call_with_null")(NULL), 0);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "handler");
	EXPECT_EQUAL(REMOTE(library, int(const char *), "is_null_text")(NULL), 1);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- B05 ---- */

static int handler_of_text(const char *text)
{
	static const char expected[] = "gr\xc3\xbc\xc3\x9f\x65 \xff\x01 end";
	n_handled++;
	EXPECT_STRING(text, expected);
	REMOTE(library, int(void), "scribble")();
	EXPECT_STRING(text, expected); /* a copy: native code has written over its own meanwhile */
	return (int)strlen(text);
}

static void B05_a_text_argument_is_copied_before_the_handler_runs(void)
{
	given_the_memory();
	int length = REMOTE(library, int(text_fn), "call_with_stack_text")(handler_of_text);
	EXPECT_EQUAL(length, 14);
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_EQUAL(REMOTE(library, int(const char *, int), "text_is")("name 12", 12), 1);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- B07 ---- */

static int handler_of_list(const char **list)
{
	int n = 0;
	n_handled++;
	if (!list)
		return -1;
	for (; list[n]; n++)
		EXPECT_STRING(list[n], harness_format("name %d", n));
	return n;
}

static int handler_of_cells(int n, char **cells)
{
	int nulls = 0;
	n_handled++;
	for (int i = 0; i < n; i++) {
		EXPECT_STRING(cells[i], i % 3 == 1 ? NULL : harness_format("name %d", i));
		nulls += cells[i] == NULL;
	}
	return nulls;
}

static void B07_a_list_of_texts_that_ends_with_NULL_arrives(void)
{
	given_the_memory();
	int (*call)(list_fn, int) = REMOTE(library, int(list_fn, int), "call_with_list");
	for (int n = -1; n <= 8; n++)
		EXPECT_EQUAL(call(handler_of_list, n), n);
	EXPECT_EQUAL(n_handled, 10);
	int (*count)(const char **) = REMOTE(library, int(const char **), "list_count");
	EXPECT_EQUAL(count((const char *[]){"name 0", "name 1", "name 2", NULL}), 3);
	EXPECT_EQUAL(count((const char *[]){NULL}), 0);
	EXPECT_EQUAL(count(NULL), -1);
	EXPECT_CALL_OK();
	remote_end();
}

static void B07_a_counted_array_of_texts_arrives_with_NULL_cells(void)
{
	given_the_memory();
	int (*call)(cells_fn, int) = REMOTE(library, int(cells_fn, int), "call_with_cells");
	EXPECT_EQUAL(call(handler_of_cells, 8), 3);
	EXPECT_EQUAL(call(handler_of_cells, 0), 0);
	EXPECT_EQUAL(n_handled, 2);
	int (*count)(int, char **) = REMOTE(library, int(int, char **), "cells_count_null");
	char first[] = "name 0", last[] = "name 3";
	EXPECT_EQUAL(count(4, (char *[]){first, NULL, NULL, last}), 2);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- B08 ---- */

static uint8_t pattern_at(size_t i)
{
	return (uint8_t)(i * 7 + 3);
}

static int handler_of_bytes(const uint8_t *bytes, int n)
{
	int wrong = 0;
	n_handled++;
	if (n < 0)
		return bytes ? 1 : 0;
	for (int i = 0; i < n; i++)
		wrong += bytes[i] != pattern_at((size_t)i);
	return wrong;
}

static int handler_of_memory(const void *memory, size_t n)
{
	return handler_of_bytes(memory, (int)n);
}

static void B08_a_buffer_with_its_length_in_another_argument_is_copied_as_bytes(void)
{
	static const int sizes[] = {0, 1, 255, 4096, 65537, 3000000};
	given_the_memory();
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		EXPECT_EQUAL(REMOTE(library, int(bytes_fn, int), "call_with_bytes")(handler_of_bytes, sizes[i]), 0);
		EXPECT_EQUAL(REMOTE(library, int(memory_fn, size_t), "call_with_memory")(handler_of_memory,
		                                                                        (size_t)sizes[i]), 0);
	}
	EXPECT_EQUAL(n_handled, 12);
	uint8_t bytes[] = {1, 0, 200, 0, 5};
	EXPECT_EQUAL(REMOTE(library, int(const uint8_t *, int), "bytes_sum")(bytes, sizeof bytes), 206);
	EXPECT_CALL_OK();
	remote_end();
}

static void B08_a_negative_length_is_an_error_and_never_a_size(void)
{
	given_the_memory();
	uint8_t bytes[4] = {0};
	EXPECT_EQUAL(REMOTE(library, int(const uint8_t *, int), "bytes_sum")(bytes, -1), 0);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "bytes");
	/* Native code passes NULL and -1: NULL needs no size. */
	EXPECT_EQUAL(REMOTE(library, int(bytes_fn, int), "call_with_bytes")(handler_of_bytes, -1), 0);
	EXPECT_EQUAL(n_handled, 1);
	remote_end();
}

/* ---- B09 ---- */

static int handler_of_point(const struct point *point)
{
	n_handled++;
	EXPECT(point->x == -321 && point->y == 6.25);
	REMOTE(library, int(void), "scribble")();
	EXPECT(point->x == -321 && point->y == 6.25);
	return point->x;
}

static int handler_of_record(const struct record *record)
{
	n_handled++;
	if (!record)
		return 4;
	EXPECT_EQUAL(record->id, n_handled == 1 ? -5 : -4);
	EXPECT(record->corners[0].x == 1 && record->corners[0].y == 1.5);
	EXPECT(record->corners[1].x == -2 && record->corners[1].y == -2.5);
	EXPECT_STRING(record->title, n_handled == 1 ? "the title" : NULL);
	return n_handled;
}

static void B09_a_pointed_to_struct_keeps_the_values_of_the_moment_of_the_call(void)
{
	given_the_memory();
	EXPECT_EQUAL(REMOTE(library, int(point_fn), "call_with_point")(handler_of_point), -321);
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_CALL_OK();
	remote_end();
}

static void B09_a_pointed_to_struct_arrives_with_what_it_points_to(void)
{
	given_the_memory();
	EXPECT_EQUAL(REMOTE(library, int(record_fn), "call_with_record")(handler_of_record), 421);
	EXPECT_EQUAL(n_handled, 3);
	struct record record = {-5, {{1, 1.5}, {-2, -2.5}}, "the title"};
	EXPECT_EQUAL(REMOTE(library, int(const struct record *), "record_check")(&record), 1);
	record.title = "another";
	EXPECT_EQUAL(REMOTE(library, int(const struct record *), "record_check")(&record), 0);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- B16 ---- */

static const char *namer(int number)
{
	n_handled++;
	static char name[32];
	snprintf(name, sizeof name, "name %d", number);
	return name;
}

static void B16_a_handler_returns_a_text_that_native_code_can_use(void)
{
	given_the_memory();
	EXPECT_EQUAL(REMOTE(library, int(namer_fn, int), "name_length")(namer, 12345), 10);
	EXPECT_EQUAL(REMOTE(library, int(namer_fn), "names_differ")(namer), 1);
	EXPECT_EQUAL(n_handled, 3);
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
	TEST(B04_NULL_arrives_as_NULL_and_is_returned_as_NULL),
	TEST(B04_NULL_where_the_interface_does_not_allow_it_is_an_error_and_no_crash),
	TEST(B05_a_text_argument_is_copied_before_the_handler_runs),
	TEST(B07_a_list_of_texts_that_ends_with_NULL_arrives),
	TEST(B07_a_counted_array_of_texts_arrives_with_NULL_cells),
	TEST(B08_a_buffer_with_its_length_in_another_argument_is_copied_as_bytes),
	TEST(B08_a_negative_length_is_an_error_and_never_a_size),
	TEST(B09_a_pointed_to_struct_keeps_the_values_of_the_moment_of_the_call),
	TEST(B09_a_pointed_to_struct_arrives_with_what_it_points_to),
	TEST(B16_a_handler_returns_a_text_that_native_code_can_use),
};
HARNESS_MAIN(tests)
