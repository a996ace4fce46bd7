/* SPDX-License-Identifier: MIT */
/* Functions with `...`: a case that a parameter chooses, lists of options, lists of elements. */
#include "pair.h"

#include "marshal/variadic.h"

#include <limits.h>
#include <stdarg.h>

/* ---- Both ends of one such call ---- */

struct calls {
	struct pair pair;        /* with the plan of the call at hand */
	struct plan *base, *one; /* of the function; of its case, if there is one */
};

static void calls_open(struct calls *calls, const char *text)
{
	*calls = (struct calls){0};
	pair_open(&calls->pair, "f", text);
	calls->base = calls->pair.plan;
	REQUIRE(calls->base->variadic != NULL);
}

static void calls_close(struct calls *calls)
{
	plan_free(calls->one);
	calls->pair.plan = calls->base;
	pair_free(&calls->pair);
}

static void use_plan(struct calls *calls, const struct plan *plan)
{
	calls->pair.plan = (struct plan *)(uintptr_t)plan;
	calls->pair.caller.plan = calls->pair.callee.plan = plan;
}

/* What the other end does with the message. */
static int receive(struct calls *calls, const struct variadic_call *call)
{
	struct pair *pair = &calls->pair;
	struct variadic_call there = {0};
	int r = 0;
	if (call->plan) {
		r = variadic_read(calls->base, &pair->message, &there);
		EXPECT_EQUAL(there.n_cases, call->n_cases);
		EXPECT(there.plan == call->plan || call->own);
	}
	if (r == 0)
		r = marshal_get_arguments(&pair->callee, &pair->message);
	variadic_release(&there);
	return r;
}

static int call_with(struct calls *calls, void (*function)(void), struct variadic_source *source, void *const *fixed,
                     void *result)
{
	struct pair *pair = &calls->pair;
	struct variadic_call call;
	int r = variadic_collect(calls->base, fixed, source, &call);
	if (r < 0)
		return r;
	calls->one = plan_free(calls->one);
	if (!call.plan)
		REQUIRE_EQUAL(plan_new(&pair->interface->message, call.function, &calls->one), 0);
	use_plan(calls, call.plan ? call.plan : calls->one);
	EXPECT_EQUAL(pair->plan->n_params, call.n_arguments);
	pair->caller.arguments = call.arguments;
	pair->caller.result = result;
	r = pair_put(pair, false);
	if (r == 0)
		r = receive(calls, &call);
	if (r == 0) {
		pair_run(pair, function);
		r = pair_return(pair);
	}
	use_plan(calls, calls->base);
	variadic_release(&call);
	return r;
}

/* `n`: how many arguments there are in all; SIZE_MAX: it is not said. */
static int call_array(struct calls *calls, void (*function)(void), void *const *arguments, size_t n, void *result)
{
	struct variadic_array array;
	variadic_array_init(&array, calls->base, arguments, n);
	return call_with(calls, function, &array.source, arguments, result);
}

/* ---- A parameter chooses the case ---- */

static const char options[] =
    "enum { NUMBER = 1, TEXT = 2, BYTES = 3, REAL, BIG = 40, NOTHING, HANDLER };\n"
    "typedef int (*handler)([userdata] void *data);\n"
    "[select(option, case NUMBER, -1: int; case TEXT: [nullable] const char *; case BYTES: size_t n, [size(n)] const "
    "char *; case REAL: double; case BIG: [out] long *; case NOTHING: void; case HANDLER: [scope(forever)] handler, "
    "[userdata(HANDLER)] void *;)]\n"
    "long f([handle] void *h, int option, ...);";

static char seen[256];

static long set_option(void *h, int option, ...)
{
	va_list list;
	va_start(list, option);
	long result = (long)(uintptr_t)h;
	if (option == 1 || option == -1) {
		snprintf(seen, sizeof seen, "number %d", va_arg(list, int));
	} else if (option == 2) {
		snprintf(seen, sizeof seen, "text %s", va_arg(list, const char *) ?: "none");
	} else if (option == 3) {
		size_t n = va_arg(list, size_t);
		snprintf(seen, sizeof seen, "bytes %.*s", (int)n, va_arg(list, const char *));
	} else if (option == 4) {
		snprintf(seen, sizeof seen, "real %g", va_arg(list, double));
	} else if (option == 40) {
		*va_arg(list, long *) = LONG_MIN;
	} else if (option == 42) {
		uintptr_t function = va_arg(list, uintptr_t), data = va_arg(list, uintptr_t);
		snprintf(seen, sizeof seen, "handler %#lx %#lx", (long)function, (long)data);
	} else {
		snprintf(seen, sizeof seen, "nothing");
	}
	va_end(list);
	return result;
}

