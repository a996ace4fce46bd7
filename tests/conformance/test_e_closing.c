/* SPDX-License-Identifier: MIT */
/* E: release, and what still comes after it. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#include <pthread.h>
#include <stdlib.h>

static cbb_library *library;
static _Atomic int n_handled;

static int handler(int value)
{
	n_handled++;
	return value + 1000;
}

static void given_the_library(void)
{
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	n_handled = 0;
}

static cbb_callback *given_a_kept_callback(unsigned place)
{
	cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(handler), NULL);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(place, (number_fn)cbb_callback_pointer(callback));
	EXPECT_CALL_OK();
	return callback;
}

static int call_kept_in(unsigned place, int value)
{
	return REMOTE(library, int(unsigned, int), "call_kept")(place, value);
}

static void E01_a_callback_is_released_by_a_call(void)
{
	given_the_library();
	cbb_callback *callback = given_a_kept_callback(0);
	EXPECT_EQUAL(call_kept_in(0, 1), 1001);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	EXPECT_EQUAL(call_kept_in(0, 1), -77);
	EXPECT_EQUAL(n_handled, 1);
	remote_end();
}

static void E02_releasing_twice_is_a_harmless_no_op(void)
{
	given_the_library();
	cbb_callback *callback = given_a_kept_callback(0);
	for (int i = 0; i < 5; i++)
		EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	EXPECT_EQUAL(cbb_callback_close(NULL, NULL), 0);
	EXPECT_STRING(cbb_callback_name(callback), "number_fn"); /* it itself stays valid */
	EXPECT_EQUAL(call_kept_in(0, 1), -77);
	remote_end();
}

/* ---- E03 ---- */

static int closing_handler(int value)
{
	cbb_callback *callback = cbb_invocation_callback(cbb_invocation_current());
	n_handled++;
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	if (value > 0) /* a call through it from inside is late already */
		EXPECT_EQUAL(call_kept_in(0, value - 1), -77);
	return 5;
}

static void E03_releasing_inside_the_running_handler_is_safe(void)
{
	given_the_library();
	cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(closing_handler), NULL);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(0, (number_fn)cbb_callback_pointer(callback));
	EXPECT_EQUAL(call_kept_in(0, 1), 5); /* the running one still gives its result */
	EXPECT_EQUAL(call_kept_in(0, 1), -77);
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_EQUAL(remote_report().late_calls, 2);
	remote_end();
}

/* ---- E04, E05 ---- */

static int line_of_close;

static void E04_call_after_close_never_touches_freed_memory_and_is_detected(void)
{
	given_the_library();
	for (unsigned place = 0; place < 50; place++) {
		cbb_callback *callback = given_a_kept_callback(place);
		cbb_close_options options = {.size = sizeof options, .where = CBB_HERE};
		line_of_close = __LINE__ - 1;
		REMOTE_OK(cbb_callback_close(callback, &options));
	}
	for (unsigned place = 0; place < 50; place++)
		EXPECT_EQUAL(call_kept_in(place, 3), -77);
	EXPECT_EQUAL(n_handled, 0);
	cbb_report report = remote_report();
	EXPECT_EQUAL(report.late_calls, 50);
	EXPECT_CONTAINS(report.notice, "late call");
	EXPECT_CONTAINS(report.notice, "number_fn");
	EXPECT_CONTAINS(report.notice, "test_e_closing.c:");
	EXPECT_CONTAINS(report.notice, harness_format(":%d", line_of_close));
	remote_end();
}

static void E05_call_after_close_gives_native_code_the_default_and_nothing_ends(void)
{
	given_the_library();
	cbb_callback *callback = given_a_kept_callback(0);
	REMOTE_OK(cbb_callback_close(callback, NULL));
	EXPECT_EQUAL(REMOTE(library, int(unsigned, int, int, int), "call_kept_times")(0, 1, 1000, -77), 0);
	EXPECT_CALL_OK();
	/* A closed callback's pointer may still be passed; called in the program it says what it is. */
	number_fn pointer = (number_fn)cbb_callback_pointer(callback);
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(pointer, 1), -77);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(pointer(1), -77);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_CLOSED);
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(handler, 1), 1001);
	EXPECT_EQUAL(remote_report().late_calls, 1001);
	remote_end();
}

static void E05_a_closed_pointer_may_be_passed_also_after_others_were_opened(void)
{
	number_fn stale[3];
	given_the_library();
	int (*call)(number_fn, int) = REMOTE(library, int(number_fn, int), "call_number");
	for (int i = 0; i < 3; i++) {
		cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(handler), NULL);
		stale[i] = (number_fn)cbb_callback_pointer(callback);
		if (i != 1) /* this one the host never saw open */
			EXPECT_EQUAL(call(stale[i], 1), 1001);
		REMOTE_OK(cbb_callback_close(callback, NULL));
	}
	for (int i = 0; i < 6; i++) {
		EXPECT_EQUAL(call(stale[i % 3], 1), -77);
		EXPECT_CALL_OK();
	}
	EXPECT_EQUAL(n_handled, 2);
	EXPECT_EQUAL(remote_report().late_calls, 6);
	remote_end();
}

/* ---- E06 ---- */

static int compare_addresses(const void *left, const void *right)
{
	uintptr_t a = *(const uintptr_t *)left, b = *(const uintptr_t *)right;
	return (a > b) - (a < b);
}

