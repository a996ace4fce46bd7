/* SPDX-License-Identifier: MIT */
/* What plans are refused for, and what messages are. */
#include "pair.h"

#include <stdbool.h>

/* ---- Plans ---- */

typedef void changer(Cbb__Interface *interface, Cbb__Param **params);

/* plan_new of function f, after `change` made the tables say what the language does not. */
static int try_plan(const char *text, changer *change)
{
	struct interface *interface = NULL;
	struct plan *plan = NULL;
	char whole[1024];
	snprintf(whole, sizeof whole, "[library(\"libtest.so\")]\n%s", text);
	if (interface_parse("test.cbi", whole, strlen(whole), NULL, NULL, &interface) < 0) {
		FAIL("%s", detail_text());
		expect_end();
	}
	int index = interface_find_function(&interface->message, "f");
	REQUIRE(index >= 0);
	if (change)
		change(&interface->message, interface->message.params + interface->message.functions[index]->first);
	detail_set(0, "-");
	int r = plan_new(&interface->message, (uint32_t)index, &plan);
	plan_free(plan);
	interface_free(interface);
	return r;
}

static void use_size_behind_second(Cbb__Interface *interface, Cbb__Param **params)
{
	Cbb__Expression *size = interface->expressions[params[0]->size - 1];
	size->op = CBB__OP__OP_DEREF;
	size->param = 1;
	size->kind = CBB__KIND__KIND_I32;
}

static void given_sizes_in_a_circle_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f([in, size(2)] const int *a, [in, size(*a)] const int *b);", use_size_behind_second),
	             CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "function f: parameter 1 'a': its size depends on itself");
}

static void use_second_out(Cbb__Interface *interface, Cbb__Param **params)
{
	(void)interface;
	params[1]->direction = CBB__DIRECTION__DIRECTION_OUT;
}

static void given_a_size_known_only_afterwards_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f([out, size(*n)] int *a, [inout] int *n);", use_second_out),
	             CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_STRING(detail_text(), "function f: parameter 1 'a': its size reads parameter 2, which only comes back. Hint: "
	                             "inout there, or filled() here");
}

static void use_return(Cbb__Interface *interface, Cbb__Param **params)
{
	interface->expressions[params[0]->size - 1]->op = CBB__OP__OP_RETURN;
}

static void given_return_as_a_size_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f([in, size(n)] const int *a, int n);", use_return), CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "its size is `return`, known only afterwards. Hint: ");
}

static void use_inout(Cbb__Interface *interface, Cbb__Param **params)
{
	(void)interface;
	params[0]->direction = CBB__DIRECTION__DIRECTION_INOUT;
}

static void given_inout_with_pointers_inside_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f([string, size(n)] const char **a, int n);", use_inout),
	             CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "parameter 1 'a': inout with pointers inside that are not fields");
	EXPECT_CONTAINS(detail_text(), "Hint: in, or out");
	EXPECT_EQUAL(try_plan("struct s { [string] char *a; }; int f([in] const struct s *a);", use_inout),
	             CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_EQUAL(try_plan("struct s { const char *a; }; int f([in] const struct s *a);", use_inout), 0);
	EXPECT_EQUAL(try_plan("int f(const char *a);", use_inout), CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "Hint: out, string, size(n)");
}

static void use_out(Cbb__Interface *interface, Cbb__Param **params)
{
	(void)interface;
	params[0]->direction = CBB__DIRECTION__DIRECTION_OUT;
}

static void given_out_without_a_size_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f([in, zero] const int *a);", use_out), CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "Hint: size(n)");
}

static void use_transfer(Cbb__Interface *interface, Cbb__Param **params)
{
	params[0]->free_function = interface->functions[0]->name;
}

static void given_what_goes_in_and_is_given_away_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f(const char *a);", use_transfer), CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "not carried. Hint: lifetime(owner(handle))");
}

