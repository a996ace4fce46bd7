/* SPDX-License-Identifier: MIT */
/* G11 for threads of the library: handlers that are late, have not begun, or could only wait for one another. */
#include "support/foreign.h"

#include <pthread.h>

#define LANES 64 /* that threads of one queue and host have at once */

static _Atomic long n_handled;
static struct puppet *puppet;

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static bool puppet_is_back(void *n_done)
{
	return puppet_says(puppet, "puppet_done") >= *(int *)n_done;
}

/* ---- A handler that is late ---- */

/* What native code does while this program's dispatcher is in a handler: seen from a thread, and a lane, of its own. */
static _Atomic int native_is_back;

static void *thread_watching(void *n_done)
{
	EXPECT(harness_wait_until(puppet_is_back, n_done, FOREIGN_WAIT_MS));
	native_is_back = 1;
	return NULL;
}

static pthread_t given_a_watcher(int *n_done)
{
	pthread_t thread;
	native_is_back = 0;
	REQUIRE(pthread_create(&thread, NULL, thread_watching, n_done) == 0);
	return thread;
}

static int sum_late(int thread, int number)
{
	EXPECT(harness_wait_flag(&native_is_back, FOREIGN_WAIT_MS));
	return sum(thread, number);
}

/* The call finds nobody who would make it; nor does the next. */
static int sum_calling_late(int thread, int number)
{
	EXPECT(harness_wait_flag(&native_is_back, FOREIGN_WAIT_MS));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQUAL(THREADS(int(void), "thread_here")(), 0);
		EXPECT_ERROR(CBB_ERR_TIMEOUT, "deadline");
	}
	return sum(thread, number);
}

static bool late_answers_are_counted(void *n)
{
	return remote_report().late_answers >= (uint64_t)*(int *)n;
}

/*
 * On a busy machine the deadline may pass before the handler begins: then it does not, and native code asks once more.
 */
static void ask_until_late(cbb_queue *queue, cbb_callback *callback, int *n_done)
{
	long before = n_handled;
	while (n_handled == before) {
		(*n_done)++;
		pthread_t watcher = given_a_watcher(n_done);
		tell_sum(puppet, sum_pointer(callback), 1, 1);
		while (n_handled == before && !native_is_back)
			dispatch_ok(queue, 5);
		pthread_join(watcher, NULL);
		dispatch_ok(queue, 0);
	}
}

static void expect_late_once(cbb_queue *queue, cbb_callback *callback, int *n_done)
{
	ask_until_late(queue, callback, n_done);
	EXPECT_EQUAL(puppet_says(puppet, "puppet_answer"), SUM_ON_ERROR);
	/* The native thread is not spoiled, nor is the host. Until the late answer has come, its lane gives the default. */
	int answer = SUM_ON_ERROR;
	for (int i = 0; i < 10000 && answer == SUM_ON_ERROR; i++) {
		tell_sum(puppet, sum, 1, 2);
		(*n_done)++;
		answer = wait_for_puppet(puppet);
	}
	EXPECT_EQUAL(answer, SUM_OF(1, 2));
	EXPECT_EQUAL(remote_report().state, CBB_HOST_RUNNING);
}

static void expect_late(int32_t delivery, cbb_queue *queue, sum_fn handler)
{
	int n = 3, n_done = 0;
	cbb_callback *callback = SUM_CALLBACK(handler, .delivery = delivery, .queue = queue,
	                                      .timeout_ms = 50 * harness_slow(), .name = "the late one");
	puppet = given_a_puppet("impatient");
	for (int i = 0; i < n; i++)
		expect_late_once(queue ? queue : default_queue, callback, &n_done);
	EXPECT(harness_wait_until(late_answers_are_counted, &n, FOREIGN_WAIT_MS));
	EXPECT_CONTAINS(remote_report().notice, "the late one");
	EXPECT_EQUAL(counts_of(callback).handled, n);
	end_puppet(puppet);
	remote_end();
}

