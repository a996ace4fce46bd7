/* SPDX-License-Identifier: MIT */
/* Pointers that come back: kept copies, originals given back, nothing written by halves. */
#include "pair.h"

#include <stdbool.h>

static const char *greet(int n)
{
	static const char *const texts[] = {NULL, "", "hello"};
	return texts[n];
}

static void given_a_string_result_when_called_then_it_is_a_kept_copy(void)
{
	struct pair pair;
	pair_open(&pair, "greet", "const char *greet(int n);");
	char *result = (char *)1;
	for (int n = 0; n < 3; n++) {
		EXPECT_EQUAL(pair_call(&pair, NATIVE(greet), ARGUMENTS(&n), &result), 0);
		EXPECT_STRING(result, greet(n));
	}
	EXPECT_EQUAL(pair.n_kept, 2);
	EXPECT_EQUAL(pair.kept[1].memory, result);
	EXPECT(pair.kept[1].size >= 6);
	EXPECT(pair.kept[1].param == pair.plan->result);
	EXPECT_EQUAL(pair.n_released, 0);
	pair.no_memory = true;
	char *before = result;
	int n = 2;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(greet), ARGUMENTS(&n), &result), -ENOMEM);
	EXPECT_EQUAL(result, before);
	pair_free(&pair);
}

static char *given_away;

static char *give(void)
{
	given_away = strdup("a gift");
	return given_away;
}

static void given_transfer_when_called_then_the_original_is_released_once(void)
{
	struct pair pair;
	pair_open(&pair, "give", "void give_free([handle] void *p);\n[string, transfer(full(give_free))] char *give(void);");
	char *result = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(give), NULL, &result), 0);
	EXPECT_STRING(result, "a gift");
	EXPECT_EQUAL(pair.n_released, 1);
	EXPECT_EQUAL(pair.released[0], given_away);
	EXPECT(result != given_away);
	free(given_away);
	pair_free(&pair);
}

static void given_transfer_when_the_message_has_no_room_then_the_original_is_released_all_the_same(void)
{
	struct pair pair;
	pair_open(&pair, "give", "void give_free([handle] void *p);\n[string, transfer(full(give_free))] char *give(void);");
	char *result = NULL;
	static char large[PAIR_LIMIT_BYTES + 1];
	memset(large, 'x', sizeof large - 1);
	EXPECT_EQUAL(pair_invoke(&pair, NULL, &result), 0);
	*(char **)pair.callee.result = large;
	EXPECT_EQUAL(pair_return(&pair), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(detail_text(), "max_payload_bytes");
	EXPECT_EQUAL(pair.n_released, 1);
	EXPECT_EQUAL(pair.released[0], large);
	EXPECT_EQUAL(pair.wire.size, 0);
	pair_free(&pair);
}

struct entry {
	const char *name;
	int n;
	const char **aliases;
};

#define ENTRY_TEXT "struct entry { const char *name; int n; [string, size(n)] const char **aliases; };\n"

static struct entry *look_up(void)
{
	static const char *aliases[] = {"first", "second"};
	static struct entry entry = {"main", 2, aliases};
	return &entry;
}

static void given_a_struct_with_strings_as_result_when_called_then_it_is_one_kept_piece(void)
{
	struct pair pair;
	pair_open(&pair, "look_up", ENTRY_TEXT "[size(1)] struct entry *look_up(void);");
	struct entry *result = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(look_up), NULL, &result), 0);
	REQUIRE(result != NULL);
	EXPECT_STRING(result->name, "main");
	EXPECT_EQUAL(result->n, 2);
	EXPECT_STRING(result->aliases[0], "first");
	EXPECT_STRING(result->aliases[1], "second");
	EXPECT_EQUAL(pair.n_kept, 1);
	const char *from = pair.kept[0].memory;
	EXPECT(result->aliases[1] > from && result->aliases[1] < from + pair.kept[0].size);
	pair_free(&pair);
}

