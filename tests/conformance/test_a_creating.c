/* SPDX-License-Identifier: MIT */
/* A: creating a callback. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

static cbb_library *library;
static int n_handled;

static void given_the_library(void)
{
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	n_handled = 0;
}

static int doubled(int value)
{
	n_handled++;
	return value * 2;
}

static int negated(int value)
{
	n_handled++;
	return -value;
}

/* ---- A01, A02 ---- */

static void generic_sum(void *result, void *const arguments[], void *user_data)
{
	n_handled++;
	*(int *)result = *(const int *)arguments[0] + *(int *)user_data;
}

static void A01_a_signature_given_as_run_time_data_yields_a_function_pointer(void)
{
	given_a_host();
	char name[32], text[256];
	snprintf(name, sizeof name, "made_%d", (int)getpid());
	snprintf(text, sizeof text, "typedef %s (*%s)(%s value); int call_number(%s handler, int value);", "int", name,
	         "int", name);
	library = remote_library("callbacks", text);
	int base = 1000;
	cbb_callback *callback = NULL;
	cbb_callback_options options = {.size = sizeof options, .user_data = &base};
	REMOTE_OK(cbb_callback_open_generic(library, name, generic_sum, &options, &callback));
	number_fn pointer = (number_fn)cbb_callback_pointer(callback);
	int result = 0, value = 34;
	REMOTE_OK(cbb_call(remote_function(library, "call_number"), &result, (void *[]){&pointer, &value}));
	EXPECT_EQUAL(result, 1034);
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_STRING(cbb_callback_name(callback), name);
	remote_end();
}

static int text_handler(const char *s, int n)
{
	n_handled++;
	return (int)strlen(s) * 100 + n;
}

static void A02_a_signature_may_be_written_as_a_C_prototype(void)
{
	given_a_host();
	library = remote_library("callbacks", "int call_text(int (*cb)(const char *s, int n), const char *s, int n);"
	                                      "int add_one(int value);");
	EXPECT_EQUAL(REMOTE(library, int(text_fn, const char *, int), "call_text")(text_handler, "four", 7), 407);
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(CBB_SYMBOL(library, int(int), "add_one")(1), 2); /* the type need not have a name */
	remote_end();
}

/* ---- A03, A04 ---- */

struct state {
	int base, n_calls;
};

static int with_state(int value)
{
	struct state *state = cbb_invocation_user_data(cbb_invocation_current());
	state->n_calls++;
	return state->base + value;
}

static void A03_a_handler_may_have_captured_state(void)
{
	given_the_library();
	struct state states[2] = {{100, 0}, {200, 0}};
	cbb_callback *first = remote_callback(library, "number_fn", CBB_FUNCTION(with_state), &states[0]);
	cbb_callback *second = remote_callback(library, "number_fn", CBB_FUNCTION(with_state), &states[1]);
	int result = REMOTE(library, int(number_fn, number_fn, int), "call_two")(
	    (number_fn)cbb_callback_pointer(first), (number_fn)cbb_callback_pointer(second), 5);
	EXPECT_EQUAL(result, 105 * 1000 + 205);
	EXPECT_EQUAL(states[0].n_calls, 1);
	EXPECT_EQUAL(states[1].n_calls, 1);
	EXPECT_EQUAL(cbb_callback_user_data(second), &states[1]);
	EXPECT(cbb_invocation_current() == NULL);
	remote_end();
}

