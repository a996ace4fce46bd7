/* SPDX-License-Identifier: MIT */
/*
 * What the sides translate: user data, callbacks, handles, sentinels; and callbacks sized by the call they run under.
 */
#include "pair.h"

#include <stdint.h>

static uintptr_t echo_word(uintptr_t value)
{
	return value;
}

static void given_userdata_when_called_then_a_token_travels(void)
{
	struct pair pair;
	pair_open(&pair, "f", "[userdata] void *f([userdata] void *user);");
	int thing;
	void *user = &thing, *result = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_word), ARGUMENTS(&user), &result), 0);
	EXPECT_EQUAL(result, &thing);
	EXPECT_EQUAL(pair.message.words[0], (uintptr_t)&thing ^ TOKEN_BITS);
	user = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_word), ARGUMENTS(&user), &result), 0);
	EXPECT_EQUAL(result, NULL);
	EXPECT_EQUAL(pair.message.words[0], 0);
	pair_free(&pair);
}

static void given_userdata_in_an_integer_when_called_then_a_token_travels(void)
{
	struct pair pair;
	pair_open(&pair, "f", "[userdata] unsigned long f([userdata] unsigned long user);");
	unsigned long user = 1234, result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_word), ARGUMENTS(&user), &result), 0);
	EXPECT_EQUAL(result, 1234);
	EXPECT_EQUAL(pair.message.words[0], 1234 ^ TOKEN_BITS);
	pair_free(&pair);
}

static void given_handles_when_called_then_addresses_pass_unchanged(void)
{
	struct pair pair;
	pair_open(&pair, "f", "typedef struct thing *thing;\nthing f(thing t);");
	void *in = (void *)0x1234567890, *result = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_word), ARGUMENTS(&in), &result), 0);
	EXPECT_EQUAL(result, in);
	EXPECT_EQUAL(pair.n_handles, 1);
	in = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_word), ARGUMENTS(&in), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: parameter 1 't' is NULL and not [nullable]");
	pair_free(&pair);
}

static int open_thing(void **ret_thing)
{
	*ret_thing = (void *)0x77;
	return 0;
}

static void given_a_handle_that_comes_back_when_called_then_the_side_is_told(void)
{
	struct pair pair;
	pair_open(&pair, "f", "typedef struct thing *thing;\nint f([out] thing *ret_thing);");
	void *thing = NULL, **at = &thing;
	int result = 1;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(open_thing), ARGUMENTS(&at), &result), 0);
	EXPECT_EQUAL(thing, (void *)0x77);
	EXPECT_EQUAL(pair.n_handles, 1);
	EXPECT_EQUAL(pair.n_kept, 0);
	pair_free(&pair);
}

#define SIGNAL_TEXT "typedef void (*handler)(int signal);\n[values(0, 1, -1)] handler f(int n, [values(0, 1, -1)] handler h);"

static void *echo_second(int n, void *value)
{
	(void)n;
	return value;
}

static void given_sentinels_when_called_then_they_pass_unchanged(void)
{
	struct pair pair;
	pair_open(&pair, "f", SIGNAL_TEXT);
	intptr_t values[] = {0, 1, -1};
	for (int i = 0; i < 3; i++) {
		void *in = (void *)values[i], *result = &pair;
		pair.callback_index = 99;
		EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_second), ARGUMENTS(&i, &in), &result), 0);
		EXPECT_EQUAL(result, in);
		EXPECT_EQUAL(pair.callback_index, 99);
	}
	pair_free(&pair);
}

static void given_a_callback_when_called_then_the_side_is_told_its_parameter(void)
{
	struct pair pair;
	pair_open(&pair, "f", SIGNAL_TEXT);
	int n = 0;
	void *in = (void *)0x5000, *result = NULL;
	EXPECT(pair.plan->has_callbacks);
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&n, &in), &result), 0);
	EXPECT_EQUAL(pair.callback_index, 1);
	EXPECT_EQUAL(pair.message.words[1], 0x5000 ^ CALLBACK_BITS);
	pair_run(&pair, NATIVE(echo_second));
	EXPECT_EQUAL(pair_return(&pair), 0);
	EXPECT_EQUAL(pair.callback_index, 2);
	EXPECT_EQUAL(result, in);
	pair_free(&pair);
}

static void given_sentinels_on_strings_when_called_then_no_memory_is_touched(void)
{
	struct pair pair;
	pair_open(&pair, "f", "unsigned long f([handle, values(-1)] const char *text);");
	pair_free(&pair);
	pair_open(&pair, "f", "unsigned long f([in, bytes(8), nullable] const void *memory);");
	uint64_t minus[] = {UINT64_MAX};
	Cbb__Param *param = pair.interface->message.params[pair.plan->function->first];
	param->values = minus;
	param->n_values = 1;
	void *in = (void *)-1;
	uintptr_t result = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(echo_word), ARGUMENTS(&in), &result), 0);
	EXPECT_EQUAL(result, UINTPTR_MAX);
	param->values = NULL;
	param->n_values = 0;
	pair_free(&pair);
}

/* ---- closes ---- */

static void given_a_condition_when_the_call_returned_then_it_is_told(void)
{
	struct pair pair;
	pair_open(&pair, "f", "typedef struct thing *thing;\nint f([closes(return == 0)] thing t);");
	uint32_t when = pair.plan->params[0]->closes_when;
	void *thing = (void *)0x10;
	int result = 0;
	EXPECT(when != 0);
	pair.caller.arguments = ARGUMENTS(&thing);
	pair.caller.result = &result;
	EXPECT(marshal_condition(&pair.caller, when));
	result = 1;
	EXPECT(!marshal_condition(&pair.caller, when));
	EXPECT(marshal_condition(&pair.caller, 0));
	pair.caller.result = NULL;
	EXPECT(!marshal_condition(&pair.caller, when));
	EXPECT_CONTAINS(detail_text(), "the result, which is not there");
	pair_free(&pair);
}

