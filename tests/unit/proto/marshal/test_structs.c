/* SPDX-License-Identifier: MIT */
/* Structs by value and behind pointers, nested, with arrays and with pointers in them. */
#include "pair.h"

#include <stdbool.h>

struct inner {
	short a;
	bool flags[3];
	double d;
};

struct outer {
	char c;
	struct inner in[2];
	float f[2][3];
	long double wide;
};

#define OUTER_TEXT "struct inner { short a; _Bool flags[3]; double d; };\n"                                            \
	"struct outer { char c; struct inner in[2]; float f[2][3]; long double wide; };\n"

static struct outer twist(struct outer value, int add)
{
	value.c++;
	value.in[1].a = (short)(value.in[0].a + add);
	value.in[0].flags[2] = !value.in[0].flags[2];
	value.f[1][2] *= 2;
	value.wide += 0.5L;
	return value;
}

static void given_a_nested_struct_by_value_when_called_then_it_comes_back(void)
{
	struct pair pair;
	pair_open(&pair, "twist", OUTER_TEXT "struct outer twist(struct outer value, int add);");
	EXPECT_EQUAL(pair.plan->result_bytes, sizeof(struct outer));
	EXPECT(pair.plan->result_is_struct);
	EXPECT_EQUAL(pair.plan->n_words_in, 1);
	EXPECT_EQUAL(pair.plan->n_words_out, 0);
	struct outer in = {.c = 'a', .in = {{-7, {true, false, true}, 0.25}, {1, {false}, -1}}, .f = {{1}, {2, 3, 4}}, .wide = 7};
	struct outer out;
	int add = 10;
	memset(&out, 0, sizeof out);
	EXPECT_EQUAL(pair_call(&pair, NATIVE(twist), ARGUMENTS(&in, &add), &out), 0);
	struct outer expected = twist(in, add);
	EXPECT_EQUAL(out.c, 'b');
	EXPECT_EQUAL(out.in[1].a, 3);
	EXPECT(out.in[0].flags[0] && !out.in[0].flags[2]);
	EXPECT(out.in[0].d == 0.25 && out.in[1].d == -1);
	EXPECT(out.f[1][2] == expected.f[1][2] && out.f[0][0] == 1);
	EXPECT(out.wide == 7.5L);
	pair_free(&pair);
}

static void given_hostile_bools_and_padding_in_a_struct_when_got_then_they_are_clean(void)
{
	struct pair pair;
	pair_open(&pair, "f", OUTER_TEXT "int f(const struct outer *value);");
	struct outer in, *at = &in;
	int result;
	memset(&in, 0xee, sizeof in);
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at), &result), 0);
	const uint8_t *data;
	size_t size;
	REQUIRE_EQUAL(pair_read(&pair, CBB__FRAME_TYPE__FRAME_INVOKE), 0);
	REQUIRE_EQUAL(hot_next_block(&pair.message, &data, &size), 1);
	EXPECT_EQUAL(size, sizeof in);
	EXPECT_EQUAL(data[offsetof(struct outer, in) + offsetof(struct inner, flags)], 1);
	EXPECT_EQUAL(data[offsetof(struct outer, wide) + 10], 0);
	EXPECT_EQUAL(data[offsetof(struct outer, wide) + 15], 0);
	memset((uint8_t *)(uintptr_t)data, 0xdd, size);
	REQUIRE_EQUAL(pair_read(&pair, CBB__FRAME_TYPE__FRAME_INVOKE), 0);
	EXPECT_EQUAL(marshal_get_arguments(&pair.callee, &pair.message), 0);
	const uint8_t *got = *(const uint8_t **)pair.callee.arguments[0];
	EXPECT_EQUAL(got[offsetof(struct outer, in) + offsetof(struct inner, flags) + 2], 1);
	EXPECT_EQUAL(got[offsetof(struct outer, in) + sizeof(struct inner) + offsetof(struct inner, flags)], 1);
	EXPECT_EQUAL(got[offsetof(struct outer, wide) + 12], 0);
	pair_free(&pair);
}

struct small {
	float x, y;
};

struct mixed {
	double d;
	int i;
};

static struct mixed mix(struct small a, struct mixed b, int i1, int i2, int i3, int i4, int i5, struct mixed c)
{
	return (struct mixed){(double)a.x + b.d + c.d, i1 + i2 + i3 + i4 + i5 + b.i + c.i};
}

