/* SPDX-License-Identifier: MIT */
/* C19: calls that run off-thread, and what becomes of them. */
#include "support/foreign.h"

#include <errno.h>
#include <pthread.h>

static _Atomic long n_done, n_handled;
static int done_status[16];
static void *done_order[16];
static cbb_async *done_asyncs[16];
static pid_t done_on, handled_on;
static char done_text[256], call_name[64];

static void on_done(cbb_async *async, int status, void *user_data)
{
	REQUIRE(n_done < 16);
	done_on = gettid();
	done_status[n_done] = status;
	done_order[n_done] = user_data;
	done_asyncs[n_done] = async;
	if (status < 0)
		snprintf(done_text, sizeof done_text, "%s", cbb_last_error_text());
	n_done++;
}

static cbb_async *begin(const char *name, void *result, void *const arguments[], void *user_data)
{
	cbb_async *async = NULL;
	cbb_async_options options = {.size = sizeof options, .done = on_done, .user_data = user_data};
	REMOTE_OK(cbb_call_async(remote_function(threads_library, name), result, arguments, &options, &async));
	REQUIRE(async != NULL);
	return async;
}

static int at_gate(void)
{
	return THREADS(int(void), "gate_waiting")();
}

static bool as_many_at_gate(void *n)
{
	return at_gate() == *(int *)n;
}

static void expect_at_gate(int n)
{
	EXPECT(dispatch_while_waiting(default_queue, as_many_at_gate, &n));
}

static void open_gate(void)
{
	THREADS(void(void), "gate_open")();
	EXPECT_CALL_OK();
}

/* ---- The call and its result ---- */

static void C19_the_call_runs_elsewhere_and_its_end_comes_on_the_queue_with_the_result_written(void)
{
	int value = 21, result = 0;
	given_native_threads();
	cbb_async *async = begin("doubled_here", &result, (void *[]){&value}, &value);
	value = 0; /* the arguments were copied */
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0); /* a call under way keeps it running, and its end ends it */
	EXPECT_EQUAL(n_done, 1);
	EXPECT_EQUAL(done_status[0], 0);
	EXPECT(done_order[0] == &value && done_asyncs[0] == async);
	EXPECT_EQUAL(done_on, gettid());
	EXPECT_EQUAL(result, 42);
	remote_end();
}

static void C19_the_program_goes_on_while_the_call_waits_in_native_code(void)
{
	given_native_threads();
	begin("gate_wait", NULL, NULL, NULL);
	expect_at_gate(1);
	for (int i = 0; i < 20; i++)
		EXPECT_EQUAL(THREADS(int(int), "doubled_here")(i), 2 * i);
	EXPECT_EQUAL(dispatch_all(default_queue), 0);
	EXPECT_EQUAL(n_done, 0);
	open_gate();
	EXPECT(dispatch_until(default_queue, &n_done, 1));
	EXPECT_EQUAL(done_status[0], 0);
	remote_end();
}

static int sum_under_the_call(int thread, int number)
{
	const cbb_invocation *invocation = cbb_invocation_current();
	const char *call = cbb_invocation_call(invocation);
	snprintf(call_name, sizeof call_name, "%s", call ? call : "none");
	handled_on = gettid();
	EXPECT_EQUAL(THREADS(int(void), "thread_here")(), cbb_invocation_thread(invocation));
	n_handled++;
	return SUM_OF(thread, number);
}

static void C19_callbacks_of_the_call_are_nested_in_it_on_the_queues_dispatcher(void)
{
	sum_fn handler = sum_under_the_call;
	int thread = 3, number = 4, result = 0;
	given_native_threads();
	begin("sum_here", &result, (void *[]){&handler, &thread, &number}, NULL);
	EXPECT(dispatch_until(default_queue, &n_done, 1));
	EXPECT_EQUAL(result, SUM_OF(3, 4));
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_EQUAL(handled_on, gettid());
	EXPECT_STRING(call_name, "sum_here");
	remote_end();
}

static void C19_without_options_nobody_is_told_and_the_call_is_made(void)
{
	given_native_threads();
	REMOTE_OK(cbb_call_async(remote_function(threads_library, "gate_wait"), NULL, NULL, NULL, NULL));
	expect_at_gate(1);
	open_gate();
	expect_at_gate(0);
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	remote_end();
}

/* ---- Bounded, in order, cancellable ---- */

static void given_two_lanes_and_room_for_three(void)
{
	given_a_host_with(&(cbb_host_options){.size = sizeof(cbb_host_options), .max_async_calls = 2,
	                                      .max_async_waiting = 3});
	given_native_threads_in(remote_host);
	default_queue = cbb_queue_default(remote_client);
}

static void C19_at_most_as_many_as_allowed_run_at_once_and_others_wait_their_turn(void)
{
	int marks[5];
	cbb_async *extra = NULL;
	given_two_lanes_and_room_for_three();
	for (int i = 0; i < 5; i++)
		begin("gate_wait", NULL, NULL, &marks[i]);
	EXPECT_EQUAL(cbb_call_async(remote_function(threads_library, "gate_wait"), NULL, NULL, NULL, &extra),
	             CBB_ERR_LIMIT);
	EXPECT_CONTAINS(cbb_last_error_text(), "max_async_waiting");
	EXPECT(extra == NULL);
	for (int left = 5; left > 0; left -= 2) {
		expect_at_gate(left > 2 ? 2 : left);
		open_gate();
		EXPECT(dispatch_until(default_queue, &n_done, left > 2 ? 7 - left : 5));
	}
	EXPECT_EQUAL(n_done, 5);
	for (int i = 0; i < 5; i++) {
		int *mark = done_order[i];
		EXPECT((mark - marks) / 2 == i / 2); /* the two that run together end in any order */
		EXPECT_EQUAL(done_status[i], 0);
	}
	remote_end();
}

