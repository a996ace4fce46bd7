/* SPDX-License-Identifier: MIT */
/* A11: one callback more than the maximum. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

static cbb_library *library;

static int doubled(int value)
{
	return value * 2;
}

static void given_limits(uint64_t max_open, uint64_t max_closed)
{
	cbb_host_options options = {
	    .size = sizeof options, .max_callbacks = max_open, .max_closed_callbacks = max_closed};
	given_a_host_with(&options);
	library = remote_library("callbacks", CALLBACKS_TEXT);
}

static int try_open(cbb_callback **ret_callback)
{
	return cbb_callback_open(library, "number_fn", CBB_FUNCTION(doubled), NULL, ret_callback);
}

static void A11_one_callback_more_than_the_maximum_fails_and_nothing_else_breaks(void)
{
	cbb_callback *callbacks[4] = {NULL};
	given_limits(3, 0);
	for (int i = 0; i < 3; i++)
		REMOTE_OK(try_open(&callbacks[i]));
	EXPECT_EQUAL(try_open(&callbacks[3]), CBB_ERR_LIMIT);
	EXPECT_CONTAINS(cbb_last_error_text(), "max_callbacks");
	EXPECT(callbacks[3] == NULL);
	int (*call)(number_fn, int) = REMOTE(library, int(number_fn, int), "call_number");
	for (int i = 0; i < 3; i++)
		EXPECT_EQUAL(call((number_fn)cbb_callback_pointer(callbacks[i]), i), 2 * i);
	EXPECT_EQUAL(call(doubled, 21), 42); /* plain functions do not count */
	REMOTE_OK(cbb_callback_close(callbacks[0], NULL));
	REMOTE_OK(try_open(&callbacks[3]));
	EXPECT_EQUAL(call((number_fn)cbb_callback_pointer(callbacks[3]), 7), 14);
	remote_end();
}

static void A11_addresses_out_of_use_have_a_maximum_too(void)
{
	cbb_callback *callback = NULL;
	given_limits(2, 10);
	int (*call)(number_fn, int) = REMOTE(library, int(number_fn, int), "call_number");
	int n = 0;
	while (n < 100 && try_open(&callback) == 0) {
		EXPECT_EQUAL(call((number_fn)cbb_callback_pointer(callback), n), 2 * n);
		REMOTE_OK(cbb_callback_close(callback, NULL));
		n++;
	}
	EXPECT(n >= 10 && n <= 12);
	EXPECT_ERROR(CBB_ERR_LIMIT, "max_closed_callbacks");
	EXPECT_EQUAL(call(doubled, 21), 42);
	EXPECT_CALL_OK();
	remote_end();
}

static void A11_a_budget_without_limit_is_none(void)
{
	cbb_callback *callback = NULL;
	given_limits(1, CBB_UNLIMITED);
	for (int i = 0; i < 20; i++) {
		REMOTE_OK(try_open(&callback));
		REMOTE_OK(cbb_callback_close(callback, NULL));
	}
	remote_end();
}

/* A program that makes function pointers without end (bindings do) gets an error, and keeps its host. */
static void A11_one_plain_function_more_than_the_maximum_fails_and_nothing_else_breaks(void)
{
	enum { PLAIN_FUNCTIONS = 65536 };
	given_limits(1, 1);
	uintptr_t (*pass)(number_fn) = REMOTE(library, uintptr_t(number_fn), "address_of");
	int n = 0;
	for (; n < 2 * PLAIN_FUNCTIONS; n++) {
		pass((number_fn)(uintptr_t)(0x10000 + 16 * (uintptr_t)n)); /* never called */
		if (cbb_last_error() < 0)
			break;
	}
	EXPECT_EQUAL(n, PLAIN_FUNCTIONS);
	EXPECT_ERROR(CBB_ERR_LIMIT, "plain functions");
	EXPECT_EQUAL(REMOTE(library, int(int), "add_one")(1), 2);
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
	TEST(A11_one_callback_more_than_the_maximum_fails_and_nothing_else_breaks),
	TEST(A11_addresses_out_of_use_have_a_maximum_too),
	TEST(A11_a_budget_without_limit_is_none),
	TEST_TIMEOUT(A11_one_plain_function_more_than_the_maximum_fails_and_nothing_else_breaks, 120),
};
HARNESS_MAIN(tests)
