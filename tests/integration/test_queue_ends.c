/* SPDX-License-Identifier: MIT */
/* Hosts, queues and connections that end while a queue still holds something of theirs, or runs it. */
#include "support/foreign.h"

#include <errno.h>
#include <pthread.h>

static _Atomic long n_handled, n_dropped, n_finalized, n_done, n_lost;
static int last_status;

static void event(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	EXPECT_EQUAL(n_finalized, 0);
	n_handled++;
}

static void dropped(cbb_invocation *invocation, void *const arguments[], void *user_data)
{
	(void)invocation, (void)arguments, (void)user_data;
	EXPECT_EQUAL(n_finalized, 0);
	n_dropped++;
}

static void finalized(cbb_callback *callback, void *user_data)
{
	(void)callback, (void)user_data;
	n_finalized++;
}

static bool host_has_ended(void *context)
{
	(void)context;
	return remote_report().state == CBB_HOST_ENDED;
}

/* ---- Events of a host that is gone ---- */

static void given_events_of_a_host_that_died_when_their_callback_is_closed_then_each_is_accounted_for(int mode)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback =
	    PUPPET_EVENTS(event, .queue = queue, .on_dropped = dropped, .finalizer = finalized);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 20);
	REQUIRE(puppet_reaches(puppet, 20));
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT(harness_wait_until(host_has_ended, NULL, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(cbb_queue_dispatch(queue, FOREIGN_WAIT_MS, 1), 1); /* now all that came is here, and the end */
	EXPECT(close_with(callback, mode, 0) >= 0);
	dispatch_all(queue);
	EXPECT_EQUAL(n_handled + n_dropped, 20);
	EXPECT_EQUAL(n_finalized, 1);
	EXPECT_LACKS(remote_report().notice, "broke the protocol");
	remote_end();
	EXPECT_EQUAL(n_finalized, 1);
}

static void given_events_of_a_host_that_died_when_their_callback_is_drained_then_each_is_accounted_for(void)
{
	given_events_of_a_host_that_died_when_their_callback_is_closed_then_each_is_accounted_for(CBB_CLOSE_DRAIN);
}

static void given_events_of_a_host_that_died_when_their_callback_is_aborted_then_each_is_accounted_for(void)
{
	given_events_of_a_host_that_died_when_their_callback_is_closed_then_each_is_accounted_for(CBB_CLOSE_ABORT);
}

static void dropped_closing(cbb_invocation *invocation, void *const arguments[], void *user_data)
{
	dropped(invocation, arguments, user_data);
	EXPECT(cbb_callback_close(cbb_invocation_callback(invocation), NULL) >= 0);
}

static void given_queued_events_when_the_first_that_is_handed_back_closes_the_callback_then_the_others_follow(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback =
	    PUPPET_EVENTS(event, .queue = queue, .on_dropped = dropped_closing, .finalizer = finalized);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 20);
	REQUIRE(puppet_reaches(puppet, 20));
	remote_end();
	EXPECT_EQUAL(n_dropped, 20);
	EXPECT_EQUAL(n_finalized, 1);
}

/* ---- Closing from where it cannot be done ---- */

static void close_host_here(void)
{
	uint64_t began_ms = foreign_now_ms();
	EXPECT(cbb_host_close(remote_host) == remote_host);
	last_status = cbb_last_error();
	EXPECT(foreign_now_ms() - began_ms < 8000 * harness_slow()); /* not with a time-out */
}

static void done_closing(cbb_async *async, int status, void *user_data)
{
	(void)async, (void)status, (void)user_data;
	close_host_here();
	n_done++;
}

static void lost_closing(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	(void)callback, (void)loss, (void)user_data;
	close_host_here();
	n_lost++;
}

static void finalized_closing(cbb_callback *callback, void *user_data)
{
	close_host_here();
	finalized(callback, user_data);
}

static void expect_host_lives(void)
{
	EXPECT_EQUAL(last_status, CBB_ERR_WOULD_DEADLOCK);
	EXPECT_EQUAL(THREADS(int(int), "doubled_here")(4), 8);
	remote_end();
}

static void given_a_completion_when_it_closes_its_host_then_it_is_told_that_it_cannot(void)
{
	int value = 4, result = 0;
	given_native_threads();
	REMOTE_OK(cbb_call_async(remote_function(threads_library, "doubled_here"), &result, (void *[]){&value},
	                         &(cbb_async_options){.size = sizeof(cbb_async_options), .done = done_closing}, NULL));
	dispatch_until(default_queue, &n_done, 1);
	expect_host_lives();
}

static void given_a_finalizer_when_it_closes_its_host_then_it_is_told_that_it_cannot(void)
{
	given_native_threads();
	cbb_callback *callback = PUPPET_EVENTS(event, .finalizer = finalized_closing);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	dispatch_until(default_queue, &n_finalized, 1);
	expect_host_lives();
}

static void given_a_loss_when_its_handler_closes_its_host_then_it_is_told_that_it_cannot(void)
{
	given_native_threads();
	cbb_callback *callback =
	    PUPPET_EVENTS(event, .on_lost = lost_closing, .overflow = CBB_OVERFLOW_REJECT_NEWEST, .max_queued = 1);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 3);
	REQUIRE(puppet_reaches(puppet, 3));
	dispatch_until(default_queue, &n_lost, 1);
	end_puppet(puppet);
	expect_host_lives();
}

static int sum_disconnecting(int thread, int number)
{
	EXPECT(cbb_disconnect(remote_client) == remote_client);
	last_status = cbb_last_error();
	return SUM_OF(thread, number);
}