static struct entry by_value(void)
{
	return *look_up();
}

static void given_a_struct_by_value_with_strings_as_result_when_called_then_they_are_kept(void)
{
	struct pair pair;
	pair_open(&pair, "by_value", ENTRY_TEXT "struct entry by_value(void);");
	struct entry result = {0};
	EXPECT_EQUAL(pair_call(&pair, NATIVE(by_value), NULL, &result), 0);
	EXPECT_STRING(result.name, "main");
	EXPECT_STRING(result.aliases[1], "second");
	EXPECT_EQUAL(pair.n_kept, 1);
	pair_free(&pair);
}

static int explain(int fail, char **message)
{
	if (fail)
		*message = given_away = strdup("it failed");
	return -fail;
}

static void given_an_out_string_with_transfer_when_called_then_copy_and_release_are_the_inner_pointers(void)
{
	struct pair pair;
	pair_open(&pair, "explain", "void give_free([handle] void *p);\n"
	                            "int explain(int fail, [out, string, nullable, transfer(full(give_free))] char **message);");
	char *message = (char *)1, **at = &message;
	int fail = 0, result = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(explain), ARGUMENTS(&fail, &at), &result), 0);
	EXPECT_EQUAL(message, NULL);
	EXPECT_EQUAL(pair.n_released, 0);
	fail = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(explain), ARGUMENTS(&fail, &at), &result), 0);
	EXPECT_EQUAL(result, -1);
	EXPECT_STRING(message, "it failed");
	EXPECT_EQUAL(pair.n_kept, 1);
	EXPECT(pair.kept[0].param->free_function != 0);
	EXPECT_EQUAL(pair.n_released, 1);
	EXPECT_EQUAL(pair.released[0], given_away);
	free(given_away);
	fail = 0;
	at = NULL;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&fail, &at), &result), 0);
	EXPECT_EQUAL(*(void **)pair.callee.arguments[1], NULL);
	EXPECT_EQUAL(pair_return(&pair), 0);
	pair_free(&pair);
}

static int list(const char **names, int n)
{
	static const char *const all[] = {"a", "bb", "ccc", "dddd"};
	for (int i = 0; i < n; i++)
		names[i] = all[i % 4];
	return n;
}

static void given_an_out_array_of_strings_when_called_then_they_share_one_kept_piece(void)
{
	struct pair pair;
	pair_open(&pair, "list", "int list([out, string, size(n), filled(return)] const char **names, int n);");
	const char *names[PAIR_KEPT_MAX * 2] = {0}, **at = names;
	int n = PAIR_KEPT_MAX * 2, result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(list), ARGUMENTS(&at, &n), &result), 0);
	EXPECT_STRING(names[0], "a");
	EXPECT_STRING(names[127], "dddd");
	EXPECT_EQUAL(pair.n_kept, 1);
	pair_free(&pair);
}

static void given_an_out_array_with_transfer_when_called_then_each_is_kept_and_released_by_itself(void)
{
	struct pair pair;
	pair_open(&pair, "list", "void give_free([handle] void *p);\n"
	                         "int list([out, string, size(n), transfer(full(give_free))] const char **names, int n);");
	const char *names[3] = {0}, **at = names;
	int n = 3, result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(list), ARGUMENTS(&at, &n), &result), 0);
	EXPECT_EQUAL(pair.n_kept, 3);
	EXPECT_EQUAL(pair.n_released, 3);
	EXPECT_EQUAL(pair.kept[1].memory, names[1]);
	EXPECT_STRING(names[2], "ccc");
	pair_free(&pair);
}

static unsigned produce(unsigned char **buffer)
{
	static unsigned char bytes[] = "0123456789";
	*buffer = bytes;
	return 10;
}

