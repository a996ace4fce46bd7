/* SPDX-License-Identifier: MIT */
/* Unions by value and inside structs: their bytes pass as they are. */
#include "pair.h"

union number { double d; long l; char bytes[8]; };
union real { double d; float f; };
union pair_of { float f[2]; struct { int a, b; } ints; };
union large { long l[5]; char c; };
union two { struct { double d; long l; } s; double both[2]; };
struct holder { int kind; union number value; };

#define TYPES \
	"union number { double d; long l; char bytes[8]; };\n" \
	"union real { double d; float f; };\n" \
	"union pair_of { float f[2]; struct { int a, b; } ints; };\n" \
	"union large { long l[5]; char c; };\n" \
	"union two { struct { double d; long l; } s; double both[2]; };\n" \
	"struct holder { int kind; union number value; };\n"

static double by_value(union number number, union real real, union pair_of pair, union large large, union two two,
                       double last)
{
	return (double)number.l + real.d * 10 + pair.ints.a * 100.0 + pair.ints.b * 1000.0 + (double)large.l[4] * 10000.0 +
	       two.s.d * 100000.0 + (double)two.s.l * 1000000.0 + last * 10000000.0;
}

static void given_unions_by_value_when_called_then_they_arrive_as_c_passes_them(void)
{
	struct pair pair;
	union number number = {.l = 1};
	union real real = {.d = 2};
	union pair_of pair_of = {.ints = {3, 4}};
	union large large = {.l = {0, 0, 0, 0, 5}};
	union two two = {.s = {6, 7}};
	double last = 8, result = 0;
	pair_open(&pair, "f", TYPES "double f(union number n, union real r, union pair_of p, union large l, union two t, "
	                            "double last);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(by_value), ARGUMENTS(&number, &real, &pair_of, &large, &two, &last), &result),
	             0);
	EXPECT_EQUAL(result, 87654321);
	pair_free(&pair);
}

static union number give_number(int i)
{
	return (union number){.l = i};
}

static union real give_real(int i)
{
	return (union real){.d = i};
}

static union large give_large(int i)
{
	return (union large){.l = {i, i, i, i, i}};
}

static union two give_two(int i)
{
	return (union two){.s = {i, 2 * i}};
}

static void given_functions_that_return_unions_when_called_then_they_come_back(void)
{
	struct pair pair;
	int seven = 7;
	union number number;
	union real real;
	union large large;
	union two two;
	pair_open(&pair, "f", TYPES "union number f(int i);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(give_number), ARGUMENTS(&seven), &number), 0);
	EXPECT_EQUAL(number.l, 7);
	pair_free(&pair);
	pair_open(&pair, "f", TYPES "union real f(int i);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(give_real), ARGUMENTS(&seven), &real), 0);
	EXPECT_EQUAL(real.d, 7);
	pair_free(&pair);
	pair_open(&pair, "f", TYPES "union large f(int i);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(give_large), ARGUMENTS(&seven), &large), 0);
	EXPECT_EQUAL(large.l[4], 7);
	pair_free(&pair);
	pair_open(&pair, "f", TYPES "union two f(int i);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(give_two), ARGUMENTS(&seven), &two), 0);
	EXPECT_EQUAL(two.s.d, 7);
	EXPECT_EQUAL(two.s.l, 14);
	pair_free(&pair);
}

static int take_holder(struct holder by_value, const struct holder *pointed)
{
	return by_value.kind * 10 + (int)by_value.value.l + pointed->kind * 1000 + pointed->value.bytes[0] * 100;
}

static void given_a_union_in_a_struct_when_called_then_its_bytes_arrive(void)
{
	struct pair pair;
	struct holder one = {.kind = 2, .value.l = 1}, other = {.kind = 4, .value.bytes = {3}}, *at = &other;
	int result = 0;
	pair_open(&pair, "f", TYPES "int f(struct holder h, const struct holder *p);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(take_holder), ARGUMENTS(&one, &at), &result), 0);
	EXPECT_EQUAL(result, 4321);
	pair_free(&pair);
}

static void given_a_union_with_a_long_double_when_planned_then_refused(void)
{
	struct pair pair;
	EXPECT_EQUAL(pair_try_open(&pair, "f", "union u { long double l; int i; }; int f(union u u);"),
	             CBB__STATUS__STATUS_UNSUPPORTED);
	EXPECT_CONTAINS(detail_text(), "a union with a long double cannot be passed by value");
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_unions_by_value_when_called_then_they_arrive_as_c_passes_them),
	TEST(given_functions_that_return_unions_when_called_then_they_come_back),
	TEST(given_a_union_in_a_struct_when_called_then_its_bytes_arrive),
	TEST(given_a_union_with_a_long_double_when_planned_then_refused),
};
HARNESS_MAIN(tests)