static void use_value_one(Cbb__Interface *interface, Cbb__Param **params)
{
	static uint64_t one[] = {1};
	(void)interface;
	params[0]->values = one;
	params[0]->n_values = 1;
}

static void given_the_sentinel_one_on_memory_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f(const char *a);", use_value_one), CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "values(1) cannot be told from copied memory");
	EXPECT_EQUAL(try_plan("int f([handle] const char *a);", use_value_one), 0);
}

static void use_mode_value(Cbb__Interface *interface, Cbb__Param **params)
{
	(void)interface;
	params[0]->mode = CBB__MODE__MODE_VALUE;
}

static void given_a_pointer_that_nothing_describes_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f(const char *a);", use_mode_value), CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "nothing describes this pointer. Hint: ");
}

static void use_mode_userdata(Cbb__Interface *interface, Cbb__Param **params)
{
	(void)interface;
	params[0]->mode = CBB__MODE__MODE_USERDATA;
}

static void given_userdata_in_too_few_bytes_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f(int a);", use_mode_userdata), CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "user data must be a pointer or an integer of its size");
	EXPECT_EQUAL(try_plan("int f(long a);", use_mode_userdata), 0);
}

static void use_larger_struct(Cbb__Interface *interface, Cbb__Param **params)
{
	interface->types[params[0]->type]->size_bytes += 8;
}

static void given_a_struct_that_libffi_lays_out_differently_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("struct s { int a; double b; }; int f(struct s a);", use_larger_struct),
	             CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "the struct has 16 bytes by the C ABI, and 24 as described");
}

static void use_itself_as_element(Cbb__Interface *interface, Cbb__Param **params)
{
	for (uint32_t i = 0; i < interface->n_params; i++)
		if (interface->params[i] == params[0])
			params[0]->element = i;
}

static void given_a_pointer_to_itself_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f([string, size(2)] const char **a);", use_itself_as_element),
	             CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "nested too deep");
}

static void use_float_size(Cbb__Interface *interface, Cbb__Param **params)
{
	interface->expressions[params[0]->size - 1]->param = 2;
}

static void given_a_size_that_is_no_integer_when_planned_then_refused(void)
{
	EXPECT_EQUAL(try_plan("int f([in, size(n)] const int *a, int n, double d);", use_float_size),
	             CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "its size counts with something that is not an integer");
}

/* ---- Messages ---- */

/* An Invoke made by hand. */
static int feed(struct pair *pair, const uint64_t *words, uint32_t n_words, const char *const *data, const size_t *sizes,
                unsigned n)
{
	struct hot_writer writer;
	struct hot fields = {.sequence = 1};
	hot_begin(&writer, &pair->wire, CBB__FRAME_TYPE__FRAME_INVOKE, &fields, n_words);
	for (uint32_t i = 0; i < n_words; i++)
		hot_set_word(&writer, i, words[i]);
	for (unsigned i = 0; i < n; i++)
		memcpy(hot_add_block(&writer, sizes[i]), data[i], sizes[i]);
	REQUIRE_EQUAL(hot_end(&writer), 0);
	pair_carry(pair, CBB__FRAME_TYPE__FRAME_INVOKE);
	int r = marshal_get_arguments(&pair->callee, &pair->message);
	arena_release(&pair->callee_arena, (struct arena_mark){0});
	return r;
}

#define WORDS(...) (uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)
#define DATA(...) (const char *[]){__VA_ARGS__}
#define SIZES(...) (size_t[]){__VA_ARGS__}, sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)
#define NO_BLOCKS NULL, NULL, 0

#define EXPECT_BAD(call, words)                                                                                        \
	do {                                                                                                           \
		EXPECT_EQUAL(call, -EBADMSG);                                                                          \
		EXPECT_CONTAINS(detail_text(), words);                                                                 \
	} while (0)

