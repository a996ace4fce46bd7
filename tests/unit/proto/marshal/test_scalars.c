/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include <math.h>
#include <stdbool.h>

static long long sum_seen;

static long long sum_integers(bool b, signed char c, unsigned char uc, short s, unsigned short us, int i,
                              unsigned int ui, long l, unsigned long ul)
{
	sum_seen = b + c + uc + s + us + (long long)i + ui;
	return sum_seen + l + (long long)ul;
}

static void given_each_integer_kind_when_called_then_extremes_arrive(void)
{
	struct pair pair;
	pair_open(&pair, "f", "long long f(_Bool b, signed char c, unsigned char uc, short s, unsigned short us, int i, "
	                      "unsigned int ui, long l, unsigned long ul);");
	EXPECT_EQUAL(pair.plan->n_words_in, 9);
	EXPECT_EQUAL(pair.plan->n_words_out, 1);
	for (int extreme = 0; extreme < 2; extreme++) {
		bool b = extreme;
		signed char c = extreme ? INT8_MAX : INT8_MIN;
		unsigned char uc = extreme ? UINT8_MAX : 0;
		short s = extreme ? INT16_MAX : INT16_MIN;
		unsigned short us = extreme ? UINT16_MAX : 0;
		int i = extreme ? INT32_MAX : INT32_MIN;
		unsigned int ui = extreme ? UINT32_MAX : 0;
		long l = extreme ? INT32_MAX : INT32_MIN;
		unsigned long ul = extreme ? UINT32_MAX : 0;
		long long result = 0;
		EXPECT_EQUAL(pair_call(&pair, NATIVE(sum_integers),
		                       ARGUMENTS(&b, &c, &uc, &s, &us, &i, &ui, &l, &ul), &result), 0);
		EXPECT_EQUAL(result, sum_integers(b, c, uc, s, us, i, ui, l, ul));
		EXPECT_EQUAL((int64_t)pair.callee.plan->n_params, 9);
	}
	pair_free(&pair);
}

#define ECHO(name, type) static type name(type value) { return value; }
ECHO(echo_bool, bool)
ECHO(echo_i8, int8_t)
ECHO(echo_u8, uint8_t)
ECHO(echo_i16, int16_t)
ECHO(echo_u16, uint16_t)
ECHO(echo_i32, int32_t)
ECHO(echo_u32, uint32_t)
ECHO(echo_i64, int64_t)
ECHO(echo_u64, uint64_t)
ECHO(echo_f32, float)
ECHO(echo_f64, double)
ECHO(echo_long_double, long double)

#define EXPECT_ECHO(function, type, name, ...)                                                                         \
	do {                                                                                                           \
		struct pair pair_;                                                                                     \
		pair_open(&pair_, "f", name " f(" name " value);");                                                    \
		const type values_[] = {__VA_ARGS__};                                                                  \
		for (size_t i_ = 0; i_ < sizeof values_ / sizeof *values_; i_++) {                                     \
			type in_ = values_[i_], out_;                                                                  \
			memset(&out_, 0x77, sizeof out_);                                                              \
			EXPECT_EQUAL(pair_call(&pair_, NATIVE(function), ARGUMENTS(&in_), &out_), 0);                  \
			EXPECT(memcmp(&in_, &out_, sizeof in_ > 10 ? 10 : sizeof in_) == 0);                           \
		}                                                                                                      \
		pair_free(&pair_);                                                                                     \
	} while (0)

static void given_each_scalar_when_echoed_then_its_bits_come_back(void)
{
	EXPECT_ECHO(echo_bool, bool, "_Bool", false, true);
	EXPECT_ECHO(echo_i8, int8_t, "signed char", INT8_MIN, -1, 0, INT8_MAX);
	EXPECT_ECHO(echo_u8, uint8_t, "unsigned char", 0, UINT8_MAX);
	EXPECT_ECHO(echo_i16, int16_t, "short", INT16_MIN, -1, INT16_MAX);
	EXPECT_ECHO(echo_u16, uint16_t, "unsigned short", 0, UINT16_MAX);
	EXPECT_ECHO(echo_i32, int32_t, "int", INT32_MIN, -1, INT32_MAX);
	EXPECT_ECHO(echo_u32, uint32_t, "unsigned int", 0, UINT32_MAX);
	EXPECT_ECHO(echo_i64, int64_t, "long", INT64_MIN, -1, INT64_MAX);
	EXPECT_ECHO(echo_u64, uint64_t, "unsigned long", 0, UINT64_MAX);
	EXPECT_ECHO(echo_f32, float, "float", 0.0f, -0.0f, 1.5f, INFINITY, 1e-45f);
	EXPECT_ECHO(echo_f64, double, "double", 0.0, -0.0, 0.1, -INFINITY, 5e-324);
	EXPECT_ECHO(echo_long_double, long double, "long double", 0.0L, -0.0L, 0.1L, 1e4000L, -1e-4000L);
}

