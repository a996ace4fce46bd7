/* SPDX-License-Identifier: MIT */
/* B01 to B03, B15: numbers, in both directions, bit by bit. */
#include "support/remote.h"

#include "../fixtures/scalars.h"
#include "../fixtures/spill.h"

static cbb_library *library;

static void given_the_scalars(void)
{
	given_a_host();
	library = remote_library("scalars", SCALARS(SCALAR_TEXT)
	                         "_Bool dirty_boolean(void);"
	                         "typedef _Bool (*dirty_handler)(_Bool value);"
	                         "unsigned dirty_boolean_seen(dirty_handler handler, uint8_t value);"
	                         "unsigned dirty_boolean_given(_Bool value);");
}

/* A handler that expects value i, and answers value i + 1; and a check of all four ways for each value. */
#define SCALAR_CHECK(name, type)                                                                                       \
	static type name##_handler(unsigned i, type value)                                                             \
	{                                                                                                              \
		type expected = name##_value(i);                                                                       \
		EXPECT_BYTES(&value, SCALAR_BYTES(type), &expected, SCALAR_BYTES(type));                               \
		return name##_value((i + 1) % SCALAR_VALUES);                                                          \
	}                                                                                                              \
	static void name##_check(void)                                                                                 \
	{                                                                                                              \
		type (*give)(unsigned) = (type(*)(unsigned))remote_symbol(library, #name "_give");                     \
		int (*is)(type, unsigned) = (int (*)(type, unsigned))remote_symbol(library, #name "_is");              \
		int (*through)(type(*)(unsigned, type), unsigned) =                                                    \
		    (int (*)(type(*)(unsigned, type), unsigned))remote_symbol(library, #name "_through");              \
		for (unsigned i = 0; i < SCALAR_VALUES; i++) {                                                         \
			type expected = name##_value(i), result = give(i);                                             \
			EXPECT_BYTES(&result, SCALAR_BYTES(type), &expected, SCALAR_BYTES(type));                      \
			EXPECT_EQUAL(is(expected, i), 1);                                                              \
			EXPECT_EQUAL(through(name##_handler, i), 1);                                                   \
			EXPECT_CALL_OK();                                                                              \
		}                                                                                                      \
	}

SCALARS(SCALAR_CHECK)

static void B01_integers_of_all_sizes_arrive_exactly_with_both_extremes(void)
{
	given_the_scalars();
	character_check();
	i8_check();
	u8_check();
	i16_check();
	u16_check();
	i32_check();
	u32_check();
	i64_check();
	u64_check();
	slong_check();
	ulonglong_check();
	remote_end();
}

static void B02_floats_doubles_and_long_doubles_are_bit_exact_NaNs_included(void)
{
	given_the_scalars();
	f32_check();
	f64_check();
	ld_check();
	remote_end();
}

/* ---- More than fit into registers ---- */

static double spill_handler(SPILL_PARAMETERS)
{
	struct spill arrived = {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, bb, cc};
	return spill_digest_of(&arrived);
}

static void B02_thirteen_integers_and_fifteen_floats_mixed_arrive_bit_exact(void)
{
	given_a_host();
	library = remote_library("spill", SPILL_TEXT);
	double (*digest)(SPILL_PARAMETERS) = REMOTE(library, double(SPILL_PARAMETERS), "spill_digest");
	double (*through)(double (*)(SPILL_PARAMETERS), uint64_t) =
	    REMOTE(library, double(double (*)(SPILL_PARAMETERS), uint64_t), "spill_through");
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct spill arguments = spill_make(seed);
		double expected = spill_digest_of(&arguments);
		double called = digest(SPILL_ARGUMENTS(&arguments));
		EXPECT_BYTES(&called, sizeof called, &expected, sizeof expected);
		double answered = through(spill_handler, seed);
		EXPECT_BYTES(&answered, sizeof answered, &expected, sizeof expected);
		EXPECT_CALL_OK();
	}
	remote_end();
}

/* ---- _Bool ---- */

static unsigned char dirty_seen;

static void dirty_handler(void *result, void *const arguments[], void *user_data)
{
	dirty_seen = *(const unsigned char *)arguments[0];
	*(unsigned char *)result = *(const unsigned char *)user_data;
}

static void B03_a_boolean_arrives_as_true_or_false(void)
{
	given_the_scalars();
	boolean_check();
	remote_end();
}

static void B03_a_careless_boolean_is_normalised_to_0_or_1(void)
{
	given_the_scalars();
	static unsigned char answer = 0x40;
	cbb_callback *callback = NULL;
	cbb_callback_options options = {.size = sizeof options, .user_data = &answer};
	REMOTE_OK(cbb_callback_open_generic(library, "dirty_handler", dirty_handler, &options, &callback));
	_Bool (*handler)(_Bool) = (_Bool(*)(_Bool))cbb_callback_pointer(callback);
	unsigned char raw = REMOTE(library, unsigned char(void), "dirty_boolean")();
	EXPECT_EQUAL(raw, 1);
	unsigned seen = REMOTE(library, unsigned(_Bool(*)(_Bool), uint8_t), "dirty_boolean_seen")(handler, 0x20);
	EXPECT_EQUAL(dirty_seen, 1);
	EXPECT_EQUAL(seen, 1);
	unsigned char argument = 0x10;
	unsigned given = 0;
	REMOTE_OK(cbb_call(remote_function(library, "dirty_boolean_given"), &given, (void *[]){&argument}));
	EXPECT_EQUAL(given, 1);
	remote_end();
}

/* ---- Results of handlers ---- */

static void B15_a_handlers_number_boolean_or_pointer_reaches_the_native_caller(void)
{
	/* Each *_through above compares the handler's answer natively; here a small integer is checked not to be widened. */
	given_the_scalars();
	i8_check();
	u16_check();
	f64_check();
	boolean_check();
	int8_t small[2] = {0, 0x33};
	REMOTE_OK(cbb_call(remote_function(library, "i8_give"), small, (void *[]){&(unsigned){1}}));
	EXPECT_EQUAL(small[0], INT8_MAX);
	EXPECT_EQUAL(small[1], 0x33);
	remote_end();
}

static const struct test tests[] = {
	TEST(B01_integers_of_all_sizes_arrive_exactly_with_both_extremes),
	TEST(B02_floats_doubles_and_long_doubles_are_bit_exact_NaNs_included),
	TEST(B02_thirteen_integers_and_fifteen_floats_mixed_arrive_bit_exact),
	TEST(B03_a_boolean_arrives_as_true_or_false),
	TEST(B03_a_careless_boolean_is_normalised_to_0_or_1),
	TEST(B15_a_handlers_number_boolean_or_pointer_reaches_the_native_caller),
};
HARNESS_MAIN(tests)