static void given_too_few_or_too_many_words_when_got_then_refused(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f(int a, long double b);");
	EXPECT_EQUAL(feed(&pair, WORDS(1, 2, 3), NO_BLOCKS), 0);
	EXPECT_BAD(feed(&pair, WORDS(1, 2), NO_BLOCKS), "function f takes 3 words, and the message has 2");
	EXPECT_BAD(feed(&pair, WORDS(1, 2, 3, 4), NO_BLOCKS), "function f takes 3 words, and the message has 4");
	pair_free(&pair);
}

static void given_strings_that_are_none_when_got_then_refused(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f(const char *text);");
	EXPECT_EQUAL(feed(&pair, WORDS(1), DATA("abc"), SIZES(4)), 0);
	EXPECT_EQUAL(feed(&pair, WORDS(1), DATA(""), SIZES(1)), 0);
	EXPECT_BAD(feed(&pair, WORDS(1), DATA("abc"), SIZES(3)),
	           "function f: parameter 1 'text' has a block of 3 bytes that is not one C string");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA("a\0c"), SIZES(4)), "not one C string");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA(""), SIZES(0)), "not one C string");
	EXPECT_BAD(feed(&pair, WORDS(1), NO_BLOCKS), "parameter 1 'text' has no block in the message");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA("abc", "x"), SIZES(4, 1)), "a block of 1 bytes is left over");
	EXPECT_BAD(feed(&pair, WORDS(0), NO_BLOCKS), "parameter 1 'text' is NULL and not [nullable]");
	EXPECT_BAD(feed(&pair, WORDS(2), DATA("abc"), SIZES(4)), "has the word 0x2, which is neither NULL nor memory");
	pair_free(&pair);
}

static void given_blocks_of_other_sizes_when_got_then_refused(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([size(n)] const int *a, int n);");
	EXPECT_EQUAL(feed(&pair, WORDS(1, 2), DATA("01234567"), SIZES(8)), 0);
	EXPECT_EQUAL(feed(&pair, WORDS(1, 0), DATA(""), SIZES(0)), 0);
	EXPECT_BAD(feed(&pair, WORDS(1, 2), DATA("01234567"), SIZES(7)), "a block of 7 bytes where 8 belong");
	EXPECT_BAD(feed(&pair, WORDS(1, 2), DATA("012345678"), SIZES(9)), "a block of 9 bytes where 8 belong");
	EXPECT_BAD(feed(&pair, WORDS(1, 0xffffffff), DATA(""), SIZES(0)), "parameter 1 'a' has a negative size: -1");
	EXPECT_BAD(feed(&pair, WORDS(1, 0x7fffffff), DATA(""), SIZES(0)), "a block of 0 bytes where 8589934588 belong");
	pair_free(&pair);
}

static void given_arrays_without_their_one_terminator_when_got_then_refused(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([in, zero] const short *a);");
	EXPECT_EQUAL(feed(&pair, WORDS(1), DATA("ab\0"), SIZES(4)), 0);
	EXPECT_EQUAL(feed(&pair, WORDS(1), DATA("\0"), SIZES(2)), 0);
	EXPECT_BAD(feed(&pair, WORDS(1), DATA("abcd"), SIZES(4)), "does not end with its one terminator");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA("\0\0\0"), SIZES(4)), "does not end with its one terminator");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA("ab\0"), SIZES(3)), "does not end with its one terminator");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA(""), SIZES(0)), "does not end with its one terminator");
	pair_free(&pair);
}

static void given_words_in_a_block_that_are_none_when_got_then_refused(void)
{
	struct pair pair;
	static const char one[16] = {1}, two[16] = {1, 0, 0, 0, 0, 0, 0, 0, 1}, bad[16] = {2};
	pair_open(&pair, "f", "int f([string, zero] const char **a);");
	EXPECT_EQUAL(feed(&pair, WORDS(1), DATA(one, "x"), SIZES(16, 2)), 0);
	EXPECT_BAD(feed(&pair, WORDS(1), DATA(one), SIZES(16)), "has no block in the message");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA(one, "x", "y"), SIZES(16, 2, 2)), "left over");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA(two, "x", "y"), SIZES(16, 2, 2)), "does not end with its one terminator");
	EXPECT_BAD(feed(&pair, WORDS(1), DATA(bad, "x"), SIZES(16, 2)), "an element of it has the word 0x2");
	pair_free(&pair);
}

