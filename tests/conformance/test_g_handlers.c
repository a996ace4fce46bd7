/* SPDX-License-Identifier: MIT */
/* G01 to G08: handlers that fail, nested and called by threads of the library. */
#include "support/foreign.h"

#include <errno.h>

static _Atomic long n_handled;

static int sum_failing(int thread, int number)
{
	(void)thread;
	n_handled++;
	EXPECT_EQUAL(cbb_invocation_fail(cbb_invocation_current(), -1000 - number, "the frobnicator is empty"), 0);
	return 5; /* not what native code gets */
}

static int ask(const char *how, sum_fn handler, int number)
{
	int answer = THREADS(int(sum_fn, int, int), how)(handler, 1, number);
	EXPECT_CALL_OK();
	return answer;
}

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

/* ---- G01, G02 ---- */

static void G01_a_nested_handler_that_fails_ends_nothing_and_native_code_gets_the_default(void)
{
	given_native_threads();
	for (int i = 0; i < 10; i++)
		EXPECT_EQUAL(ask("sum_here", sum_failing, i), SUM_ON_ERROR);
	EXPECT_EQUAL(n_handled, 10);
	EXPECT_EQUAL(ask("sum_here", sum, 1), SUM_OF(1, 1));
	remote_end();
}

static void G02_a_handler_for_a_native_thread_that_fails_ends_nothing_and_gives_a_defined_value(void)
{
	given_native_threads();
	cbb_callback *callback = SUM_CALLBACK(sum_failing, .delivery = CBB_BLOCKING);
	EXPECT_EQUAL(ask("sum_elsewhere", sum, 1), SUM_OF(1, 1)); /* the default is not the previous answer */
	for (int i = 0; i < 10; i++)
		EXPECT_EQUAL(ask("sum_elsewhere", i % 2 ? sum_failing : sum_pointer(callback), i), SUM_ON_ERROR);
	EXPECT_EQUAL(ask("sum_elsewhere", sum, 1), SUM_OF(1, 1));
	EXPECT_EQUAL(counts_of(callback).handled, 5);
	EXPECT_EQUAL(counts_of(callback).failed, 5);
	remote_end();
}

static _Atomic long n_events;

static void event_failing(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	n_events++;
	EXPECT_EQUAL(cbb_invocation_fail(cbb_invocation_current(), 0, "not this one"), 0);
}

static void G02_an_event_whose_handler_fails_counts_as_handled_and_others_follow(void)
{
	given_native_threads();
	cbb_callback *callback = EVENT_CALLBACK(event_failing);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 10);
	EXPECT(dispatch_until(default_queue, &n_events, 10));
	EXPECT_EQUAL(counts_of(callback).handled, 10);
	EXPECT_EQUAL(counts_of(callback).failed, 10);
	end_puppet(puppet);
	remote_end();
}

/* ---- G03, G04 ---- */

static void value_of_the_callback(cbb_invocation *invocation, const cbb_failure *failure, void *result)
{
	EXPECT_EQUAL(*(int *)result, SUM_ON_ERROR); /* what native code would get */
	EXPECT(failure->size >= sizeof *failure);
	*(int *)result = *(int *)cbb_invocation_user_data(invocation);
}

static void G03_the_value_after_a_failure_is_set_per_callback(void)
{
	int values[] = {11, 22, 33};
	given_native_threads();
	for (int i = 0; i < 3; i++) {
		cbb_callback *callback = SUM_CALLBACK(sum_failing, .on_error = value_of_the_callback, .user_data = &values[i]);
		EXPECT_EQUAL(ask("sum_here", sum_pointer(callback), i), values[i]);
		EXPECT_EQUAL(ask("sum_elsewhere", sum_pointer(callback), i), values[i]);
	}
	EXPECT_EQUAL(ask("sum_elsewhere", sum_failing, 1), SUM_ON_ERROR);
	remote_end();
}

static pid_t error_handler_ran_on;

static void value_computed(cbb_invocation *invocation, const cbb_failure *failure, void *result)
{
	void *const *arguments = cbb_invocation_arguments(invocation);
	error_handler_ran_on = gettid();
	EXPECT(cbb_invocation_current() == invocation); /* in the handler's place */
	EXPECT_CONTAINS(failure->text, "frobnicator");
	EXPECT_EQUAL(failure->code, -1000 - *(int *)arguments[1]);
	*(int *)result = *(int *)arguments[0] * 1000 + *(int *)arguments[1];
}