static void G11_blocking_a_late_handler_gives_the_native_thread_the_default_and_its_answer_is_counted(void)
{
	given_native_threads();
	expect_late(CBB_BLOCKING, QUEUE_WITH(), sum_late);
}

static void G11_auto_a_late_handler_does_the_same(void)
{
	given_native_threads();
	expect_late(CBB_AUTO, NULL, sum_late);
}

static void G11_calls_of_a_late_handler_time_out_and_the_host_goes_on(void)
{
	given_native_threads();
	expect_late(CBB_BLOCKING, QUEUE_WITH(), sum_calling_late);
}

static int sum_staying(int thread, int number)
{
	return SUM_OF(thread, number);
}

/* A lane that was lent by a thread which still lives is not kept for a late answer: it ends under the handler. */
static void G11_on_a_lane_that_was_lent_too(void)
{
	struct puppet *owners[LANES];
	int n_done = 0;
	given_native_threads();
	for (int i = 0; i < LANES; i++) {
		owners[i] = given_a_puppet("owner");
		tell_sum(owners[i], sum_staying, i, 0);
		EXPECT_EQUAL(wait_for_puppet(owners[i]), SUM_OF(i, 0));
	}
	cbb_callback *callback = SUM_CALLBACK(sum_calling_late, .delivery = CBB_BLOCKING, .timeout_ms = 50 * harness_slow());
	puppet = given_a_puppet("impatient");
	expect_late_once(default_queue, callback, &n_done);
	for (int i = 0; i < LANES; i++) {
		tell_sum(owners[i], sum_staying, i, 1);
		EXPECT_EQUAL(wait_for_puppet(owners[i]), SUM_OF(i, 1));
		end_puppet(owners[i]);
	}
	end_puppet(puppet);
	remote_end();
}

/* ---- A handler that does not begin ---- */

static void *thread_dispatching_once(void *queue)
{
	EXPECT_EQUAL(dispatch_all(queue), 0);
	return NULL;
}

/* This thread is never its dispatcher: its calls would serve the queue. */
static void G11_what_has_not_begun_at_its_deadline_does_not_begin(void)
{
	pthread_t dispatcher;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.stall_timeout_ms = CBB_UNLIMITED);
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue, .timeout_ms = 30);
	puppet = given_a_puppet("impatient");
	for (int n_done = 1; n_done <= 3; n_done++) { /* without a lane, and then with one */
		tell_sum(puppet, sum_pointer(callback), 1, n_done);
		EXPECT(harness_wait_until(puppet_is_back, &n_done, FOREIGN_WAIT_MS));
		EXPECT_EQUAL(puppet_says(puppet, "puppet_answer"), SUM_ON_ERROR);
		REQUIRE(pthread_create(&dispatcher, NULL, thread_dispatching_once, queue) == 0);
		pthread_join(dispatcher, NULL);
		EXPECT_EQUAL(n_handled, 0);
	}
	end_puppet(puppet);
	remote_end();
}

/* ---- All lanes in use ---- */

static cbb_deferred *deferred[LANES];
static _Atomic long n_deferred;

static int sum_later(int thread, int number)
{
	(void)number;
	n_handled++;
	REMOTE_OK(cbb_invocation_defer(cbb_invocation_current(), &deferred[thread]));
	n_deferred++;
	return 0;
}