static void given_a_struct_of_another_size_when_got_then_refused(void)
{
	struct pair pair;
	pair_open(&pair, "f", "struct s { int a; int b; }; int f(struct s s);");
	EXPECT_EQUAL(feed(&pair, NULL, 0, DATA("01234567"), SIZES(8)), 0);
	EXPECT_BAD(feed(&pair, NULL, 0, DATA("01234567"), SIZES(7)), "a block of 7 bytes where the struct has 8");
	EXPECT_BAD(feed(&pair, NULL, 0, NO_BLOCKS), "has no block");
	pair_free(&pair);
}

static void given_more_than_the_arena_takes_when_got_then_it_is_a_limit(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([out, bytes(n)] void *a, unsigned long n);");
	EXPECT_EQUAL(feed(&pair, WORDS(1, PAIR_LIMIT_BYTES / 2), NO_BLOCKS), 0);
	EXPECT_EQUAL(feed(&pair, WORDS(1, PAIR_LIMIT_BYTES), NO_BLOCKS), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(detail_text(), "function f: parameter 1 'a' needs 1048576 bytes");
	EXPECT_EQUAL(feed(&pair, WORDS(1, 1ul << 62), NO_BLOCKS), CBB__STATUS__STATUS_LIMIT);
	EXPECT_BAD(feed(&pair, WORDS(1, UINT64_MAX), NO_BLOCKS), "wraps around");
	pair_free(&pair);
}

static void given_arguments_beyond_the_payload_when_put_then_it_is_a_limit(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f([bytes(n)] const void *a, unsigned long n);");
	void *large = calloc(1, PAIR_LIMIT_BYTES + 1);
	unsigned long n = PAIR_LIMIT_BYTES + 1;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&large, &n), NULL), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(detail_text(), "function f: parameter 1 'a' with 1048577 bytes goes beyond the 1048576 bytes");
	EXPECT_EQUAL(pair.wire.size, 0);
	n = PAIR_LIMIT_BYTES / 2;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&large, &n), NULL), 0);
	free(large);
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_sizes_in_a_circle_when_planned_then_refused),
	TEST(given_a_size_known_only_afterwards_when_planned_then_refused),
	TEST(given_return_as_a_size_when_planned_then_refused),
	TEST(given_inout_with_pointers_inside_when_planned_then_refused),
	TEST(given_out_without_a_size_when_planned_then_refused),
	TEST(given_what_goes_in_and_is_given_away_when_planned_then_refused),
	TEST(given_the_sentinel_one_on_memory_when_planned_then_refused),
	TEST(given_a_pointer_that_nothing_describes_when_planned_then_refused),
	TEST(given_userdata_in_too_few_bytes_when_planned_then_refused),
	TEST(given_a_struct_that_libffi_lays_out_differently_when_planned_then_refused),
	TEST(given_a_pointer_to_itself_when_planned_then_refused),
	TEST(given_a_size_that_is_no_integer_when_planned_then_refused),
	TEST(given_too_few_or_too_many_words_when_got_then_refused),
	TEST(given_strings_that_are_none_when_got_then_refused),
	TEST(given_blocks_of_other_sizes_when_got_then_refused),
	TEST(given_arrays_without_their_one_terminator_when_got_then_refused),
	TEST(given_words_in_a_block_that_are_none_when_got_then_refused),
	TEST(given_a_struct_of_another_size_when_got_then_refused),
	TEST(given_more_than_the_arena_takes_when_got_then_it_is_a_limit),
	TEST(given_arguments_beyond_the_payload_when_put_then_it_is_a_limit),
};
HARNESS_MAIN(tests)