/* ---- call.param ---- */

#define SORT_TEXT "typedef int (*compare)([bytes(call.size)] const void *a, [bytes(call.size)] const void *b);\n"      \
	"void sort([inout, bytes(count * size)] void *base, unsigned long count, unsigned long size, compare c);\n"   \
	"void other(unsigned long count);\n"

static int compare_longs(const long *a, const long *b)
{
	return *a < *b ? -1 : *a > *b;
}

/* The comparator's frames, under a call of `name`; at both ends. */
static void open_comparator(struct pair *pair, struct pair *call, const char *name, unsigned long *count,
                            unsigned long *size)
{
	static void *arguments[4];
	static void *const none = NULL;
	pair_open(pair, "compare", SORT_TEXT);
	pair_open(call, name, SORT_TEXT);
	arguments[0] = (void *)&none;
	arguments[1] = count;
	arguments[2] = size;
	arguments[3] = (void *)&none;
	call->caller.arguments = arguments;
	pair->caller.call = pair->callee.call = &call->caller;
}

static void given_a_comparator_when_it_runs_under_a_call_then_that_calls_size_is_its(void)
{
	struct pair pair, call;
	unsigned long count = 0, size = sizeof(long);
	long a = 5, b = -7, *at_a = &a, *at_b = &b;
	int result = 0;
	open_comparator(&pair, &call, "sort", &count, &size);
	EXPECT_EQUAL(pair_call(&pair, NATIVE(compare_longs), ARGUMENTS(&at_a, &at_b), &result), 0);
	EXPECT_EQUAL(result, 1);
	size = (unsigned long)-1;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at_a, &at_b), &result), CBB__STATUS__STATUS_ARGUMENT);
	pair.caller.call = NULL;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at_a, &at_b), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "the native call it runs under, and there is none");
	pair_free(&call);
	pair_free(&pair);
}

static void given_a_comparator_when_it_runs_under_another_function_then_the_words_say_so(void)
{
	struct pair pair, call;
	unsigned long count = 8, size = 0;
	long a = 5, *at = &a;
	int result = 0;
	open_comparator(&pair, &call, "other", &count, &size);
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at, &at), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(),
	              "function compare: parameter 1 'a' cannot be sized: call.size, but other has no such parameter");
	pair_free(&call);
	pair_free(&pair);
}

static void given_call_deref_when_it_runs_then_it_reads_what_the_call_points_to(void)
{
	static const char text[] = "typedef int (*visit)([bytes(*call.size)] const void *a);\n"
	                           "void walk(const unsigned int *size, visit v);\n";
	struct pair pair, call;
	pair_open(&pair, "visit", text);
	pair_open(&call, "walk", text);
	unsigned int size = 4, *size_at = &size;
	void *handler = (void *)0x1000;
	EXPECT_EQUAL(pair_invoke(&call, ARGUMENTS(&size_at, &handler), NULL), 0);
	pair.caller.call = &call.callee;
	pair.callee.call = &call.caller;
	unsigned char bytes[] = "abcd", *at = bytes;
	int result = 0;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at), &result), 0);
	EXPECT_EQUAL(memcmp(*(void **)pair.callee.arguments[0], "abcd", 4), 0);
	size = 3;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at), &result), -EBADMSG);
	pair_free(&call);
	pair_free(&pair);
}

/* Native code may have changed it before it calls back, and the other end would find another size. */
static void given_call_deref_of_what_comes_back_when_it_runs_then_it_is_refused_on_its_own_end(void)
{
	static const char text[] = "typedef int (*visit)([bytes(*call.size)] const void *a);\n"
	                           "void walk([inout] unsigned int *size, [scope(forever)] visit v);\n";
	struct pair pair, call;
	pair_open(&pair, "visit", text);
	pair_open(&call, "walk", text);
	unsigned int size = 4, *size_at = &size;
	void *handler = (void *)0x1000;
	EXPECT_EQUAL(pair_invoke(&call, ARGUMENTS(&size_at, &handler), NULL), 0);
	pair.caller.call = &call.callee;
	pair.callee.call = &call.caller;
	**(unsigned int *const *)call.callee.arguments[0] = 3;
	unsigned char bytes[] = "abcd", *at = bytes;
	int result = 0;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&at), &result), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "may change during the native call");
	pair_free(&call);
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_userdata_when_called_then_a_token_travels),
	TEST(given_userdata_in_an_integer_when_called_then_a_token_travels),
	TEST(given_handles_when_called_then_addresses_pass_unchanged),
	TEST(given_a_handle_that_comes_back_when_called_then_the_side_is_told),
	TEST(given_sentinels_when_called_then_they_pass_unchanged),
	TEST(given_a_callback_when_called_then_the_side_is_told_its_parameter),
	TEST(given_sentinels_on_strings_when_called_then_no_memory_is_touched),
	TEST(given_a_condition_when_the_call_returned_then_it_is_told),
	TEST(given_a_comparator_when_it_runs_under_a_call_then_that_calls_size_is_its),
	TEST(given_a_comparator_when_it_runs_under_another_function_then_the_words_say_so),
	TEST(given_call_deref_when_it_runs_then_it_reads_what_the_call_points_to),
	TEST(given_call_deref_of_what_comes_back_when_it_runs_then_it_is_refused_on_its_own_end),
};
HARNESS_MAIN(tests)
