/* SPDX-License-Identifier: MIT */
/* Arguments that the callee keeps, and function pointers inside what arguments point to. */
#include "pair.h"

#define HANDLE_TEXT "typedef struct thing *thing;\n"

static const void *seen;

static int note_second(void *thing, const void *memory)
{
	(void)thing;
	seen = memory;
	return 0;
}

static void given_a_text_that_is_kept_when_called_then_the_side_holds_it(void)
{
	struct pair pair;
	pair_open(&pair, "f", HANDLE_TEXT "int f(thing t, [lifetime(owner(t))] const char *text);");
	void *thing = (void *)0x10;
	const char *text = "kept";
	int result = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(note_second), ARGUMENTS(&thing, &text), &result), 0);
	REQUIRE_EQUAL(pair.n_kept, 1);
	EXPECT(seen == pair.kept[0].memory);
	EXPECT_EQUAL(pair.kept[0].size, 5);
	EXPECT_STRING(pair.kept[0].memory, "kept");
	EXPECT_EQUAL((int)pair.kept[0].param->lifetime, CBB__LIFETIME__LIFETIME_OWNER);
	pair_free(&pair);
}

static void given_null_that_may_be_kept_when_called_then_nothing_is(void)
{
	struct pair pair;
	pair_open(&pair, "f", HANDLE_TEXT "int f(thing t, [nullable, lifetime(forever)] const char *text);");
	void *thing = (void *)0x10;
	const char *text = NULL;
	int result = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(note_second), ARGUMENTS(&thing, &text), &result), 0);
	EXPECT_EQUAL(pair.n_kept, 0);
	EXPECT(seen == NULL);
	pair_free(&pair);
}

static void given_a_lifetime_that_ends_with_the_call_when_called_then_nothing_is_kept(void)
{
	struct pair pair;
	pair_open(&pair, "f", HANDLE_TEXT "int f(thing t, [lifetime(call)] const char *text);");
	void *thing = (void *)0x10;
	const char *text = "x";
	int result = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(note_second), ARGUMENTS(&thing, &text), &result), 0);
	EXPECT_EQUAL(pair.n_kept, 0);
	pair_free(&pair);
}

static void given_texts_in_a_list_that_is_kept_when_called_then_they_are_one_piece_with_it(void)
{
	struct pair pair;
	pair_open(&pair, "f", HANDLE_TEXT "int f(thing t, [string, zero, lifetime(owner(t))] const char *const *list);");
	void *thing = (void *)0x10;
	const char *texts[] = {"one", "two", NULL}, *const *list = texts;
	int result = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(note_second), ARGUMENTS(&thing, &list), &result), 0);
	REQUIRE_EQUAL(pair.n_kept, 1);
	const char *const *kept = pair.kept[0].memory;
	EXPECT(seen == (const void *)kept);
	EXPECT_STRING(kept[0], "one");
	EXPECT_STRING(kept[1], "two");
	EXPECT(kept[2] == NULL);
	const char *begin = (const char *)kept, *end = begin + pair.kept[0].size;
	EXPECT(kept[1] > begin && kept[1] < end);
	pair_free(&pair);
}

static void given_no_memory_to_keep_it_when_called_then_the_call_fails(void)
{
	struct pair pair;
	pair_open(&pair, "f", HANDLE_TEXT "int f(thing t, [lifetime(owner(t))] const char *text);");
	void *thing = (void *)0x10;
	const char *text = "kept";
	int result = 1;
	pair.no_memory = true;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&thing, &text), &result), -ENOMEM);
	EXPECT_CONTAINS(detail_text(), "parameter 2 'text' needs 5 bytes for its copy");
	pair_free(&pair);
}

static const char *second_half(const char *text)
{
	return text + strlen(text) / 2;
}

static void given_a_result_into_what_is_kept_when_called_then_it_points_into_the_callers(void)
{
	struct pair pair;
	pair_open(&pair, "f", "[into(text)] const char *f([lifetime(forever)] const char *text);");
	const char *text = "abcd", *result = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(second_half), ARGUMENTS(&text), &result), 0);
	EXPECT(result == text + 2);
	EXPECT_EQUAL(pair.n_kept, 1);
	pair_free(&pair);
}

