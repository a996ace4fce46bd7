/* SPDX-License-Identifier: MIT */
/* C: which thread runs what. J05: how deep it goes. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#include <pthread.h>

static cbb_library *library;
static int n_handled;

static void given_the_library(void)
{
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	n_handled = 0;
}

/* ---- C01 ---- */

static pid_t handler_thread, native_thread;
static uint64_t sequence;

static int handler(int value)
{
	const cbb_invocation *invocation = cbb_invocation_current();
	n_handled++;
	handler_thread = gettid();
	native_thread = cbb_invocation_thread(invocation);
	EXPECT(cbb_invocation_sequence(invocation) > sequence);
	sequence = cbb_invocation_sequence(invocation);
	EXPECT(cbb_invocation_host(invocation) == remote_host);
	EXPECT(cbb_invocation_callback(invocation) == NULL); /* a plain function */
	return value * 3;
}

static void C01_a_handler_runs_nested_on_the_calling_thread_and_its_result_reaches_native_code(void)
{
	given_the_library();
	for (int i = 0; i < 10; i++)
		EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(handler, i), 3 * i);
	EXPECT_EQUAL(n_handled, 10);
	EXPECT_EQUAL(handler_thread, gettid());
	EXPECT_EQUAL(native_thread, REMOTE(library, int(void), "thread_number")());
	EXPECT(native_thread != gettid());
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_many")(handler, 4), 18);
	EXPECT_CALL_OK();
	remote_end();
}

static void *thread_with_a_double(void *context)
{
	int (*number)(void) = REMOTE(library, int(void), "thread_number");
	int (*cell)(int) = REMOTE(library, int(int), "thread_cell");
	int *ret_number = context;
	EXPECT_EQUAL(cell(7), 0); /* its own thread-local memory in the host */
	*ret_number = number();
	EXPECT_EQUAL(cell(8), 7);
	EXPECT_EQUAL(number(), *ret_number);
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(add_one, 4), 5);
	return NULL;
}

int add_one(int value)
{
	return value + 1;
}

static void C01_each_client_thread_has_its_double_in_the_host(void)
{
	enum { N_THREADS = 8 };
	pthread_t threads[N_THREADS];
	int numbers[N_THREADS];
	given_the_library();
	for (int i = 0; i < N_THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, thread_with_a_double, &numbers[i]) == 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < N_THREADS; i++)
		EXPECT(numbers[i] > 0 && numbers[i] != REMOTE(library, int(void), "thread_number")());
	remote_end();
}

/* ---- C17 and J05 ---- */

static int depth_wanted, depth_reached, error_at_end;
static cbb_function *call_number_function;

/* Handler -> library -> handler: each level keeps what it was given while the deeper ones run. */
static int nesting(int depth)
{
	char text[64];
	number_fn self = nesting;
	int before = depth, result = 0, next = depth + 1;
	snprintf(text, sizeof text, "level %d", depth);
	if (depth > depth_reached)
		depth_reached = depth;
	if (depth >= depth_wanted)
		return depth;
	int status = cbb_call(call_number_function, &result, (void *[]){&self, &next});
	if (status < 0)
		error_at_end = error_at_end ? error_at_end : status;
	EXPECT_EQUAL(depth, before);
	EXPECT_STRING(text, harness_format("level %d", depth));
	return result == -77 || status < 0 ? depth : result;
}

static int nest(int depth)
{
	number_fn self = nesting;
	int first = 1, result = 0;
	depth_wanted = depth;
	depth_reached = error_at_end = 0;
	call_number_function = remote_function(library, "call_number");
	REMOTE_OK(cbb_call(call_number_function, &result, (void *[]){&self, &first}));
	return result;
}

static void C17_handler_and_library_nest_8_deep_with_their_arguments_intact(void)
{
	given_the_library();
	EXPECT_EQUAL(nest(8), 8);
	EXPECT_EQUAL(depth_reached, 8);
	EXPECT_EQUAL(error_at_end, 0);
	remote_end();
}

static void J05_calls_of_handlers_nest_64_deep_on_one_native_thread(void)
{
	given_the_library();
	EXPECT_EQUAL(nest(64), 64);
	EXPECT_EQUAL(depth_reached, 64);
	EXPECT_EQUAL(error_at_end, 0);
	remote_end();
}

static void J05_the_65th_is_refused_with_a_clear_error_and_the_64_go_on(void)
{
	given_the_library();
	EXPECT_EQUAL(nest(65), 64);
	EXPECT_EQUAL(depth_reached, 64);
	EXPECT_EQUAL(error_at_end, CBB_ERR_DEPTH);
	EXPECT_CONTAINS(cbb_last_error_text(), "64");
	EXPECT_EQUAL(nest(3), 3);
	remote_end();
}

static int handler_asking_for_its_thread(int value)
{
	pid_t native = cbb_invocation_thread(cbb_invocation_current());
	EXPECT_EQUAL(REMOTE(library, int(void), "thread_number")(), native);
	return value;
}

static void J05_a_call_made_by_a_handler_runs_on_the_native_thread_that_called(void)
{
	given_the_library();
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(handler_asking_for_its_thread, 5), 5);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- C19 ---- */

static _Atomic int waiter_done;

static void *thread_waiting(void *context)
{
	(void)context;
	EXPECT_EQUAL(REMOTE(library, int(void), "wait_for_release")(), 1);
	EXPECT_CALL_OK();
	waiter_done = 1;
	return NULL;
}

static bool is_waiting(void *context)
{
	(void)context;
	return REMOTE(library, int(void), "count_waiting")() == 1;
}

static void C19_a_thread_makes_the_downcall_while_others_go_on(void)
{
	pthread_t thread;
	given_the_library();
	REQUIRE(pthread_create(&thread, NULL, thread_waiting, NULL) == 0);
	REQUIRE(harness_wait_until(is_waiting, NULL, 10000));
	for (int i = 0; i < 100; i++)
		EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(handler, i), 3 * i);
	EXPECT_EQUAL(waiter_done, 0);
	REMOTE(library, void(void), "release_waiter")();
	pthread_join(thread, NULL);
	EXPECT_EQUAL(waiter_done, 1);
	remote_end();
}

static const struct test tests[] = {
	TEST(C01_a_handler_runs_nested_on_the_calling_thread_and_its_result_reaches_native_code),
	TEST(C01_each_client_thread_has_its_double_in_the_host),
	TEST(C17_handler_and_library_nest_8_deep_with_their_arguments_intact),
	TEST(C19_a_thread_makes_the_downcall_while_others_go_on),
	TEST(J05_calls_of_handlers_nest_64_deep_on_one_native_thread),
	TEST(J05_the_65th_is_refused_with_a_clear_error_and_the_64_go_on),
	TEST(J05_a_call_made_by_a_handler_runs_on_the_native_thread_that_called),
};
HARNESS_MAIN(tests)
