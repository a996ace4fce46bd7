/* SPDX-License-Identifier: MIT */
/* Pointers to elements and strings as arguments. */
#include "pair.h"

#include <stdbool.h>

/* ---- in ---- */

static int total(const int *values, int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

static void given_a_sized_array_when_it_goes_in_then_the_function_sees_it(void)
{
	struct pair pair;
	pair_open(&pair, "total", "int total([size(n)] const int *values, int n);");
	int values[] = {1, 2, 3, 4}, *at = values, n = 4, result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(total), ARGUMENTS(&at, &n), &result), 0);
	EXPECT_EQUAL(result, 10);
	EXPECT((uintptr_t)*(int **)pair.callee.arguments[0] % 16 == 0);
	n = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(total), ARGUMENTS(&at, &n), &result), 0);
	EXPECT_EQUAL(result, 0);
	n = -1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(total), ARGUMENTS(&at, &n), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "function total: parameter 1 'values' has a negative size: -1");
	pair_free(&pair);
}

static int one(const int *value)
{
	return *value;
}

static void given_one_element_when_it_goes_in_then_one_travels(void)
{
	struct pair pair;
	pair_open(&pair, "one", "int one(const int *value);");
	int value = 42, *at = &value, result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(one), ARGUMENTS(&at), &result), 0);
	EXPECT_EQUAL(result, 42);
	at = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(one), ARGUMENTS(&at), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function one: parameter 1 'value' is NULL and not [nullable]");
	pair_free(&pair);
}

static int is_null(const void *value)
{
	return value == NULL;
}

static void given_a_nullable_pointer_when_null_then_null_arrives(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([nullable] const int *value);");
	int *at = NULL, result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(is_null), ARGUMENTS(&at), &result), 0);
	EXPECT_EQUAL(result, 1);
	pair_free(&pair);
}

static int length(const char *text)
{
	return text ? (int)strlen(text) : -1;
}

static void given_strings_when_they_go_in_then_their_bytes_arrive(void)
{
	struct pair pair;
	pair_open(&pair, "length", "int length(const char *text);");
	const char *texts[] = {"", "a", "h\xc3\xa9llo \xff\x01"};
	int result = 0;
	for (int i = 0; i < 3; i++) {
		EXPECT_EQUAL(pair_call(&pair, NATIVE(length), ARGUMENTS(&texts[i]), &result), 0);
		EXPECT_EQUAL(result, (int)strlen(texts[i]));
	}
	const char *none = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(length), ARGUMENTS(&none), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function length: parameter 1 'text' is NULL and not [nullable]");
	pair_free(&pair);
}

static int count_texts(const char **texts)
{
	int n = 0;
	while (texts[n])
		n++;
	return n * 100 + (n ? (int)strlen(texts[n - 1]) : 0);
}

static void given_a_terminated_array_of_strings_when_it_goes_in_then_it_is_one(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([string, zero] const char **texts);");
	const char *texts[] = {"one", "", "three", NULL}, **at = texts;
	int result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(count_texts), ARGUMENTS(&at), &result), 0);
	EXPECT_EQUAL(result, 305);
	texts[0] = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(count_texts), ARGUMENTS(&at), &result), 0);
	EXPECT_EQUAL(result, 0);
	pair_free(&pair);
}

static int null_mask(const char **texts, int n)
{
	int mask = 0;
	for (int i = 0; i < n; i++)
		mask |= (texts[i] == NULL) << i;
	return mask;
}

static void given_a_sized_array_of_strings_when_elements_are_null_then_nullable_decides(void)
{
	struct pair pair;
	const char *texts[] = {"a", NULL, "c", NULL}, **at = texts;
	int n = 4, result = 0;
	pair_open(&pair, "f", "int f([string, size(n), elements(nullable)] const char **texts, int n);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(null_mask), ARGUMENTS(&at, &n), &result), 0);
	EXPECT_EQUAL(result, 10);
	pair_free(&pair);
	pair_open(&pair, "f", "int f([string, size(n)] const char **texts, int n);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(null_mask), ARGUMENTS(&at, &n), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "parameter 1 'texts', an element of it is NULL and not [nullable]");
	pair_free(&pair);
}

/* ---- out and inout ---- */

static int halve(int *value, int n, bool *odd)
{
	for (int i = 0; i < n; i++)
		value[i] /= 2;
	*odd = true;
	return n;
}

static void given_inout_and_out_when_called_then_both_come_back(void)
{
	struct pair pair;
	pair_open(&pair, "halve", "int halve([inout, size(n)] int *values, int n, [out] _Bool *odd);");
	int values[] = {10, 20, 31}, *at = values, n = 2, result = 0;
	bool odd = false, *odd_at = &odd;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(halve), ARGUMENTS(&at, &n, &odd_at), &result), 0);
	EXPECT_EQUAL(values[0], 5);
	EXPECT_EQUAL(values[1], 10);
	EXPECT_EQUAL(values[2], 31);
	EXPECT(odd);
	pair_free(&pair);
}