static void G04_an_error_handler_computes_the_value_from_the_arguments(void)
{
	given_native_threads();
	cbb_callback *callback = SUM_CALLBACK(sum_failing, .on_error = value_computed);
	for (int i = 0; i < 10; i++) {
		EXPECT_EQUAL(ask("sum_here", sum_pointer(callback), i), 1000 + i);
		EXPECT_EQUAL(ask("sum_elsewhere", sum_pointer(callback), i), 1000 + i);
	}
	EXPECT_EQUAL(error_handler_ran_on, gettid());
	remote_end();
}

/* ---- G05, G07 ---- */

static struct {
	int n, code, thread;
	uint64_t sequence;
	cbb_callback *callback;
	char name[64], text[256], thread_name[64];
} failed;

static void on_failure(const cbb_failure *failure, void *user_data)
{
	EXPECT(user_data == &failed);
	failed.n++;
	failed.code = failure->code;
	failed.thread = failure->thread;
	failed.sequence = failure->sequence;
	failed.callback = failure->callback;
	snprintf(failed.name, sizeof failed.name, "%s", failure->callback_name);
	snprintf(failed.text, sizeof failed.text, "%s", failure->text);
	snprintf(failed.thread_name, sizeof failed.thread_name, "%s", failure->thread_name);
}

static void G05_one_hook_gets_every_failure_with_the_callbacks_identity(void)
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, &failed));
	EXPECT_EQUAL(cbb_set_failure_hook(NULL, on_failure, NULL), -EINVAL);
	cbb_callback *callback = SUM_CALLBACK(sum_failing, .name = "the frobnicating one");
	ask("sum_here", sum_pointer(callback), 1);
	EXPECT_EQUAL(failed.n, 1);
	EXPECT(failed.callback == callback);
	EXPECT_STRING(failed.name, "the frobnicating one");
	EXPECT_EQUAL(failed.code, -1001);
	ask("sum_elsewhere", sum_failing, 2);
	EXPECT_EQUAL(failed.n, 2);
	EXPECT(failed.callback == NULL); /* a plain function */
	EXPECT_STRING(failed.name, "sum_fn");
	EXPECT_EQUAL(failed.code, -1002);
	REMOTE_OK(cbb_set_failure_hook(remote_client, NULL, NULL));
	ask("sum_elsewhere", sum_failing, 3);
	EXPECT_EQUAL(failed.n, 2);
	remote_end();
}

static void G07_the_message_comes_with_the_callbacks_name_the_thread_and_the_sequence_number(void)
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, &failed));
	cbb_callback *callback = SUM_CALLBACK(sum_failing, .delivery = CBB_BLOCKING, .name = "the frobnicating one");
	struct puppet *puppet = given_a_puppet("frob thread");
	tell_sum(puppet, sum_pointer(callback), 1, 7);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	EXPECT_STRING(failed.text, "the frobnicator is empty");
	EXPECT_STRING(failed.name, "the frobnicating one");
	EXPECT_STRING(failed.thread_name, "frob thread");
	EXPECT_EQUAL(failed.thread, puppet_says(puppet, "puppet_thread"));
	EXPECT(failed.sequence > 0);
	EXPECT_EQUAL(failed.code, -1007);
	end_puppet(puppet);
	remote_end();
}

static int sum_failing_without_a_code(int thread, int number)
{
	(void)thread, (void)number;
	EXPECT_EQUAL(cbb_invocation_fail(NULL, -1, "nobody"), -EINVAL);
	EXPECT_EQUAL(cbb_invocation_fail(cbb_invocation_current(), 0, NULL), 0);
	return 5;
}

static void G07_without_a_code_and_a_text_it_is_an_argument_error_with_some_words(void)
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, &failed));
	EXPECT_EQUAL(ask("sum_elsewhere", sum_failing_without_a_code, 1), SUM_ON_ERROR);
	EXPECT_EQUAL(failed.code, CBB_ERR_ARGUMENT);
	EXPECT(failed.text[0] != 0);
	remote_end();
}

/* ---- G06 ---- */

static int sum_failing_the_call(int thread, int number)
{
	(void)thread;
	n_handled++;
	EXPECT_EQUAL(cbb_invocation_fail_call(cbb_invocation_current(), -2000 - number, "and so is the call"), 0);
	return 5;
}