static void given_a_nan_with_a_payload_when_echoed_then_the_payload_comes_back(void)
{
	struct pair pair;
	pair_open(&pair, "f", "double f(double value);");
	uint64_t in = 0x7ff8dead0000beefu, out = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_f64), ARGUMENTS(&in), &out), 0);
	EXPECT_EQUAL(out, in);
	pair_free(&pair);
}

static void given_a_long_double_when_put_then_its_padding_is_zero(void)
{
	struct pair pair;
	pair_open(&pair, "f", "long double f(long double value);");
	EXPECT_EQUAL(pair.plan->n_words_in, 2);
	EXPECT_EQUAL(pair.plan->n_words_out, 2);
	long double in;
	memset(&in, 0xff, sizeof in);
	in = 1.0L;
	long double out;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&in), &out), 0);
	EXPECT_EQUAL(pair.message.words[1] >> 16, 0);
	pair_run(&pair, NATIVE(echo_long_double));
	memset((uint8_t *)pair.callee.result + 10, 0xff, 6);
	EXPECT_EQUAL(pair_return(&pair), 0);
	EXPECT_EQUAL(pair.message.words[1] >> 16, 0);
	EXPECT(out == 1.0L);
	pair_free(&pair);
}

static void given_a_bool_of_two_when_carried_then_it_is_one(void)
{
	struct pair pair;
	pair_open(&pair, "f", "_Bool f(_Bool value);");
	uint8_t in = 2, out = 0;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&in), &out), 0);
	EXPECT_EQUAL(pair.message.words[0], 1);
	EXPECT_EQUAL(*(uint8_t *)pair.callee.arguments[0], 1);
	*(uint8_t *)pair.callee.result = 0x80;
	EXPECT_EQUAL(pair_return(&pair), 0);
	EXPECT_EQUAL(out, 1);
	pair_free(&pair);
}

static void given_a_hostile_bool_word_when_got_then_it_is_one(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f(_Bool value);");
	bool in = true;
	int out;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&in), &out), 0);
	pair.message.words[0] = 0xff00;
	pair.message.block_cursor = NULL;
	EXPECT_EQUAL(marshal_get_arguments(&pair.callee, &pair.message), 0);
	EXPECT_EQUAL(*(uint8_t *)pair.callee.arguments[0], 1);
	pair_free(&pair);
}

static double mix(int a, double b, long c, float d, short e, double f, long g, float h, long i, double j, long k,
                  double l, long m, double n, long o, double p, double q, double r)
{
	return a + 2 * b + 3 * (double)c + 4 * (double)d + 5 * e + 6 * f + 7 * (double)g + 8 * (double)h + 9 * (double)i + 10 * j +
	       11 * (double)k + 12 * l + 13 * (double)m + 14 * n + 15 * (double)o + 16 * p + 17 * q + 18 * r;
}

static void given_more_arguments_than_registers_when_called_then_all_arrive(void)
{
	struct pair pair;
	pair_open(&pair, "mix", "double mix(int a, double b, long c, float d, short e, double f, long g, float h, long i, "
	                        "double j, long k, double l, long m, double n, long o, double p, double q, double r);");
	int a = -1;
	short e = -5;
	float d = 4.5f, h = 8.25f;
	long c = 3, g = 7, i = 9, k = 11, m = 13, o = 15;
	double b = 2.5, f = 6.5, j = 10.5, l = 12.5, n = 14.5, p = 16.5, q = 17.5, r = 18.5, result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(mix), ARGUMENTS(&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o,
	                                                     &p, &q, &r), &result), 0);
	EXPECT_EQUAL(result, mix(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r));
	pair_free(&pair);
}

static void given_enums_when_called_then_they_are_integers(void)
{
	struct pair pair;
	pair_open(&pair, "f", "enum colour { RED = -3, GREEN = 7 }; enum colour f(enum colour value);");
	int in = -3, out = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_i32), ARGUMENTS(&in), &out), 0);
	EXPECT_EQUAL(out, -3);
	pair_free(&pair);
}

static void given_no_result_wanted_when_called_then_nothing_is_written(void)
{
	struct pair pair;
	pair_open(&pair, "f", "int f(int value);");
	int in = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_i32), ARGUMENTS(&in), NULL), 0);
	pair_free(&pair);
}

/* ---- on_error, and libffi's form of results ---- */