static int all_zero(unsigned char *buffer, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (buffer[i])
			return 0;
	memset(buffer, 'x', size);
	return 1;
}

static void given_an_out_buffer_when_called_then_the_callee_sees_zeros(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([out, bytes(size)] void *buffer, unsigned long size);");
	unsigned char buffer[100], *at = buffer;
	size_t size = sizeof buffer - 1;
	int result = 0;
	memset(buffer, 'q', sizeof buffer);
	EXPECT_EQUAL(pair_call(&pair, NATIVE(all_zero), ARGUMENTS(&at, &size), &result), 0);
	EXPECT_EQUAL(result, 1);
	EXPECT_EQUAL(buffer[98], 'x');
	EXPECT_EQUAL(buffer[99], 'q');
	size = SIZE_MAX;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at, &size), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "wraps around");
	size = PAIR_LIMIT_BYTES + 1;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at, &size), &result), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(detail_text(), "parameter 1 'buffer' needs 1048577 bytes");
	pair_free(&pair);
}

static int fill(char *buffer, int size)
{
	int n = size < 5 ? size : 5;
	memcpy(buffer, "abcdefg", (size_t)n);
	return n;
}

static void given_filled_when_called_then_only_that_much_comes_back(void)
{
	struct pair pair;
	pair_open(&pair, "fill", "int fill([out, size(size), filled(return)] char *buffer, int size);");
	char buffer[9] = "........", *at = buffer;
	int size = 8, result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(fill), ARGUMENTS(&at, &size), &result), 0);
	EXPECT_STRING(buffer, "abcde...");
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at, &size), &result), 0);
	*(int *)pair.callee.result = 9;
	EXPECT_EQUAL(pair_return(&pair), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "function fill: parameter 1 'buffer' is filled with 9 of 8 bytes");
	*(int *)pair.callee.result = -1;
	EXPECT_EQUAL(pair_return(&pair), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "negative size: -1");
	*(int *)pair.callee.result = 8;
	EXPECT_EQUAL(pair_return(&pair), 0);
	EXPECT_EQUAL(result, 8);
	pair_free(&pair);
}

/* As zlib's compress: the room is known by the old value behind the pointer, what is valid by the new one. */
static int pack(unsigned char *to, unsigned long *to_size)
{
	if (*to_size < 3)
		return -5;
	memcpy(to, "xyz", 3);
	*to_size = 3;
	return 0;
}

static void given_a_size_behind_a_pointer_when_called_then_old_and_new_value_are_told_apart(void)
{
	struct pair pair;
	pair_open(&pair, "pack", "int pack([out, size(*to_size), filled(*to_size)] unsigned char *to, "
	                         "[inout] unsigned long *to_size);");
	EXPECT_EQUAL(pair.plan->order[0], 1);
	EXPECT_EQUAL(pair.plan->order[1], 0);
	unsigned char buffer[9] = "........", *at = buffer;
	unsigned long size = 8, *size_at = &size;
	int result = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(pack), ARGUMENTS(&at, &size_at), &result), 0);
	EXPECT_STRING((char *)buffer, "xyz.....");
	EXPECT_EQUAL(size, 3);
	size_at = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(pack), ARGUMENTS(&at, &size_at), &result), CBB__STATUS__STATUS_ARGUMENT);
	pair_free(&pair);
}

static void given_a_nullable_size_pointer_when_null_then_it_is_an_error_with_words(void)
{
	struct pair pair;
	pair_open(&pair, "pack", "int pack([out, size(*to_size)] unsigned char *to, [inout, nullable] unsigned long *to_size);");
	unsigned char buffer[8], *at = buffer;
	unsigned long *size_at = NULL;
	int result;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at, &size_at), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "read through a pointer that is NULL");
	pair_free(&pair);
}

static void given_a_size_behind_an_empty_array_when_called_then_it_is_an_error_with_words(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([in, size(*n)] const int *a, [in, size(count)] const int *n, int count);");
	int a = 0, *at = &a, count = 0, *n = malloc(1), result;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at, &n, &count), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "parameter 1 'a' cannot be sized: its size is read beyond the end");
	free(n);
	pair_free(&pair);
}

static int write_text(char *buffer, unsigned long size)
{
	return snprintf(buffer, size, "%s", "hello");
}