static void given_out_memory_sized_by_the_result_when_called_then_it_is_copied(void)
{
	struct pair pair;
	pair_open(&pair, "produce", "unsigned produce([out, bytes(return), lifetime(next)] unsigned char **buffer);");
	unsigned char *buffer = NULL, **at = &buffer;
	unsigned result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(produce), ARGUMENTS(&at), &result), 0);
	EXPECT_EQUAL(result, 10);
	REQUIRE(buffer != NULL);
	EXPECT_EQUAL(memcmp(buffer, "0123456789", 10), 0);
	EXPECT_EQUAL(pair.kept[0].param->lifetime, CBB__LIFETIME__LIFETIME_NEXT);
	pair_free(&pair);
}

static void *fetch(unsigned long *size)
{
	static unsigned char bytes[] = "0123456789";
	*size = 4;
	return bytes;
}

static void given_a_result_sized_by_an_out_parameter_when_called_then_it_is_checked_against_it(void)
{
	struct pair pair;
	pair_open(&pair, "fetch", "[bytes(*size)] void *fetch([out] unsigned long *size);");
	void *result = NULL;
	unsigned long size = 99, *at = &size;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(fetch), ARGUMENTS(&at), &result), 0);
	EXPECT_EQUAL(size, 4);
	REQUIRE(result != NULL);
	EXPECT_EQUAL(memcmp(result, "0123", 4), 0);
	/* a message whose size and block differ */
	size = 99;
	result = NULL;
	REQUIRE_EQUAL(pair_read(&pair, CBB__FRAME_TYPE__FRAME_RETURN), 0);
	uint8_t *last = pair.bytes + 1 + pair.n_bytes - 8;
	EXPECT_EQUAL(*last, 4);
	*last = 3;
	EXPECT_EQUAL(marshal_get_results(&pair.caller, &pair.message), -EBADMSG);
	EXPECT_STRING(detail_text(), "function fetch: the result has a block of 4 bytes where 3 belong");
	EXPECT_EQUAL(size, 99);
	EXPECT_EQUAL(result, NULL);
	pair_free(&pair);
}

struct zone {
	int hour;
	const char *name;
};

static void normalise(struct zone *zone)
{
	zone->hour %= 24;
	if (zone->hour)
		zone->name = "UTC";
}

static void given_an_inout_struct_with_a_const_string_when_called_then_the_new_string_is_kept(void)
{
	struct pair pair;
	pair_open(&pair, "f", "struct zone { int hour; [nullable] const char *name; }; void f([inout] struct zone *zone);");
	struct zone zone = {25, NULL}, *at = &zone;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(normalise), ARGUMENTS(&at), NULL), 0);
	EXPECT_EQUAL(zone.hour, 1);
	EXPECT_STRING(zone.name, "UTC");
	EXPECT_EQUAL(pair.n_kept, 1);
	zone.hour = 0;
	zone.name = "mine";
	EXPECT_EQUAL(pair_call(&pair, NATIVE(normalise), ARGUMENTS(&at), NULL), 0);
	EXPECT_STRING(zone.name, "mine");
	pair_free(&pair);
}

/* ---- into ---- */

static void *find(const void *base, int offset)
{
	return offset < 0 ? NULL : (char *)(uintptr_t)base + offset;
}

static void given_a_result_into_a_buffer_when_called_then_it_points_into_the_programs(void)
{
	struct pair pair;
	pair_open(&pair, "find", "[into(base)] void *find([bytes(10)] const void *base, int offset);");
	char buffer[10], *at = buffer;
	void *result = NULL;
	int offsets[] = {0, 3, 10, -1};
	for (int i = 0; i < 4; i++) {
		EXPECT_EQUAL(pair_call(&pair, NATIVE(find), ARGUMENTS(&at, &offsets[i]), &result), 0);
		EXPECT_EQUAL(result, offsets[i] < 0 ? NULL : buffer + offsets[i]);
	}
	int beyond = 11;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(find), ARGUMENTS(&at, &beyond), &result), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "function find: the result does not point into the buffer of parameter 1");
	int good = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(find), ARGUMENTS(&at, &good), &result), 0);
	pair.message.words[0] = 12;
	EXPECT_EQUAL(marshal_get_results(&pair.caller, &pair.message), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "points beyond the buffer");
	EXPECT_EQUAL(pair.n_kept, 0);
	pair_free(&pair);
}

