/* SPDX-License-Identifier: MIT */
/* B10 to B12: structs by value, in both directions. */
#include "support/remote.h"

#include "../fixtures/structs.h"

#define SEEDS 20

static cbb_library *library;
static unsigned n_handled;

static void given_the_structs(void)
{
	given_a_host();
	library = remote_library("structs", STRUCTS_TEXT);
	n_handled = 0;
}

/* A handler that expects the struct of a seed and answers with the one of seed + 1. */
#define STRUCT_HANDLER(name)                                                                                           \
	static struct name name##_handler(uint64_t seed, struct name value)                                            \
	{                                                                                                              \
		struct name expected = name##_make(seed);                                                              \
		n_handled++;                                                                                           \
		if (!name##_same(&value, &expected))                                                                   \
			FAIL("struct %s of seed %llu arrived changed", #name, (unsigned long long)seed);               \
		return name##_make(seed + 1);                                                                          \
	}                                                                                                              \
	static void name##_arguments(void)                                                                             \
	{                                                                                                              \
		int (*is)(struct name, uint64_t) = REMOTE(library, int(struct name, uint64_t), #name "_is");           \
		for (uint64_t seed = 1; seed <= SEEDS; seed++)                                                         \
			EXPECT_EQUAL(is(name##_make(seed), seed), 1);                                                  \
	}                                                                                                              \
	static void name##_results(void)                                                                               \
	{                                                                                                              \
		struct name (*give)(uint64_t) = REMOTE(library, struct name(uint64_t), #name "_give");                 \
		for (uint64_t seed = 1; seed <= SEEDS; seed++) {                                                       \
			struct name given = give(seed), expected = name##_make(seed);                                  \
			EXPECT(name##_same(&given, &expected));                                                        \
		}                                                                                                      \
	}                                                                                                              \
	static void name##_both(void)                                                                                  \
	{                                                                                                              \
		int (*through)(struct name (*)(uint64_t, struct name), uint64_t) =                                     \
		    REMOTE(library, int(struct name (*)(uint64_t, struct name), uint64_t), #name "_through");          \
		for (uint64_t seed = 1; seed <= SEEDS; seed++)                                                         \
			EXPECT_EQUAL(through(name##_handler, seed), 1);                                                \
		EXPECT_CALL_OK();                                                                                      \
		EXPECT_EQUAL(n_handled, SEEDS);                                                                        \
		n_handled = 0;                                                                                         \
	}

STRUCTS(STRUCT_HANDLER)

static void B10_a_struct_by_value_is_an_argument(void)
{
	given_the_structs();
	one_arguments();
	padded_arguments();
	floats_arguments();
	doubles_arguments();
	mixed_arguments();
	big_arguments();
	one_both();
	padded_both();
	floats_both();
	doubles_both();
	mixed_both();
	big_both();
	remote_end();
}

static uint64_t among_handler(AMONG_PARAMETERS)
{
	struct doubles b_expected = doubles_make(1);
	struct big c_expected = big_make(2);
	struct inner e_expected = inner_make(3);
	struct floats f_expected = floats_make(4);
	struct padded h_expected = padded_make(5);
	EXPECT(doubles_same(&b, &b_expected));
	EXPECT(big_same(&c, &c_expected));
	EXPECT(inner_same(&e, &e_expected));
	EXPECT(floats_same(&f, &f_expected));
	EXPECT(padded_same(&h, &h_expected));
	return among_expected(0, a, d, g, i, 1);
}

static void B10_structs_among_scalars_take_their_registers_and_stack_places(void)
{
	given_the_structs();
	uint64_t (*among)(AMONG_PARAMETERS) = REMOTE(library, uint64_t(AMONG_PARAMETERS), "structs_among");
	uint64_t called = among(3, doubles_make(1), big_make(2), 1.5f, inner_make(3), floats_make(4), -9, padded_make(5), 4.75);
	EXPECT_EQUAL(called, among_expected(0, 3, 1.5f, -9, 4.75, 1));
	uint64_t answered = REMOTE(library, uint64_t(uint64_t (*)(AMONG_PARAMETERS), uint64_t),
	                           "structs_among_through")(among_handler, 7);
	EXPECT_EQUAL(answered, among_expected(0, 7, 1.5f, 21, 2.25, 1));
	EXPECT_CALL_OK();
	remote_end();
}

static double last_handler(LAST_PARAMETERS)
{
	return x * 1000 + a + b + c + d + e + (double)last.n * 100 + last.x;
}

static void B10_a_struct_in_the_last_general_register_spoils_no_other_argument(void)
{
	given_the_structs();
	double expected = last_handler(7.5, 1, 2, 3, 4, 5, (struct last){6, 0.25f});
	EXPECT_EQUAL(REMOTE(library, double(LAST_PARAMETERS), "structs_last")(7.5, 1, 2, 3, 4, 5, (struct last){6, 0.25f}),
	             expected);
	EXPECT_EQUAL(REMOTE(library, double(double (*)(LAST_PARAMETERS)), "structs_last_through")(last_handler), expected);
	EXPECT_CALL_OK();
	remote_end();
}

static void B11_a_struct_by_value_is_a_result(void)
{
	given_the_structs();
	one_results();
	padded_results();
	floats_results();
	doubles_results();
	mixed_results();
	shorts_results();
	big_results();
	inner_results();
	middle_results();
	outer_results();
	extended_results();
	lone_results();
	wrapped_results();
	big_both();
	doubles_both();
	remote_end();
}

static void B11_a_struct_result_is_all_zeros_when_the_call_fails(void)
{
	given_the_structs();
	struct big (*give)(uint64_t) = REMOTE(library, struct big(uint64_t), "big_give");
	REMOTE_OK(cbb_host_kill(remote_host));
	struct big given = give(5), zeros = {0};
	EXPECT(big_same(&given, &zeros));
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
	remote_end();
}

static void B12_nested_structs_and_arrays_inside_a_struct_by_value(void)
{
	given_the_structs();
	shorts_arguments();
	inner_arguments();
	middle_arguments();
	outer_arguments();
	extended_arguments();
	lone_arguments();
	wrapped_arguments();
	shorts_both();
	inner_both();
	middle_both();
	outer_both();
	extended_both();
	lone_both();
	wrapped_both();
	remote_end();
}

static const struct test tests[] = {
	TEST(B10_a_struct_by_value_is_an_argument),
	TEST(B10_structs_among_scalars_take_their_registers_and_stack_places),
	TEST(B10_a_struct_in_the_last_general_register_spoils_no_other_argument),
	TEST(B11_a_struct_by_value_is_a_result),
	TEST(B11_a_struct_result_is_all_zeros_when_the_call_fails),
	TEST(B12_nested_structs_and_arrays_inside_a_struct_by_value),
};
HARNESS_MAIN(tests)