static int set(struct calls *calls, int option, void *first, void *second)
{
	void *h = (void *)(uintptr_t)4096;
	long result = 0;
	seen[0] = '\0';
	int r = call_array(calls, NATIVE(set_option), ARGUMENTS(&h, &option, first, second), SIZE_MAX, &result);
	if (r == 0)
		EXPECT_EQUAL(result, 4096);
	return r;
}

static void given_options_when_called_then_their_case_types_the_rest(void)
{
	struct calls calls;
	int number = -7;
	const char *text = "word", *none = NULL;
	size_t n = 3;
	double real = 2.5;
	long big = 0, *where = &big;
	calls_open(&calls, options);
	EXPECT_EQUAL(set(&calls, 1, &number, NULL), 0);
	EXPECT_STRING(seen, "number -7");
	EXPECT_EQUAL(set(&calls, -1, &number, NULL), 0);
	EXPECT_STRING(seen, "number -7");
	EXPECT_EQUAL(set(&calls, 2, &text, NULL), 0);
	EXPECT_STRING(seen, "text word");
	EXPECT_EQUAL(set(&calls, 2, &none, NULL), 0);
	EXPECT_STRING(seen, "text none");
	EXPECT_EQUAL(set(&calls, 3, &n, &text), 0);
	EXPECT_STRING(seen, "bytes wor");
	EXPECT_EQUAL(set(&calls, 4, &real, NULL), 0);
	EXPECT_STRING(seen, "real 2.5");
	EXPECT_EQUAL(set(&calls, 40, &where, NULL), 0);
	EXPECT_EQUAL(big, LONG_MIN);
	EXPECT_EQUAL(set(&calls, 41, NULL, NULL), 0);
	EXPECT_STRING(seen, "nothing");
	calls_close(&calls);
}

static void given_a_callback_and_its_userdata_in_two_arguments_when_called_then_both_are_translated(void)
{
	struct calls calls;
	uintptr_t function = 0x1000, data = 0x20;
	char expected[64];
	calls_open(&calls, options);
	EXPECT_EQUAL(set(&calls, 42, &function, &data), 0);
	snprintf(expected, sizeof expected, "handler %#lx %#lx", (long)function, (long)data);
	EXPECT_STRING(seen, expected);
	EXPECT_EQUAL(calls.pair.callback_index, 2);
	calls_close(&calls);
}