#define EXPECT_ON_ERROR(type, name, text, expected)                                                                    \
	do {                                                                                                           \
		struct pair pair_;                                                                                     \
		pair_open(&pair_, "f", "[on_error(" text ")] " name " f(int value);");                                 \
		type result_;                                                                                          \
		memset(&result_, 0x77, sizeof result_);                                                                \
		plan_store_on_error(pair_.plan, &result_);                                                             \
		EXPECT(result_ == (type)(expected));                                                                   \
		pair_free(&pair_);                                                                                     \
	} while (0)

static void given_on_error_when_stored_then_it_has_the_results_type(void)
{
	EXPECT_ON_ERROR(bool, "_Bool", "1", true);
	EXPECT_ON_ERROR(signed char, "signed char", "-1", -1);
	EXPECT_ON_ERROR(unsigned char, "unsigned char", "255", 255);
	EXPECT_ON_ERROR(short, "short", "-300", -300);
	EXPECT_ON_ERROR(unsigned short, "unsigned short", "65535", 65535);
	EXPECT_ON_ERROR(int, "int", "-1", -1);
	EXPECT_ON_ERROR(unsigned int, "unsigned int", "4294967295", UINT32_MAX);
	EXPECT_ON_ERROR(long, "long", "-1", -1);
	EXPECT_ON_ERROR(unsigned long, "unsigned long", "7", 7);
}

/* The bits as the protocol has them, whatever the language can spell. */
static void given_on_error_bits_when_stored_then_reals_come_from_the_double(void)
{
	struct pair pair;
	double bits = -2.5;
	float narrow = 0;
	double wide = 0;
	long double widest = 0;
	pair_open(&pair, "f", "float f(int value);");
	memcpy(&pair.interface->message.functions[pair.plan->index]->on_error, &bits, sizeof bits);
	plan_store_on_error(pair.plan, &narrow);
	EXPECT(narrow == -2.5f);
	pair_free(&pair);
	pair_open(&pair, "f", "double f(int value);");
	memcpy(&pair.interface->message.functions[pair.plan->index]->on_error, &bits, sizeof bits);
	plan_store_on_error(pair.plan, &wide);
	EXPECT(wide == -2.5);
	pair_free(&pair);
	pair_open(&pair, "f", "long double f(int value);");
	memcpy(&pair.interface->message.functions[pair.plan->index]->on_error, &bits, sizeof bits);
	plan_store_on_error(pair.plan, &widest);
	EXPECT(widest == -2.5L);
	pair_free(&pair);
}

static void given_a_struct_result_when_on_error_is_stored_then_it_is_zero(void)
{
	struct pair pair;
	pair_open(&pair, "f", "struct s { long a; long b; long c; }; struct s f(int value);");
	long result[3] = {1, 2, 3};
	plan_store_on_error(pair.plan, result);
	EXPECT_EQUAL(result[0] | result[1] | result[2], 0);
	pair_free(&pair);
}

static void given_a_small_result_when_widened_then_libffi_sees_its_sign(void)
{
	struct pair pair;
	pair_open(&pair, "f", "signed char f(int value);");
	signed char object = -5, back = 0;
	ffi_arg wide = 0;
	plan_widen_result(pair.plan, &object, &wide);
	EXPECT_EQUAL((int64_t)wide, -5);
	plan_narrow_result(pair.plan, &wide, &back);
	EXPECT_EQUAL(back, -5);
	pair_free(&pair);
	pair_open(&pair, "f", "unsigned short f(int value);");
	unsigned short big = 65535;
	plan_widen_result(pair.plan, &big, &wide);
	EXPECT_EQUAL(wide, 65535);
	pair_free(&pair);
	pair_open(&pair, "f", "_Bool f(int value);");
	wide = 0xffffff00;
	bool no = true;
	plan_narrow_result(pair.plan, &wide, &no);
	EXPECT(!no);
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_each_integer_kind_when_called_then_extremes_arrive),
	TEST(given_each_scalar_when_echoed_then_its_bits_come_back),
	TEST(given_a_nan_with_a_payload_when_echoed_then_the_payload_comes_back),
	TEST(given_a_long_double_when_put_then_its_padding_is_zero),
	TEST(given_a_bool_of_two_when_carried_then_it_is_one),
	TEST(given_a_hostile_bool_word_when_got_then_it_is_one),
	TEST(given_more_arguments_than_registers_when_called_then_all_arrive),
	TEST(given_enums_when_called_then_they_are_integers),
	TEST(given_no_result_wanted_when_called_then_nothing_is_written),
	TEST(given_on_error_when_stored_then_it_has_the_results_type),
	TEST(given_on_error_bits_when_stored_then_reals_come_from_the_double),
	TEST(given_a_struct_result_when_on_error_is_stored_then_it_is_zero),
	TEST(given_a_small_result_when_widened_then_libffi_sees_its_sign),
};
HARNESS_MAIN(tests)