static void G11_when_all_lanes_wait_another_thread_waits_to_its_deadline_and_is_lent_the_next_that_is_free(void)
{
	int n_done = 1;
	given_native_threads();
	cbb_callback *waiting = SUM_CALLBACK(sum_later, .delivery = CBB_BLOCKING);
	cbb_callback *hasty = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .timeout_ms = 50);
	cbb_callback *patient = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING);
	struct crew *crew = given_sums(sum_pointer(waiting), LANES, 1);
	EXPECT(dispatch_until(default_queue, &n_deferred, LANES));
	puppet = given_a_puppet("one too many");
	tell_sum(puppet, sum_pointer(hasty), 1, 1);
	EXPECT(harness_wait_until(puppet_is_back, &n_done, FOREIGN_WAIT_MS)); /* each look is a call, which serves */
	EXPECT_EQUAL(puppet_says(puppet, "puppet_answer"), SUM_ON_ERROR);
	EXPECT_EQUAL(n_handled, LANES);
	tell_sum(puppet, sum_pointer(patient), 1, 2);
	for (int i = 0; i < LANES; i++) {
		int value = SUM_OF(i, 0);
		EXPECT_EQUAL(cbb_deferred_answer(deferred[i], &value, sizeof value), 0);
		cbb_deferred_free(deferred[i]);
	}
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(1, 2));
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), LANES);
	free_crew(crew);
	end_puppet(puppet);
	remote_end();
}

/* ---- Depth ---- */

static cbb_function *sum_here_function;
static int depth_wanted, depth_reached, error_at_end;
static pid_t nesting_on;

static int sum_nesting(int thread, int depth)
{
	sum_fn self = sum_nesting;
	int result = 0, next = depth + 1, before = depth;
	pid_t native = cbb_invocation_thread(cbb_invocation_current());
	EXPECT(depth == 1 || native == nesting_on);
	nesting_on = native;
	depth_reached = depth > depth_reached ? depth : depth_reached;
	if (depth >= depth_wanted)
		return SUM_OF(thread, depth);
	EXPECT_EQUAL(cbb_call(sum_here_function, &result, (void *[]){&self, &thread, &next}), 0);
	EXPECT_EQUAL(depth, before);
	return result == SUM_ON_ERROR ? SUM_OF(thread, depth) : result;
}

/* The 65th callback is refused where it is made. */
static void on_failure(const cbb_failure *failure, void *user_data)
{
	(void)user_data;
	error_at_end = failure->code;
	EXPECT_CONTAINS(failure->text, "65");
}

static bool error_was_told(void *context)
{
	(void)context;
	return error_at_end != 0;
}

static int nest(int depth)
{
	depth_wanted = depth;
	depth_reached = error_at_end = 0;
	tell_sum(puppet, sum_nesting, 2, 1);
	return wait_for_puppet(puppet);
}

static void J05_on_a_thread_of_the_library_they_nest_64_deep_as_well_and_the_65th_is_refused(void)
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, NULL));
	sum_here_function = remote_function(threads_library, "sum_here");
	puppet = given_a_puppet("deep");
	EXPECT_EQUAL(nest(64), SUM_OF(2, 64));
	EXPECT_EQUAL(depth_reached, 64);
	EXPECT_EQUAL(error_at_end, 0);
	EXPECT_EQUAL(nesting_on, puppet_says(puppet, "puppet_thread"));
	EXPECT_EQUAL(nest(65), SUM_OF(2, 64));
	EXPECT_EQUAL(depth_reached, 64);
	EXPECT(dispatch_while_waiting(default_queue, error_was_told, NULL));
	EXPECT_EQUAL(error_at_end, CBB_ERR_DEPTH);
	EXPECT_EQUAL(nest(3), SUM_OF(2, 3));
	end_puppet(puppet);
	remote_end();
}

static const struct test tests[] = {
	TEST(G11_blocking_a_late_handler_gives_the_native_thread_the_default_and_its_answer_is_counted),
	TEST(G11_auto_a_late_handler_does_the_same),
	TEST(G11_calls_of_a_late_handler_time_out_and_the_host_goes_on),
	TEST(G11_on_a_lane_that_was_lent_too),
	TEST(G11_what_has_not_begun_at_its_deadline_does_not_begin),
	TEST(G11_when_all_lanes_wait_another_thread_waits_to_its_deadline_and_is_lent_the_next_that_is_free),
	TEST(J05_on_a_thread_of_the_library_they_nest_64_deep_as_well_and_the_65th_is_refused),
};
HARNESS_MAIN(tests)