/* ---- Function pointers ---- */

#define OPS_TEXT \
	"typedef int (*op)(int);\n" \
	"struct ops { int n; op run; [nullable] op stop; [values(0, 1)] op more; };\n" \
	"struct outer { struct ops two[2]; [size(1)] const struct ops *far; };\n"

struct ops {
	int n;
	void *run, *stop, *more;
};

struct outer {
	struct ops two[2];
	const struct ops *far;
};

static struct outer outer_seen;
static struct ops far_seen;

static int note_outer(const struct outer *outer)
{
	outer_seen = *outer;
	far_seen = *outer->far;
	return 0;
}

static void given_function_pointers_in_structs_when_called_then_the_side_translates_each(void)
{
	struct pair pair;
	pair_open(&pair, "f", OPS_TEXT "int f(const struct outer *o);");
	struct ops far = {4, (void *)0x500, NULL, (void *)1};
	struct outer outer = {{{1, (void *)0x100, NULL, NULL}, {2, (void *)0x200, (void *)0x300, (void *)0x400}}, &far};
	const struct outer *argument = &outer;
	int result = 1;
	EXPECT(pair.plan->has_callbacks);
	EXPECT_EQUAL(pair_call(&pair, NATIVE(note_outer), ARGUMENTS(&argument), &result), 0);
	EXPECT(outer_seen.two[0].run == (void *)0x100);
	EXPECT(outer_seen.two[0].stop == NULL);
	EXPECT(outer_seen.two[1].stop == (void *)0x300);
	EXPECT(outer_seen.two[1].more == (void *)0x400);
	EXPECT(far_seen.run == (void *)0x500);
	EXPECT(far_seen.more == (void *)1);
	EXPECT_EQUAL(pair.callback_index, 0);
	outer.two[0].run = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(note_outer), ARGUMENTS(&argument), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: parameter 1 'o', in it 'run' is NULL and not [nullable]");
	pair_free(&pair);
}

static int note_ops(int n, struct ops ops)
{
	far_seen = ops;
	return n;
}

static void given_function_pointers_in_a_struct_by_value_when_called_then_they_are_translated(void)
{
	struct pair pair;
	pair_open(&pair, "f", OPS_TEXT "int f(int n, struct ops ops);");
	struct ops ops = {3, (void *)0x100, (void *)0x200, NULL};
	int n = 7, result = 1;
	EXPECT(pair.plan->has_callbacks);
	EXPECT_EQUAL(pair_call(&pair, NATIVE(note_ops), ARGUMENTS(&n, &ops), &result), 0);
	EXPECT_EQUAL(result, 7);
	EXPECT(far_seen.run == (void *)0x100 && far_seen.stop == (void *)0x200);
	EXPECT_EQUAL(pair.callback_index, 1);
	pair_free(&pair);
}

static void given_structs_without_function_pointers_when_planned_then_there_are_no_callbacks(void)
{
	struct pair pair;
	pair_open(&pair, "f", "struct s { int n; [nullable] const char *text; };\n"
	                      "int f(const struct s *s, struct s by_value);");
	EXPECT(!pair.plan->has_callbacks);
	pair_free(&pair);
}

static const struct test tests[] = {
    TEST(given_a_text_that_is_kept_when_called_then_the_side_holds_it),
    TEST(given_null_that_may_be_kept_when_called_then_nothing_is),
    TEST(given_a_lifetime_that_ends_with_the_call_when_called_then_nothing_is_kept),
    TEST(given_texts_in_a_list_that_is_kept_when_called_then_they_are_one_piece_with_it),
    TEST(given_no_memory_to_keep_it_when_called_then_the_call_fails),
    TEST(given_a_result_into_what_is_kept_when_called_then_it_points_into_the_callers),
    TEST(given_function_pointers_in_structs_when_called_then_the_side_translates_each),
    TEST(given_function_pointers_in_a_struct_by_value_when_called_then_they_are_translated),
    TEST(given_structs_without_function_pointers_when_planned_then_there_are_no_callbacks),
};
HARNESS_MAIN(tests)