static void G06_a_nested_handler_can_make_the_call_fail_that_it_is_made_under(void)
{
	sum_fn handler = sum_failing_the_call;
	int thread = 1, number = 3, result = 0;
	given_native_threads();
	cbb_function *function = remote_function(threads_library, "sum_here");
	EXPECT_EQUAL(cbb_call(function, &result, (void *[]){&handler, &thread, &number}), -2003);
	EXPECT_CONTAINS(cbb_last_error_text(), "and so is the call");
	EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_here")(handler, 1, 4), 0); /* sum_here says no on_error */
	EXPECT_ERROR(-2004, "and so is the call");
	EXPECT_EQUAL(ask("sum_here", sum, 1), SUM_OF(1, 1));
	remote_end();
}

static void G06_on_a_thread_of_the_library_there_is_no_such_call_and_only_the_callback_fails(void)
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, &failed));
	EXPECT_EQUAL(ask("sum_elsewhere", sum_failing_the_call, 5), SUM_ON_ERROR); /* with EXPECT_CALL_OK */
	EXPECT_EQUAL(failed.code, -2005);
	remote_end();
}

/* ---- G08 ---- */

static struct pair pair_of(int thread, int number)
{
	n_handled++;
	return (struct pair){SUM_OF(thread, number), number / 4.0};
}

static struct pair pair_failing(int thread, int number)
{
	cbb_invocation_fail(cbb_invocation_current(), -3000 - number, "no pair today");
	return pair_of(thread, number);
}

static void value_of_a_pair(cbb_invocation *invocation, const cbb_failure *failure, void *result)
{
	struct pair *pair = result;
	(void)invocation, (void)failure;
	EXPECT_EQUAL(pair->sum, 0);
	*pair = (struct pair){17, 0.25};
}

static void expect_pair(struct puppet *puppet, pair_fn handler, int sum_expected, double ratio_expected)
{
	EXPECT_EQUAL(PUPPETS(int(struct puppet *, pair_fn, int, int), "puppet_pair")(puppet, handler, 2, 6), 0);
	EXPECT_EQUAL(wait_for_puppet(puppet), sum_expected);
	EXPECT_EQUAL(PUPPETS(double(struct puppet *), "puppet_ratio")(puppet), ratio_expected);
	struct pair pair = THREADS(struct pair(pair_fn, int, int), "pair_here")(handler, 2, 6);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(pair.sum, sum_expected);
	EXPECT_EQUAL(pair.ratio, ratio_expected);
}

static void G08_a_callback_that_returns_a_struct_fails_like_any_other(void)
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, &failed));
	struct puppet *puppet = given_a_puppet("pairing");
	cbb_callback *computed = CALLBACK_WITH(threads_library, "pair_fn", pair_failing, .on_error = value_of_a_pair);
	expect_pair(puppet, pair_of, SUM_OF(2, 6), 1.5);
	expect_pair(puppet, pair_failing, 0, 0);
	EXPECT_EQUAL(failed.code, -3006);
	expect_pair(puppet, (pair_fn)cbb_callback_pointer(computed), 17, 0.25);
	expect_pair(puppet, pair_of, SUM_OF(2, 6), 1.5);
	end_puppet(puppet);
	remote_end();
}

static const struct test tests[] = {
	TEST(G01_a_nested_handler_that_fails_ends_nothing_and_native_code_gets_the_default),
	TEST(G02_a_handler_for_a_native_thread_that_fails_ends_nothing_and_gives_a_defined_value),
	TEST(G02_an_event_whose_handler_fails_counts_as_handled_and_others_follow),
	TEST(G03_the_value_after_a_failure_is_set_per_callback),
	TEST(G04_an_error_handler_computes_the_value_from_the_arguments),
	TEST(G05_one_hook_gets_every_failure_with_the_callbacks_identity),
	TEST(G06_a_nested_handler_can_make_the_call_fail_that_it_is_made_under),
	TEST(G06_on_a_thread_of_the_library_there_is_no_such_call_and_only_the_callback_fails),
	TEST(G07_the_message_comes_with_the_callbacks_name_the_thread_and_the_sequence_number),
	TEST(G07_without_a_code_and_a_text_it_is_an_argument_error_with_some_words),
	TEST(G08_a_callback_that_returns_a_struct_fails_like_any_other),
};
HARNESS_MAIN(tests)