static void given_a_nested_handler_that_disconnects_then_the_client_is_still_connected(void)
{
	given_native_threads();
	EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_here")(sum_disconnecting, 1, 2), SUM_OF(1, 2));
	EXPECT_EQUAL(last_status, CBB_ERR_WOULD_DEADLOCK);
	cbb_callback *callback = PUPPET_EVENTS(event);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 3);
	dispatch_until(default_queue, &n_handled, 3);
	end_puppet(puppet);
	expect_host_lives();
}

/* ---- Asynchronous calls ---- */

static void done_noting(cbb_async *async, int status, void *user_data)
{
	(void)async, (void)user_data;
	last_status = status;
	n_done++;
}

static void given_a_call_whose_deadline_and_host_have_both_passed_when_looked_at_then_it_ends_once(void)
{
	given_native_threads();
	REMOTE_OK(cbb_call_async(remote_function(threads_library, "gate_wait"), NULL, NULL,
	                         &(cbb_async_options){.size = sizeof(cbb_async_options), .done = done_noting,
	                                              .timeout_ms = 50}, NULL));
	uint64_t end_ms = foreign_now_ms() + 200;
	while (foreign_now_ms() < end_ms) /* its deadline passes, and nobody looks */
		harness_wait_readable(-1, 10);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT(harness_wait_until(host_has_ended, NULL, FOREIGN_WAIT_MS));
	dispatch_until(default_queue, &n_done, 1);
	EXPECT(last_status == CBB_ERR_TIMEOUT || last_status == CBB_ERR_HOST_DIED);
	EXPECT_EQUAL(dispatch_all(default_queue), 0);
	remote_end();
	EXPECT_EQUAL(n_done, 1);
}

static _Atomic int is_inside, may_leave;

static void finalized_slowly(cbb_callback *callback, void *user_data)
{
	is_inside = 1;
	EXPECT(harness_wait_flag(&may_leave, FOREIGN_WAIT_MS));
	EXPECT_STRING(cbb_callback_name(callback), "slow"); /* it is still there */
	finalized(callback, user_data);
}

static void *thread_dispatching(void *queue)
{
	dispatch_until(queue, &n_finalized, 1);
	return NULL;
}

static void *thread_letting_go(void *context)
{
	(void)context;
	harness_wait_flag(&may_leave, 200); /* nobody sets it meanwhile: the closer gets that far */
	may_leave = 1;
	return NULL;
}

static void given_a_finalizer_that_runs_when_its_host_is_closed_by_another_thread_then_that_waits_for_it(void)
{
	pthread_t threads[2];
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = PUPPET_EVENTS(event, .queue = queue, .name = "slow", .finalizer = finalized_slowly);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	REQUIRE(pthread_create(&threads[0], NULL, thread_dispatching, queue) == 0);
	EXPECT(harness_wait_flag(&is_inside, FOREIGN_WAIT_MS));
	REQUIRE(pthread_create(&threads[1], NULL, thread_letting_go, NULL) == 0);
	EXPECT(cbb_host_close(remote_host) == NULL);
	EXPECT_EQUAL(n_finalized, 1);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	remote_end();
}

/* ---- Handlers that end at the moment of the closing ---- */

enum { ROUNDS = 5000 };
static cbb_callback *_Atomic called;
static _Atomic int calls_end;

static int sum(int thread, int number)
{
	return SUM_OF(thread, number);
}

static void *thread_calling(void *context)
{
	(void)context;
	while (!calls_end) {
		cbb_callback *callback = called;
		if (callback)
			sum_pointer(callback)(1, 2);
	}
	return NULL;
}

static void given_handlers_that_return_while_their_callbacks_are_closed_then_each_finalizer_runs(void)
{
	pthread_t thread;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	REQUIRE(pthread_create(&thread, NULL, thread_calling, NULL) == 0);
	for (int i = 1; i <= ROUNDS && expect_failures() == 0; i++) {
		cbb_callback *callback =
		    SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue, .finalizer = finalized);
		cbb_callback_pointer(callback);
		called = callback;
		EXPECT(cbb_callback_close(callback, NULL) >= 0);
		dispatch_all(queue);
		EXPECT_EQUAL(n_finalized, i);
	}
	calls_end = 1;
	pthread_join(thread, NULL);
	remote_end();
}

static const struct test tests[] = {
	TEST(given_events_of_a_host_that_died_when_their_callback_is_drained_then_each_is_accounted_for),
	TEST(given_events_of_a_host_that_died_when_their_callback_is_aborted_then_each_is_accounted_for),
	TEST(given_queued_events_when_the_first_that_is_handed_back_closes_the_callback_then_the_others_follow),
	TEST(given_a_completion_when_it_closes_its_host_then_it_is_told_that_it_cannot),
	TEST(given_a_finalizer_when_it_closes_its_host_then_it_is_told_that_it_cannot),
	TEST(given_a_loss_when_its_handler_closes_its_host_then_it_is_told_that_it_cannot),
	TEST(given_a_nested_handler_that_disconnects_then_the_client_is_still_connected),
	TEST(given_a_call_whose_deadline_and_host_have_both_passed_when_looked_at_then_it_ends_once),
	TEST(given_a_finalizer_that_runs_when_its_host_is_closed_by_another_thread_then_that_waits_for_it),
	TEST(given_handlers_that_return_while_their_callbacks_are_closed_then_each_finalizer_runs),
};
HARNESS_MAIN(tests)