static void E06_the_address_of_a_released_callback_is_not_reused(void)
{
	enum { N = 3000 };
	static uintptr_t native[N], own[N];
	given_the_library();
	for (unsigned i = 0; i < N; i++) {
		cbb_callback *callback = given_a_kept_callback(0);
		native[i] = REMOTE(library, uintptr_t(unsigned), "address_kept")(0);
		own[i] = (uintptr_t)cbb_callback_pointer(callback);
		REMOTE_OK(cbb_callback_close(callback, NULL));
	}
	qsort(native, N, sizeof *native, compare_addresses);
	qsort(own, N, sizeof *own, compare_addresses);
	for (unsigned i = 1; i < N; i++) {
		EXPECT(native[i] != native[i - 1]);
		EXPECT(own[i] != own[i - 1]);
	}
	remote_end();
}

/* ---- Closing waits for handlers on other threads ---- */

static _Atomic int entered, leave, left;

static int slow_handler(int value)
{
	entered = 1;
	EXPECT(harness_wait_flag(&leave, 10000));
	left = 1;
	return value;
}

static void *thread_calling_kept(void *context)
{
	(void)context;
	EXPECT_EQUAL(call_kept_in(0, 6), 6);
	return NULL;
}

static void *thread_letting_go(void *callback)
{
	/* Closed for the host's threads at once, while close waits for the one that runs. */
	for (int result = 0; result != -77; result = call_kept_in(1, 1))
		EXPECT(result == 0 || result == 6);
	(void)callback;
	leave = 1;
	return NULL;
}

static void E01_close_waits_for_the_handler_that_runs_on_another_thread(void)
{
	pthread_t caller, releaser;
	given_the_library();
	cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(slow_handler), NULL);
	number_fn pointer = (number_fn)cbb_callback_pointer(callback);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(0, pointer);
	REQUIRE(pthread_create(&caller, NULL, thread_calling_kept, NULL) == 0);
	REQUIRE(harness_wait_flag(&entered, 10000));
	cbb_close_options hasty = {.size = sizeof hasty, .timeout_ms = 1};
	EXPECT_EQUAL(cbb_callback_close(callback, &hasty), CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(left, 0);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(1, pointer);
	REQUIRE(pthread_create(&releaser, NULL, thread_letting_go, callback) == 0);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	EXPECT_EQUAL(left, 1);
	pthread_join(caller, NULL);
	pthread_join(releaser, NULL);
	remote_end();
}

/* ---- E09 ---- */

static void E09_the_handler_stays_as_long_as_native_code_may_call_it(void)
{
	given_the_library();
	char name[] = "mine", type[] = "number_fn", where[] = "here";
	cbb_callback_options *options = malloc(sizeof *options);
	*options = (cbb_callback_options){.size = sizeof *options, .name = name};
	cbb_callback *callback = NULL;
	REMOTE_OK(cbb_callback_open(library, type, CBB_FUNCTION(handler), options, &callback));
	/* All that it was opened with goes: the callback keeps what it needs. */
	memset(options, 0xff, sizeof *options);
	free(options);
	memset(name, '#', sizeof name - 1);
	memset(type, '#', sizeof type - 1);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(0, (number_fn)cbb_callback_pointer(callback));
	REMOTE(library, void(unsigned, number_fn), "keep_number")(1, handler); /* plain, scope(forever) */
	for (int i = 0; i < 1000; i++)
		given_a_kept_callback(2 + (unsigned)i % 60); /* others come meanwhile, and are forgotten */
	EXPECT_EQUAL(call_kept_in(0, 5), 1005);
	EXPECT_EQUAL(call_kept_in(1, 6), 1006);
	EXPECT_STRING(cbb_callback_name(callback), "mine");
	cbb_close_options close_options = {.size = sizeof close_options, .where = where};
	REMOTE_OK(cbb_callback_close(callback, &close_options));
	memset(where, '#', sizeof where - 1);
	EXPECT_EQUAL(call_kept_in(0, 5), -77);
	EXPECT_CONTAINS(remote_report().notice, "mine");
	EXPECT_CONTAINS(remote_report().notice, "here");
	remote_end();
}

/* ---- A handler that ends its thread ---- */

static int handler_that_ends_its_thread(int value)
{
	(void)value;
	pthread_exit(NULL);
}

static void E01_a_handler_that_ends_its_thread_keeps_nothing_from_closing(void)
{
	pthread_t caller;
	given_the_library();
	cbb_callback *callback =
	    remote_callback(library, "number_fn", CBB_FUNCTION(handler_that_ends_its_thread), NULL);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(0, (number_fn)cbb_callback_pointer(callback));
	REQUIRE(pthread_create(&caller, NULL, thread_calling_kept, NULL) == 0);
	pthread_join(caller, NULL);
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(handler, 1), 1001);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	remote_end();
}

static const struct test tests[] = {
	TEST(E01_a_callback_is_released_by_a_call),
	TEST(E01_close_waits_for_the_handler_that_runs_on_another_thread),
	TEST(E02_releasing_twice_is_a_harmless_no_op),
	TEST(E03_releasing_inside_the_running_handler_is_safe),
	TEST(E04_call_after_close_never_touches_freed_memory_and_is_detected),
	TEST(E05_call_after_close_gives_native_code_the_default_and_nothing_ends),
	TEST(E05_a_closed_pointer_may_be_passed_also_after_others_were_opened),
	TEST(E06_the_address_of_a_released_callback_is_not_reused),
	TEST(E09_the_handler_stays_as_long_as_native_code_may_call_it),
	TEST(E01_a_handler_that_ends_its_thread_keeps_nothing_from_closing),
};
HARNESS_MAIN(tests)