static void given_an_out_text_when_called_then_it_comes_back_up_to_its_nul(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([out, string, size(size)] char *buffer, unsigned long size);");
	char buffer[12], *at = buffer;
	unsigned long size = 10;
	int result = 0;
	memset(buffer, '#', sizeof buffer);
	EXPECT_EQUAL(pair_call(&pair, NATIVE(write_text), ARGUMENTS(&at, &size), &result), 0);
	EXPECT_STRING(buffer, "hello");
	EXPECT_EQUAL(buffer[6], '#');
	pair_invoke(&pair, ARGUMENTS(&at, &size), &result);
	memset(*(char **)pair.callee.arguments[0], 'y', 10);
	EXPECT_EQUAL(pair_return(&pair), 0);
	EXPECT_EQUAL(memcmp(buffer, "yyyyyyyyyy##", 12), 0);
	pair_free(&pair);
}

/* ---- expressions ---- */

static int nothing(void)
{
	return 0;
}

static int try_size(const char *text, long a, unsigned long b)
{
	struct pair pair;
	char whole[256];
	static unsigned char buffer[4096];
	unsigned char *at = buffer;
	int result;
	snprintf(whole, sizeof whole, "int f([out, bytes(%s)] void *to, long a, unsigned long b);", text);
	pair_open(&pair, "f", whole);
	int r = pair_call(&pair, NATIVE(nothing), ARGUMENTS(&at, &a, &b), &result);
	if (r == 0) {
		const uint8_t *data;
		size_t size = 0;
		REQUIRE_EQUAL(pair_read(&pair, CBB__FRAME_TYPE__FRAME_RETURN), 0);
		REQUIRE_EQUAL(hot_next_block(&pair.message, &data, &size), 1);
		r = (int)size;
	}
	pair_free(&pair);
	return r;
}

static void given_expressions_when_evaluated_then_they_count_as_numbers_do(void)
{
	EXPECT_EQUAL(try_size("a + b * 2", 3, 5), 13);
	EXPECT_EQUAL(try_size("a - b", 9, 5), 4);
	EXPECT_EQUAL(try_size("a / b", 17, 5), 3);
	EXPECT_EQUAL(try_size("min(a, b)", 17, 5), 5);
	EXPECT_EQUAL(try_size("max(a, b)", 17, 5), 17);
	EXPECT_EQUAL(try_size("(a > b) * 8 + (a == 17) * 4 + (a <= b) * 2 + (b != 5)", 17, 5), 12);
	EXPECT_EQUAL(try_size("b - (b - 7)", 0, UINT64_MAX), 7);
}

static void given_expressions_when_they_leave_64_bits_then_it_is_an_error(void)
{
	EXPECT_EQUAL(try_size("a - b", 4, 5), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "negative");
	EXPECT_EQUAL(try_size("a / b", 4, 0), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "division by zero");
	EXPECT_EQUAL(try_size("a * b", INT64_MAX, UINT64_MAX), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "wrap");
	EXPECT_EQUAL(try_size("b * b * b / b", 0, UINT64_MAX), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "wrap");
	EXPECT_EQUAL(try_size("b + b - b", 0, UINT64_MAX), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "wrap");
	EXPECT_EQUAL(try_size("b + b - b - b", 0, UINT64_MAX), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "beyond 64 bits");
	EXPECT_EQUAL(try_size("a - b + b - a", INT64_MIN, 1), CBB__STATUS__STATUS_ARGUMENT);
}

static void given_elements_when_their_bytes_wrap_then_it_is_an_error(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([out, size(n)] long *to, unsigned long n);");
	long *at = (long *)&pair;
	unsigned long n = (1ul << 61) + 1;
	int result;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at, &n), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "wraps around: 2305843009213693953 elements of 8 bytes");
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_a_sized_array_when_it_goes_in_then_the_function_sees_it),
	TEST(given_one_element_when_it_goes_in_then_one_travels),
	TEST(given_a_nullable_pointer_when_null_then_null_arrives),
	TEST(given_strings_when_they_go_in_then_their_bytes_arrive),
	TEST(given_a_terminated_array_of_strings_when_it_goes_in_then_it_is_one),
	TEST(given_a_sized_array_of_strings_when_elements_are_null_then_nullable_decides),
	TEST(given_inout_and_out_when_called_then_both_come_back),
	TEST(given_an_out_buffer_when_called_then_the_callee_sees_zeros),
	TEST(given_filled_when_called_then_only_that_much_comes_back),
	TEST(given_a_size_behind_a_pointer_when_called_then_old_and_new_value_are_told_apart),
	TEST(given_a_nullable_size_pointer_when_null_then_it_is_an_error_with_words),
	TEST(given_a_size_behind_an_empty_array_when_called_then_it_is_an_error_with_words),
	TEST(given_an_out_text_when_called_then_it_comes_back_up_to_its_nul),
	TEST(given_expressions_when_evaluated_then_they_count_as_numbers_do),
	TEST(given_expressions_when_they_leave_64_bits_then_it_is_an_error),
	TEST(given_elements_when_their_bytes_wrap_then_it_is_an_error),
};
HARNESS_MAIN(tests)