static long parse(const char *text, char **end)
{
	return strtol(text, end, 10);
}

static void given_an_out_pointer_into_a_string_when_called_then_it_points_into_the_programs(void)
{
	struct pair pair;
	pair_open(&pair, "parse", "long parse(const char *text, [out, nullable, into(text)] char **end);");
	const char *text = "123abc";
	char *end = NULL, **at = &end;
	long result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(parse), ARGUMENTS(&text, &at), &result), 0);
	EXPECT_EQUAL(result, 123);
	EXPECT_EQUAL(end, text + 3);
	at = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(parse), ARGUMENTS(&text, &at), &result), 0);
	pair_free(&pair);
}

/* ---- all or nothing ---- */

static int two(int *a, int *b)
{
	*a = 1;
	*b = 2;
	return 3;
}

static void given_a_bad_last_block_when_got_then_nothing_at_all_was_written(void)
{
	struct pair pair;
	pair_open(&pair, "two", "int two([out] int *a, [out, size(2)] int *b);");
	int a = 77, b[2] = {88, 88}, *at_a = &a, *at_b = b, result = 99;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at_a, &at_b), &result), 0);
	pair_run(&pair, NATIVE(two));
	EXPECT_EQUAL(pair_put(&pair, true), 0);
	pair.n_bytes--;
	EXPECT(pair_read(&pair, CBB__FRAME_TYPE__FRAME_RETURN) < 0);
	pair.n_bytes++;
	uint8_t *length = pair.bytes + 1 + pair.n_bytes - 9;
	EXPECT_EQUAL(*length, 8);
	*length = 7;
	pair.n_bytes--;
	REQUIRE_EQUAL(pair_read(&pair, CBB__FRAME_TYPE__FRAME_RETURN), 0);
	EXPECT_EQUAL(marshal_get_results(&pair.caller, &pair.message), -EBADMSG);
	EXPECT_STRING(detail_text(), "function two: parameter 2 'b' has a block of 7 bytes where 8 belong");
	EXPECT_EQUAL(a, 77);
	EXPECT_EQUAL(b[0], 88);
	EXPECT_EQUAL(result, 99);
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_a_string_result_when_called_then_it_is_a_kept_copy),
	TEST(given_transfer_when_called_then_the_original_is_released_once),
	TEST(given_transfer_when_the_message_has_no_room_then_the_original_is_released_all_the_same),
	TEST(given_a_struct_with_strings_as_result_when_called_then_it_is_one_kept_piece),
	TEST(given_a_struct_by_value_with_strings_as_result_when_called_then_they_are_kept),
	TEST(given_an_out_string_with_transfer_when_called_then_copy_and_release_are_the_inner_pointers),
	TEST(given_an_out_array_of_strings_when_called_then_they_share_one_kept_piece),
	TEST(given_an_out_array_with_transfer_when_called_then_each_is_kept_and_released_by_itself),
	TEST(given_out_memory_sized_by_the_result_when_called_then_it_is_copied),
	TEST(given_a_result_sized_by_an_out_parameter_when_called_then_it_is_checked_against_it),
	TEST(given_an_inout_struct_with_a_const_string_when_called_then_the_new_string_is_kept),
	TEST(given_a_result_into_a_buffer_when_called_then_it_points_into_the_programs),
	TEST(given_an_out_pointer_into_a_string_when_called_then_it_points_into_the_programs),
	TEST(given_a_bad_last_block_when_got_then_nothing_at_all_was_written),
};
HARNESS_MAIN(tests)
