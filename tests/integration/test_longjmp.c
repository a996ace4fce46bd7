/* SPDX-License-Identifier: MIT */
/* Handlers that leave by longjmp: native code gets on_error, the thread and its lane go on. */
#include "../fixtures/callbacks.h"
#include "support/remote.h"

#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>

typedef int call_number_fn(number_fn handler, int value);
typedef int call_many_fn(number_fn handler, int times);

static cbb_library *library;
static call_number_fn *remote_call;
static call_many_fn *remote_many;
static jmp_buf place;
static int n_handled;

static void given_the_library(void)
{
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	remote_call = REMOTE(library, call_number_fn, "call_number");
	remote_many = REMOTE(library, call_many_fn, "call_many");
}

static int plus_one(int value)
{
	return value + 1;
}

static int jump(int value)
{
	n_handled++;
	longjmp(place, value);
}

/* Apart: its frame is large. */
__attribute__((noinline)) static void expect_it_is_reported(void)
{
	EXPECT_CONTAINS(remote_report().notice, "left by longjmp");
}

/* In the frame that set the place: from deeper frames the handler's would look as if they were still there. */
#define EXPECT_ALL_GOES_ON()                                                                                           \
	do {                                                                                                           \
		EXPECT(cbb_invocation_current() == NULL);                                                              \
		EXPECT_EQUAL(remote_call(plus_one, 5), 6);                                                             \
		EXPECT_CALL_OK();                                                                                      \
		expect_it_is_reported();                                                                               \
	} while (0)

/* Takes more of the stack than the library's own frames. */
__attribute__((noinline)) static int call_deep(int value)
{
	volatile char room[65536];
	room[0] = room[sizeof room - 1] = 1;
	return remote_call(plus_one, value) + room[0] - 1;
}

static void given_a_call_deeper_on_the_stack_than_the_one_that_was_left_then_both_end_all_the_same(void)
{
	given_the_library();
	if (setjmp(place) == 0)
		remote_call(jump, 1);
	EXPECT_EQUAL(call_deep(7), 8);
	EXPECT_CALL_OK();
	EXPECT_ALL_GOES_ON();
	remote_end();
}

static void given_a_handler_that_jumps_out_of_the_call_then_the_thread_goes_on(void)
{
	given_the_library();
	int value = setjmp(place);
	if (value == 0)
		remote_call(jump, 42);
	EXPECT_EQUAL(value, 42);
	EXPECT_ALL_GOES_ON();
	remote_end();
}

static void given_calls_left_again_and_again_then_nothing_piles_up(void)
{
	given_the_library();
	for (volatile int i = 0; i < 200; i++)
		if (setjmp(place) == 0)
			remote_many(jump, 10);
	EXPECT_EQUAL(n_handled, 200); /* after the first of ten native code got on_error */
	EXPECT_ALL_GOES_ON();
	remote_end();
}

static void given_a_call_that_was_left_when_callback_and_host_are_closed_then_nothing_waits(void)
{
	given_the_library();
	cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(jump), NULL);
	if (setjmp(place) == 0)
		remote_call((number_fn)cbb_callback_pointer(callback), 1);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	EXPECT(cbb_host_close(remote_host) == NULL);
	remote_end();
}

typedef int call_two_fn(number_fn first, number_fn second, int value);

/* Native code calls the handler, which jumps, and then waits for what nobody releases. */
static void leave_hanging(number_fn handler)
{
	number_fn hang = (number_fn)remote_symbol(library, "wait_for_release");
	call_two_fn *call_two_of_host = REMOTE(library, call_two_fn, "call_two");
	if (setjmp(place) == 0)
		call_two_of_host(handler, hang, 1);
}

static void given_native_code_that_hangs_after_it_was_left_when_things_are_closed_then_nothing_waits(void)
{
	given_the_library();
	cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(jump), NULL);
	leave_hanging((number_fn)cbb_callback_pointer(callback));
	EXPECT_EQUAL(cbb_callback_close(callback, &(cbb_close_options){.size = sizeof(cbb_close_options), .timeout_ms = 50}),
	             0);
	EXPECT_EQUAL(remote_call(plus_one, 5), 0);
	EXPECT_ERROR(CBB_ERR_BUSY, "timed out");
	EXPECT(cbb_host_close(remote_host) == NULL);
	remote_host = remote_open_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	leave_hanging(jump);
	EXPECT(cbb_host_close(remote_host) == NULL);
	EXPECT_EQUAL(n_handled, 2);
	remote_end();
}

/* Makes a call whose handler jumps back to here, then answers as if nothing was. */
static int survive_within(int value)
{
	jmp_buf outer;
	memcpy(&outer, &place, sizeof outer);
	if (setjmp(place) == 0)
		remote_call(jump, value);
	memcpy(&place, &outer, sizeof outer);
	EXPECT(cbb_invocation_current() != NULL);
	return value * 2;
}

static void given_a_jump_within_an_outer_handler_then_the_outer_call_has_its_result(void)
{
	given_the_library();
	EXPECT_EQUAL(remote_call(survive_within, 21), 42);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_ALL_GOES_ON();
	remote_end();
}

/* Three deep, then all at once. */
static int dive(int value)
{
	return value == 3 ? jump(value) : remote_call(dive, value + 1);
}

static void given_a_jump_over_several_calls_then_all_of_them_end(void)
{
	given_the_library();
	if (setjmp(place) == 0)
		remote_call(dive, 1);
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_ALL_GOES_ON();
	remote_end();
}

/* ---- Other stacks are not mistaken for frames that were left ---- */

#define STACK_BYTES (256u << 10)

static ucontext_t handler_context, coroutine_context;
static int coroutine_result;

static void coroutine(void)
{
	coroutine_result = remote_call(plus_one, 100);
	swapcontext(&coroutine_context, &handler_context);
}

static int call_on_another_stack(int value)
{
	void *stack = malloc(STACK_BYTES);
	getcontext(&coroutine_context);
	coroutine_context.uc_stack.ss_sp = stack;
	coroutine_context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&coroutine_context, coroutine, 0);
	swapcontext(&handler_context, &coroutine_context);
	free(stack);
	return value + coroutine_result;
}

static void given_a_handler_that_calls_on_another_stack_then_its_own_call_is_still_there(void)
{
	given_the_library();
	EXPECT_EQUAL(remote_call(call_on_another_stack, 1), 102);
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
	TEST(given_a_handler_that_jumps_out_of_the_call_then_the_thread_goes_on),
	TEST(given_a_call_deeper_on_the_stack_than_the_one_that_was_left_then_both_end_all_the_same),
	TEST(given_calls_left_again_and_again_then_nothing_piles_up),
	TEST(given_a_call_that_was_left_when_callback_and_host_are_closed_then_nothing_waits),
	TEST(given_native_code_that_hangs_after_it_was_left_when_things_are_closed_then_nothing_waits),
	TEST(given_a_jump_within_an_outer_handler_then_the_outer_call_has_its_result),
	TEST(given_a_jump_over_several_calls_then_all_of_them_end),
	TEST(given_a_handler_that_calls_on_another_stack_then_its_own_call_is_still_there),
};

HARNESS_MAIN(tests)