static void given_structs_in_registers_and_on_the_stack_when_called_then_all_arrive(void)
{
	struct pair pair;
	pair_open(&pair, "mix", "struct small { float x, y; }; struct mixed { double d; int i; };\n"
	                        "struct mixed mix(struct small a, struct mixed b, int i1, int i2, int i3, int i4, int i5, "
	                        "struct mixed c);");
	struct small a = {1.5f, 2};
	struct mixed b = {3, 4}, c = {5, 6}, out = {0};
	int i[5] = {1, 2, 3, 4, 5};
	EXPECT_EQUAL(pair_call(&pair, NATIVE(mix), ARGUMENTS(&a, &b, &i[0], &i[1], &i[2], &i[3], &i[4], &c), &out), 0);
	EXPECT(out.d == 9.5);
	EXPECT_EQUAL(out.i, 25);
	pair_free(&pair);
}

/* ---- Pointers inside ---- */

struct person {
	const char *name;
	int n;
	const int *marks;
	void *cookie;
	const struct small *at;
};

#define PERSON_TEXT "struct small { float x, y; };\n"                                                                  \
	"struct person { const char *name; int n; [size(n)] const int *marks; [userdata] void *cookie;\n"             \
	"                [nullable] const struct small *at; };\n"

static int sum_person(const struct person *person, int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++) {
		sum += (int)strlen(person[i].name) * 1000;
		for (int k = 0; k < person[i].n; k++)
			sum += person[i].marks[k];
		if (person[i].at)
			sum += (int)person[i].at->x * 100000;
		sum += (int)(uintptr_t)person[i].cookie;
	}
	return sum;
}

static void given_structs_with_pointers_when_they_go_in_then_all_below_arrives(void)
{
	struct pair pair;
	int marks[] = {1, 2, 3};
	struct small place = {4, 5};
	struct person people[2] = {{"ann", 3, marks, (void *)50, &place}, {"robert", 0, marks, NULL, NULL}}, *at = people;
	int n = 2, result = 0;
	pair_open(&pair, "f", PERSON_TEXT "int f([size(n)] const struct person *people, int n);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(sum_person), ARGUMENTS(&at, &n), &result), 0);
	EXPECT_EQUAL(result, sum_person(people, 2));
	people[1].n = -3;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(sum_person), ARGUMENTS(&at, &n), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: parameter 1 'people', in it 'marks' has a negative size: -3");
	people[1].n = 0;
	people[1].name = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(sum_person), ARGUMENTS(&at, &n), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: parameter 1 'people', in it 'name' is NULL and not [nullable]");
	pair_free(&pair);
}

static int sum_by_value(struct person person)
{
	return sum_person(&person, 1);
}

static void given_a_struct_with_pointers_by_value_when_called_then_all_below_arrives(void)
{
	struct pair pair;
	int marks[] = {7, 8}, result = 0;
	struct person person = {"eve", 2, marks, (void *)9, NULL};
	pair_open(&pair, "f", PERSON_TEXT "int f(struct person person);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(sum_by_value), ARGUMENTS(&person), &result), 0);
	EXPECT_EQUAL(result, 3024);
	pair_free(&pair);
}

static int sized_by_field(const struct mixed *header, const unsigned char *bytes)
{
	int sum = 0;
	for (int i = 0; i < header->i; i++)
		sum += bytes[i];
	return sum;
}

static void given_a_length_in_a_struct_when_called_then_the_struct_is_read_first(void)
{
	struct pair pair;
	pair_open(&pair, "f", "struct mixed { double d; int i; };\n"
	                      "int f([size(header->i)] const unsigned char *bytes, const struct mixed *header);");
	EXPECT_EQUAL(pair.plan->order[0], 1);
	struct mixed header = {0, 3}, *at = &header;
	unsigned char bytes[] = {1, 2, 3, 4}, *bytes_at = bytes;
	int result = 0;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&bytes_at, &at), &result), 0);
	EXPECT_EQUAL(sized_by_field(*(void **)pair.callee.arguments[1], *(void **)pair.callee.arguments[0]), 6);
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_a_nested_struct_by_value_when_called_then_it_comes_back),
	TEST(given_hostile_bools_and_padding_in_a_struct_when_got_then_they_are_clean),
	TEST(given_structs_in_registers_and_on_the_stack_when_called_then_all_arrive),
	TEST(given_structs_with_pointers_when_they_go_in_then_all_below_arrives),
	TEST(given_a_struct_with_pointers_by_value_when_called_then_all_below_arrives),
	TEST(given_a_length_in_a_struct_when_called_then_the_struct_is_read_first),
};
HARNESS_MAIN(tests)