static void A04_two_callbacks_of_one_signature_have_their_own_pointers_and_handlers(void)
{
	given_the_library();
	cbb_callback *first = remote_callback(library, "number_fn", CBB_FUNCTION(doubled), NULL);
	cbb_callback *second = remote_callback(library, "number_fn", CBB_FUNCTION(negated), NULL);
	number_fn a = (number_fn)cbb_callback_pointer(first), b = (number_fn)cbb_callback_pointer(second);
	EXPECT(a != b);
	uintptr_t (*address)(number_fn) = REMOTE(library, uintptr_t(number_fn), "address_of");
	EXPECT(address(a) != address(b));
	EXPECT(address(doubled) != address(negated));
	int (*call)(number_fn, int) = REMOTE(library, int(number_fn, int), "call_number");
	EXPECT_EQUAL(call(a, 21), 42);
	EXPECT_EQUAL(call(b, 21), -21);
	EXPECT_EQUAL(REMOTE(library, int(number_fn, number_fn, int), "call_two")(doubled, negated, 3), 6 * 1000 - 3);
	EXPECT_EQUAL(n_handled, 4);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- A06 ---- */

static number_fn given_pointer;

static int handler_of_given(number_fn given, int value)
{
	n_handled++;
	given_pointer = given;
	return given ? given(value) : 0;
}

static void A06_a_pointer_handed_back_by_native_code_is_the_callback_again(void)
{
	given_the_library();
	cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(doubled), NULL);
	number_fn pointer = (number_fn)cbb_callback_pointer(callback);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(3, pointer);
	number_fn back = REMOTE(library, number_fn(unsigned), "give_kept")(3);
	EXPECT_CALL_OK();
	EXPECT(back == pointer);
	EXPECT(cbb_callback_find(remote_host, (cbb_any_function)back) == callback);
	EXPECT_EQUAL(REMOTE(library, int(given_fn, unsigned, int), "give_to")(handler_of_given, 3, 8), 16);
	EXPECT(cbb_callback_find(remote_host, (cbb_any_function)given_pointer) == callback);
	EXPECT(REMOTE(library, number_fn(unsigned), "give_kept")(4) == NULL);
	EXPECT_CALL_OK();
	remote_end();
}

static void A06_a_plain_function_handed_back_is_itself(void)
{
	given_the_library();
	REMOTE(library, void(unsigned, number_fn), "keep_number")(0, doubled);
	EXPECT(REMOTE(library, number_fn(unsigned), "give_kept")(0) == doubled);
	EXPECT(cbb_callback_find(remote_host, CBB_FUNCTION(doubled)) == NULL);
	EXPECT_EQUAL(REMOTE(library, int(given_fn, unsigned, int), "give_to")(handler_of_given, 0, 4), 8);
	EXPECT(given_pointer == doubled);
	EXPECT_CALL_OK();
	remote_end();
}

static void A06_a_callback_closed_meanwhile_is_still_found(void)
{
	given_the_library();
	cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(doubled), NULL);
	number_fn pointer = (number_fn)cbb_callback_pointer(callback);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(0, pointer);
	REMOTE_OK(cbb_callback_close(callback, NULL));
	number_fn back = REMOTE(library, number_fn(unsigned), "give_kept")(0);
	EXPECT(back == pointer);
	EXPECT(cbb_callback_find(remote_host, (cbb_any_function)back) == callback);
	remote_end();
}

/* ---- A10 ---- */

static void expect_refused(const char *text, const char *words)
{
	cbb_library *refused = NULL;
	EXPECT_EQUAL(cbb_library_open_text(remote_host, remote_text("callbacks", text), &refused), CBB_ERR_INTERFACE);
	EXPECT(refused == NULL);
	EXPECT_CONTAINS(cbb_last_error_text(), words);
}

static void A10_an_unsupported_type_is_refused_with_a_message_that_names_it(void)
{
	given_a_host();
	expect_refused("typedef int (*cb)(void *what);", "void *what");
	expect_refused("typedef int (*cb)(int **deep);", "int **deep");
	expect_refused("typedef int (*cb)(const char *format, ...);", "...");
	expect_refused("union u { int a; long double b; }; typedef int (*cb)(union u *value);", "union u *");
	expect_refused("typedef int (*cb)(_Complex double value);", "_Complex");
	expect_refused("typedef int (*cb)(unknown_type value);", "unknown_type");
	expect_refused("struct s; typedef int (*cb)(struct s value);", "struct s");
	expect_refused("\n\ntypedef int (*cb)(char *buffer);", "4:");
	library = remote_library("callbacks", CALLBACKS_TEXT);
	cbb_callback *callback = NULL;
	EXPECT_EQUAL(cbb_callback_open(library, "missing_fn", CBB_FUNCTION(doubled), NULL, &callback), CBB_ERR_NO_SYMBOL);
	EXPECT_CONTAINS(cbb_last_error_text(), "missing_fn");
	EXPECT(callback == NULL);
	remote_end();
}