static void C19_a_call_that_has_not_begun_can_be_cancelled_and_one_that_has_can_not(void)
{
	cbb_async *asyncs[4];
	given_two_lanes_and_room_for_three();
	for (int i = 0; i < 4; i++)
		asyncs[i] = begin("gate_wait", NULL, NULL, &asyncs[i]);
	expect_at_gate(2);
	EXPECT_EQUAL(cbb_async_cancel(asyncs[0]), CBB_ERR_BUSY);
	EXPECT_EQUAL(cbb_async_cancel(asyncs[2]), 0);
	EXPECT_EQUAL(n_done, 0); /* on the queue, as any other end */
	EXPECT(dispatch_until(default_queue, &n_done, 1));
	EXPECT_EQUAL(done_status[0], -ECANCELED);
	EXPECT(done_order[0] == &asyncs[2]);
	open_gate();
	EXPECT(dispatch_until(default_queue, &n_done, 3));
	expect_at_gate(1); /* the fourth took its turn */
	open_gate();
	EXPECT(dispatch_until(default_queue, &n_done, 4));
	EXPECT(done_order[3] == &asyncs[3]);
	EXPECT_EQUAL(done_status[3], 0);
	remote_end();
}

/* ---- Ends that are none of native code's ---- */

static void C19_a_deadline_that_passes_ends_the_call_with_its_code(void)
{
	given_native_threads();
	cbb_async_options options = {.size = sizeof options, .done = on_done, .timeout_ms = 50};
	REMOTE_OK(cbb_call_async(remote_function(threads_library, "gate_wait"), NULL, NULL, &options, NULL));
	EXPECT(dispatch_until(default_queue, &n_done, 1));
	EXPECT_EQUAL(done_status[0], CBB_ERR_TIMEOUT);
	EXPECT_CONTAINS(done_text, "gate_wait");
	int value = 4, result = 0; /* the lane that is stuck is not this one's */
	begin("doubled_here", &result, (void *[]){&value}, NULL);
	EXPECT(dispatch_until(default_queue, &n_done, 2));
	EXPECT_EQUAL(result, 8);
	open_gate();
	remote_end();
}

static void C19_when_the_host_dies_every_call_ends_with_that_code(void)
{
	given_two_lanes_and_room_for_three();
	for (int i = 0; i < 4; i++)
		begin("gate_wait", NULL, NULL, NULL);
	expect_at_gate(2);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT(dispatch_until(default_queue, &n_done, 4));
	for (int i = 0; i < 4; i++)
		EXPECT_EQUAL(done_status[i], CBB_ERR_HOST_DIED);
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	remote_end();
}

static int sum_failing_the_call(int thread, int number)
{
	(void)thread, (void)number;
	REMOTE_OK(cbb_invocation_fail_call(cbb_invocation_current(), -EIO, "the disk is full of birds"));
	return 0;
}

static void C19_a_handler_can_make_the_call_fail(void)
{
	sum_fn handler = sum_failing_the_call;
	int thread = 3, number = 4, result = 0;
	given_native_threads();
	begin("sum_here", &result, (void *[]){&handler, &thread, &number}, NULL);
	EXPECT(dispatch_until(default_queue, &n_done, 1));
	EXPECT_EQUAL(done_status[0], -EIO);
	EXPECT_CONTAINS(done_text, "birds");
	remote_end();
}

static void C19_a_pull_queue_and_a_wrong_number_of_arguments_are_refused_at_once(void)
{
	int value = 1;
	given_native_threads();
	cbb_async_options options = {.size = sizeof options, .done = on_done, .queue = QUEUE_WITH(.pull = 1)};
	cbb_function *function = remote_function(threads_library, "doubled_here");
	EXPECT(cbb_call_async(function, NULL, (void *[]){&value}, &options, NULL) < 0);
	options.queue = NULL;
	options.n_arguments = 3;
	EXPECT(cbb_call_async(function, NULL, (void *[]){&value, &value, &value}, &options, NULL) < 0);
	EXPECT_EQUAL(dispatch_all(default_queue), 0);
	EXPECT_EQUAL(n_done, 0);
	remote_end();
}

static const struct test tests[] = {
	TEST(C19_the_call_runs_elsewhere_and_its_end_comes_on_the_queue_with_the_result_written),
	TEST(C19_the_program_goes_on_while_the_call_waits_in_native_code),
	TEST(C19_callbacks_of_the_call_are_nested_in_it_on_the_queues_dispatcher),
	TEST(C19_without_options_nobody_is_told_and_the_call_is_made),
	TEST(C19_at_most_as_many_as_allowed_run_at_once_and_others_wait_their_turn),
	TEST(C19_a_call_that_has_not_begun_can_be_cancelled_and_one_that_has_can_not),
	TEST(C19_a_deadline_that_passes_ends_the_call_with_its_code),
	TEST(C19_when_the_host_dies_every_call_ends_with_that_code),
	TEST(C19_a_handler_can_make_the_call_fail),
	TEST(C19_a_pull_queue_and_a_wrong_number_of_arguments_are_refused_at_once),
};
HARNESS_MAIN(tests)