static void given_an_option_without_a_case_when_called_then_refused_by_name_and_value(void)
{
	struct calls calls;
	calls_open(&calls, options);
	EXPECT_EQUAL(set(&calls, 99, NULL, NULL), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: its interface has no case for option = 99");
	calls_close(&calls);
}

static void given_too_few_arguments_when_called_then_refused(void)
{
	struct calls calls;
	void *h = NULL;
	int option = 3;
	size_t n = 0;
	long result;
	calls_open(&calls, options);
	EXPECT_EQUAL(call_array(&calls, NATIVE(set_option), ARGUMENTS(&h, &option, &n), 3, &result),
	             CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: argument 4 is missing, which its ... asks for");
	calls_close(&calls);
}

static void given_null_where_the_case_does_not_allow_it_when_called_then_refused(void)
{
	struct calls calls;
	size_t n = 3;
	const char *none = NULL;
	calls_open(&calls, options);
	EXPECT_EQUAL(set(&calls, 3, &n, &none), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_CONTAINS(detail_text(), "function f: parameter 4 '' is NULL and not [nullable]");
	calls_close(&calls);
}

static void given_a_message_for_the_function_itself_when_read_then_a_breach(void)
{
	struct calls calls;
	struct variadic_call call;
	struct hot message = {.n_words = 2};
	calls_open(&calls, options);
	EXPECT_EQUAL(variadic_read(calls.base, &message, &call), -EBADMSG);
	EXPECT_STRING(detail_text(), "function f is called by its cases");
	calls_close(&calls);
}

/* ---- Lists of options ---- */

static const char list[] =
    "struct daemon;\n"
    "enum option { END = 0, NOTIFY = 4, THREADS = 14, LIMIT, SOCKET, SEED, WEIGHT };\n"
    "typedef void (*notify)([userdata] void *cls);\n"
    "[sentinel(END), select(enum option, case NOTIFY: [scope(owner(return))] notify, [userdata, scope(owner(return))] "
    "void *; case THREADS, LIMIT: unsigned int; case SOCKET: [in] const int *; case SEED: size_t n, [size(n)] const "
    "char *data; case WEIGHT: double)]\n"
    "struct daemon *f(unsigned flags, [size(flags)] const char *name, ...);";

static void *start(unsigned flags, const char *name, ...)
{
	va_list arguments;
	int n = snprintf(seen, sizeof seen, "%.*s", (int)flags, name);
	va_start(arguments, name);
	for (int option; (option = va_arg(arguments, int)) != 0;) {
		if (option == 4) {
			uintptr_t function = va_arg(arguments, uintptr_t), data = va_arg(arguments, uintptr_t);
			n += snprintf(seen + n, sizeof seen - (size_t)n, " notify %#lx %#lx", (long)function, (long)data);
		} else if (option == 16) {
			n += snprintf(seen + n, sizeof seen - (size_t)n, " socket %d", *va_arg(arguments, const int *));
		} else if (option == 17) {
			size_t size = va_arg(arguments, size_t);
			n += snprintf(seen + n, sizeof seen - (size_t)n, " seed %.*s", (int)size, va_arg(arguments, const char *));
		} else if (option == 18) {
			n += snprintf(seen + n, sizeof seen - (size_t)n, " weight %g", va_arg(arguments, double));
		} else {
			n += snprintf(seen + n, sizeof seen - (size_t)n, " %d=%u", option, va_arg(arguments, unsigned));
		}
	}
	va_end(arguments);
	return seen;
}

static unsigned flags = 2;
static const char *name = "name";
static unsigned notify = 4, threads = 14, limit = 15, socket = 16, seed = 17, weight = 18, end;

static void given_a_list_of_options_when_called_then_each_has_its_own_arguments(void)
{
	struct calls calls;
	uintptr_t function = 0x1000, data = 0x20;
	unsigned many = 4000000000, nine = 9; /* `many` lies where the size of the first seed would, were it the first case */
	int number = 5;
	const int *where = &number;
	size_t one = 1, three = 3;
	const char *text = "abcdef";
	double real = 0.5;
	void *result = NULL;
	calls_open(&calls, list);
	EXPECT_EQUAL(call_array(&calls, NATIVE(start),
	                        ARGUMENTS(&flags, &name, &threads, &many, &seed, &three, &text, &notify, &function, &data,
	                                  &seed, &one, &text, &weight, &real, &socket, &where, &limit, &nine, &end),
	                        SIZE_MAX, &result),
	             0);
	EXPECT_STRING(seen, "na 14=4000000000 seed abc notify 0x1000 0x20 seed a weight 0.5 socket 5 15=9");
	EXPECT(result == seen);
	EXPECT_EQUAL(calls.pair.n_handles, 1);
	calls_close(&calls);
}

static void given_a_case_that_names_the_result_when_planned_for_a_list_then_it_is_still_the_result(void)
{
	struct calls calls;
	struct variadic_array array;
	struct variadic_call call;
	uintptr_t function = 0x1000, data = 0x20;
	unsigned eight = 8;
	calls_open(&calls, list);
	void **arguments = ARGUMENTS(&flags, &name, &threads, &eight, &notify, &function, &data, &end);
	variadic_array_init(&array, calls.base, arguments, SIZE_MAX);
	REQUIRE_EQUAL(variadic_collect(calls.base, arguments, &array.source, &call), 0);
	REQUIRE_EQUAL(call.plan->n_params, 8);
	EXPECT_EQUAL(call.plan->params[5]->mode, CBB__MODE__MODE_CALLBACK);
	EXPECT_EQUAL(call.plan->params[5]->owner, 9);
	EXPECT_EQUAL(call.plan->params[6]->owner, 9);
	variadic_release(&call);
	calls_close(&calls);
}

static void given_an_empty_list_when_called_then_carried(void)
{
	struct calls calls;
	void *result = NULL;
	calls_open(&calls, list);
	EXPECT_EQUAL(call_array(&calls, NATIVE(start), ARGUMENTS(&flags, &name, &end), 3, &result), 0);
	EXPECT_STRING(seen, "na");
	calls_close(&calls);
}

static void given_an_unknown_option_in_a_list_when_called_then_refused_by_value(void)
{
	struct calls calls;
	unsigned unknown = 77;
	void *result;
	calls_open(&calls, list);
	EXPECT_EQUAL(call_array(&calls, NATIVE(start), ARGUMENTS(&flags, &name, &unknown, &end), SIZE_MAX, &result),
	             CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: its interface has no case for the option 77");
	calls_close(&calls);
}

static void given_a_list_without_end_when_called_then_refused_at_the_limit(void)
{
	struct calls calls;
	void *arguments[100];
	unsigned one = 1;
	void *result;
	arguments[0] = &flags;
	arguments[1] = &name;
	for (unsigned i = 2; i < 100; i++)
		arguments[i] = i % 2 ? &one : &limit;
	calls_open(&calls, list);
	EXPECT_EQUAL(call_array(&calls, NATIVE(start), arguments, SIZE_MAX, &result), CBB__STATUS__STATUS_LIMIT);
	EXPECT_STRING(detail_text(), "function f: with its list it has more than 64 arguments");
	/* 2 fixed, 61 of options, the end: 64 */
	arguments[62] = &end;
	EXPECT_EQUAL(call_array(&calls, NATIVE(start), arguments, SIZE_MAX, &result), 0);
	arguments[62] = &limit;
	arguments[64] = &end;
	EXPECT_EQUAL(call_array(&calls, NATIVE(start), arguments, SIZE_MAX, &result), CBB__STATUS__STATUS_LIMIT);
	calls_close(&calls);
}

static void given_many_different_lists_when_called_then_all_are_carried(void)
{
	struct calls calls;
	void *arguments[64], *result;
	unsigned one = 1;
	arguments[0] = &flags;
	arguments[1] = &name;
	calls_open(&calls, list);
	for (unsigned n = 0; n < 25; n++) {
		arguments[2 + 2 * n] = &end;
		EXPECT_EQUAL(call_array(&calls, NATIVE(start), arguments, SIZE_MAX, &result), 0);
		EXPECT_EQUAL(strlen(seen), 2 + 5 * n);
		arguments[2 + 2 * n] = &limit;
		arguments[3 + 2 * n] = &one;
	}
	calls_close(&calls);
}

static void expect_breach(struct calls *calls, const uint64_t *words, uint32_t n, const char *why)
{
	struct variadic_call call;
	struct hot message = {.n_words = n};
	memcpy(message.words, words, n * sizeof *words);
	EXPECT_EQUAL(variadic_read(calls->base, &message, &call), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), why);
	variadic_release(&call);
}

static void given_hostile_lists_when_read_then_breaches(void)
{
	struct calls calls;
	uint64_t many[HOT_WORDS_MAX] = {0};
	calls_open(&calls, list);
	for (unsigned i = 2; i < HOT_WORDS_MAX; i++)
		many[i] = 15;
	expect_breach(&calls, (uint64_t[]){1, 1}, 2, "has no end");
	expect_breach(&calls, (uint64_t[]){1}, 1, "has no end");
	expect_breach(&calls, (uint64_t[]){1, 1, 14}, 3, "has no end");
	expect_breach(&calls, (uint64_t[]){1, 1, 14, 0}, 4, "has no end");
	expect_breach(&calls, (uint64_t[]){1, 1, 13, 0}, 4, "no case for the option 13");
	expect_breach(&calls, (uint64_t[]){1, 1, 0, 0}, 4, "goes on behind its list");
	expect_breach(&calls, many, HOT_WORDS_MAX, "has no end");
	calls_close(&calls);
}

/* ---- Lists of elements ---- */

static int join(const char *first, ...)
{
	va_list arguments;
	int n = snprintf(seen, sizeof seen, "%s:", first), count = 0;
	va_start(arguments, first);
	for (const char *text; (text = va_arg(arguments, const char *)); count++)
		n += snprintf(seen + n, sizeof seen - (size_t)n, " %s", text);
	va_end(arguments);
	return count;
}

static void given_texts_that_end_at_null_when_called_then_carried(void)
{
	struct calls calls;
	const char *first = "run", *a = "a", *b = "bb", *none = NULL;
	int result = 0;
	calls_open(&calls, "int f(const char *path, [sentinel(NULL, const char *)] ...);");
	EXPECT_EQUAL(call_array(&calls, NATIVE(join), ARGUMENTS(&first, &a, &b, &a, &none), SIZE_MAX, &result), 0);
	EXPECT_STRING(seen, "run: a bb a");
	EXPECT_EQUAL(result, 3);
	EXPECT_EQUAL(call_array(&calls, NATIVE(join), ARGUMENTS(&first, &none), 2, &result), 0);
	EXPECT_STRING(seen, "run:");
	EXPECT_EQUAL(call_array(&calls, NATIVE(join), ARGUMENTS(&first, &a), 2, &result), CBB__STATUS__STATUS_ARGUMENT);
	calls_close(&calls);
}

static int sum(int first, ...)
{
	va_list arguments;
	va_start(arguments, first);
	for (int number; (number = va_arg(arguments, int)) != -1;)
		first += number;
	va_end(arguments);
	return first;
}

static void given_numbers_that_end_at_minus_one_when_called_then_carried(void)
{
	struct calls calls;
	int one = 1, two = 2, last = -1, result = 0;
	calls_open(&calls, "[sentinel(-1, int)] int f(int first, ...);");
	EXPECT_EQUAL(call_array(&calls, NATIVE(sum), ARGUMENTS(&one, &two, &two, &last), SIZE_MAX, &result), 0);
	EXPECT_EQUAL(result, 5);
	calls_close(&calls);
}

/* ---- Called by C ---- */

struct caller {
	struct calls *calls;
	void (*native)(void);
	int status;
};

static void on_call(ffi_cif *cif, void *result, void **arguments, void *user)
{
	struct caller *caller = user;
	struct variadic_words words;
	(void)cif;
	variadic_words_init(&words, caller->calls->base, arguments);
	caller->status = call_with(caller->calls, caller->native, &words.source, arguments, result);
}

/* A C function that does all that. */
static ffi_closure *closure_open(struct caller *caller, void *ret_code)
{
	ffi_closure *closure = ffi_closure_alloc(sizeof *closure, ret_code);
	const ffi_cif *cif = variadic_closure_cif(caller->calls->base);
	REQUIRE(closure && cif);
	REQUIRE_EQUAL(ffi_prep_closure_loc(closure, (ffi_cif *)(uintptr_t)cif, on_call, caller, *(void **)ret_code), FFI_OK);
	return closure;
}

static void given_c_that_calls_with_an_ellipsis_when_called_then_all_arguments_are_found(void)
{
	struct calls calls;
	struct caller caller = {&calls, NATIVE(start), -1};
	void *(*f)(unsigned, const char *, ...);
	int number = 6;
	calls_open(&calls, list);
	ffi_closure *closure = closure_open(&caller, &f);
	void *result = f(2, "name", 14, 8u, 18, 0.25, 17, (size_t)3, "abcdef", 16, &number, 18, 0.5, 15, 7u, 0);
	EXPECT_EQUAL(caller.status, 0);
	EXPECT(result == seen);
	EXPECT_STRING(seen, "na 14=8 weight 0.25 seed abc socket 6 weight 0.5 15=7");
	/* more doubles than there are registers for them */
	(void)f(1, "name", 18, 1.0, 18, 2.0, 18, 3.0, 18, 4.0, 18, 5.0, 18, 6.0, 18, 7.0, 18, 8.0, 18, 9.0, 15, 4u, 18, 10.0,
	        0);
	EXPECT_EQUAL(caller.status, 0);
	EXPECT_STRING(seen, "n weight 1 weight 2 weight 3 weight 4 weight 5 weight 6 weight 7 weight 8 weight 9 15=4 "
	                    "weight 10");
	ffi_closure_free(closure);
	calls_close(&calls);
}

static void given_c_that_calls_with_options_when_called_then_all_arguments_are_found(void)
{
	struct calls calls;
	struct caller caller = {&calls, NATIVE(set_option), -1};
	long (*f)(void *, int, ...);
	void *h = (void *)(uintptr_t)8;
	calls_open(&calls, options);
	ffi_closure *closure = closure_open(&caller, &f);
	EXPECT_EQUAL(f(h, 1, -3), 8);
	EXPECT_STRING(seen, "number -3");
	EXPECT_EQUAL(f(h, 4, 1.5), 8);
	EXPECT_STRING(seen, "real 1.5");
	EXPECT_EQUAL(f(h, 3, (size_t)2, "xyz"), 8);
	EXPECT_STRING(seen, "bytes xy");
	EXPECT_EQUAL(caller.status, 0);
	(void)f(h, 1000);
	EXPECT_EQUAL(caller.status, CBB__STATUS__STATUS_ARGUMENT);
	ffi_closure_free(closure);
	calls_close(&calls);
}

static double spread(double a, int b, double c, int d, int e, int g, int h, int i, int j, ...)
{
	va_list arguments;
	va_start(arguments, j);
	double result = a + b + c + d + e + g + h + i + j;
	for (int option; (option = va_arg(arguments, int));)
		result = result * 10 + (option == 1 ? va_arg(arguments, double) : va_arg(arguments, int));
	va_end(arguments);
	return result;
}

static void given_fixed_parameters_on_the_stack_when_c_calls_then_the_rest_is_found_behind_them(void)
{
	struct calls calls;
	struct caller caller = {&calls, NATIVE(spread), -1};
	double (*f)(double, int, double, int, int, int, int, int, int, ...);
	calls_open(&calls, "[sentinel(0), select(int, case 1: double; case 2: int)] double f(double a, int b, double c, int d, "
	                   "int e, int g, int h, int i, int j, ...);");
	ffi_closure *closure = closure_open(&caller, &f);
	EXPECT_EQUAL(f(0.5, 1, 0.5, 1, 1, 1, 1, 1, 1, 1, 2.0, 2, 3, 1, 4.0, 0), 8234);
	EXPECT_EQUAL(caller.status, 0);
	ffi_closure_free(closure);
	calls_close(&calls);
}

static const struct test tests[] = {
	TEST(given_options_when_called_then_their_case_types_the_rest),
	TEST(given_a_callback_and_its_userdata_in_two_arguments_when_called_then_both_are_translated),
	TEST(given_an_option_without_a_case_when_called_then_refused_by_name_and_value),
	TEST(given_too_few_arguments_when_called_then_refused),
	TEST(given_null_where_the_case_does_not_allow_it_when_called_then_refused),
	TEST(given_a_message_for_the_function_itself_when_read_then_a_breach),
	TEST(given_a_list_of_options_when_called_then_each_has_its_own_arguments),
	TEST(given_a_case_that_names_the_result_when_planned_for_a_list_then_it_is_still_the_result),
	TEST(given_an_empty_list_when_called_then_carried),
	TEST(given_an_unknown_option_in_a_list_when_called_then_refused_by_value),
	TEST(given_a_list_without_end_when_called_then_refused_at_the_limit),
	TEST(given_many_different_lists_when_called_then_all_are_carried),
	TEST(given_hostile_lists_when_read_then_breaches),
	TEST(given_texts_that_end_at_null_when_called_then_carried),
	TEST(given_numbers_that_end_at_minus_one_when_called_then_carried),
	TEST(given_c_that_calls_with_an_ellipsis_when_called_then_all_arguments_are_found),
	TEST(given_c_that_calls_with_options_when_called_then_all_arguments_are_found),
	TEST(given_fixed_parameters_on_the_stack_when_c_calls_then_the_rest_is_found_behind_them),
};
HARNESS_MAIN(tests)