/* ---- A13, A14 ---- */

static void A13_a_plain_function_is_a_callback_for_the_call_and_needs_no_release(void)
{
	given_the_library();
	uintptr_t (*address)(number_fn) = REMOTE(library, uintptr_t(number_fn), "address_of");
	uintptr_t first = address(doubled);
	EXPECT(first != 0);
	for (int i = 0; i < 1000; i++)
		REMOTE(library, int(number_fn, int), "call_number")(doubled, i);
	EXPECT_EQUAL(n_handled, 1000);
	EXPECT_EQUAL(address(doubled), first); /* one closure, however often it is passed */
	EXPECT_EQUAL(address(NULL), 0);
	EXPECT_EQUAL(remote_report().late_calls, 0);
	remote_end();
}

static void A14_a_transient_callback_called_after_its_call_is_detected_and_reported(void)
{
	given_the_library();
	REMOTE(library, void(number_fn), "keep_transient")(doubled);
	EXPECT_EQUAL(REMOTE(library, int(int), "call_transient")(4), -77);
	EXPECT_EQUAL(n_handled, 0);
	cbb_report report = remote_report();
	EXPECT_EQUAL(report.late_calls, 1);
	EXPECT_CONTAINS(report.notice, "late call");
	EXPECT_CONTAINS(report.notice, "number_fn");
	/* It is no more than that: passed again it works, in its call. */
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(doubled, 4), 8);
	EXPECT_EQUAL(remote_report().late_calls, 1);
	remote_end();
}

static void A14_a_callback_of_an_owner_ends_with_the_owner(void)
{
	given_the_library();
	struct keeper *keeper = REMOTE(library, struct keeper *(number_fn), "keeper_open")(doubled);
	REQUIRE(keeper != NULL);
	int (*call)(struct keeper *, int) = REMOTE(library, int(struct keeper *, int), "keeper_call");
	int (*close)(struct keeper *, int) = REMOTE(library, int(struct keeper *, int), "keeper_close");
	EXPECT_EQUAL(call(keeper, 5), 10);
	REMOTE(library, void(struct keeper *, number_fn), "keeper_set")(keeper, negated);
	EXPECT_EQUAL(call(keeper, 5), -5);
	EXPECT_EQUAL(close(keeper, 0), -1); /* closes(return == 0): not closed */
	EXPECT_EQUAL(call(keeper, 6), -6);
	EXPECT_EQUAL(close(keeper, 1), 0);
	EXPECT_EQUAL(REMOTE(library, int(int), "call_transient")(6), -77);
	EXPECT_EQUAL(remote_report().late_calls, 1);
	EXPECT_EQUAL(n_handled, 3);
	remote_end();
}

static const struct test tests[] = {
	TEST(A01_a_signature_given_as_run_time_data_yields_a_function_pointer),
	TEST(A02_a_signature_may_be_written_as_a_C_prototype),
	TEST(A03_a_handler_may_have_captured_state),
	TEST(A04_two_callbacks_of_one_signature_have_their_own_pointers_and_handlers),
	TEST(A06_a_pointer_handed_back_by_native_code_is_the_callback_again),
	TEST(A06_a_plain_function_handed_back_is_itself),
	TEST(A06_a_callback_closed_meanwhile_is_still_found),
	TEST(A10_an_unsupported_type_is_refused_with_a_message_that_names_it),
	TEST(A13_a_plain_function_is_a_callback_for_the_call_and_needs_no_release),
	TEST(A14_a_transient_callback_called_after_its_call_is_detected_and_reported),
	TEST(A14_a_callback_of_an_owner_ends_with_the_owner),
};
HARNESS_MAIN(tests)
