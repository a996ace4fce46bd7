/* SPDX-License-Identifier: MIT */
/* E: closing what native threads are calling. E07 drain, E08 abort, E13 finalizer, E11 scope. */
#include "support/stream.h"

#include <pthread.h>

static cbb_queue *queue;

static struct puppet *given_waiting_events(cbb_callback *callback, int n)
{
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, n);
	REQUIRE(puppet_reaches(puppet, n));
	return puppet;
}

/* ---- E07 ---- */

static void E07_drain_handles_what_is_queued_and_returns_when_nothing_runs(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	dispatch_all(queue); /* this thread is its dispatcher, so close runs the events */
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	struct puppet *puppet = given_waiting_events(callback, 200);
	EXPECT_EQUAL(n_handled, 0);
	EXPECT_EQUAL(close_with(callback, CBB_CLOSE_DRAIN, 0), 0);
	EXPECT_EQUAL(n_handled, 200);
	EXPECT_EQUAL(n_dropped, 0);
	EXPECT(dispatch_until(queue, &n_finalized, 1));
	EXPECT_EQUAL(n_stream, 201);
	EXPECT_EQUAL(n_finalized, 1);
	tell_events(puppet, event_pointer(callback), NULL, 201, 10); /* late */
	REQUIRE(puppet_reaches(puppet, 210));
	dispatch_all(queue);
	EXPECT_EQUAL(n_stream, 201);
	EXPECT_EQUAL(remote_report().late_calls, 10);
	end_puppet(puppet);
	remote_end();
}

static _Atomic int close_status, has_closed;

static void *thread_draining(void *callback)
{
	close_status = close_with(callback, CBB_CLOSE_DRAIN, 0);
	has_closed = 1;
	REMOTE_OK(cbb_queue_stop(queue));
	return NULL;
}

static void expect_drain_from_another_thread(bool has_dispatcher)
{
	pthread_t thread;
	given_native_threads();
	queue = QUEUE_WITH();
	if (has_dispatcher)
		dispatch_all(queue);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	struct puppet *puppet = given_waiting_events(callback, 200);
	REQUIRE(pthread_create(&thread, NULL, thread_draining, callback) == 0);
	while (!has_closed) {
		int n = cbb_queue_dispatch(queue, FOREIGN_WAIT_MS, 0);
		EXPECT(n >= 0 || n == CBB_ERR_BUSY); /* the other thread is at it */
	}
	pthread_join(thread, NULL);
	EXPECT_EQUAL(close_status, 0);
	EXPECT_EQUAL(n_handled, 200);
	end_puppet(puppet);
	remote_end();
}

static void E07_drain_from_another_thread_waits_for_the_dispatcher(void)
{
	expect_drain_from_another_thread(true);
}

static void E07_drain_of_a_queue_that_nobody_has_dispatched_yet_ends_too(void)
{
	expect_drain_from_another_thread(false);
}

static void *thread_draining_hastily(void *callback)
{
	close_status = close_with(callback, CBB_CLOSE_DRAIN, 20);
	return NULL;
}

static void E07_drain_ends_at_its_time_out_and_what_is_left_is_still_handled(void)
{
	pthread_t thread;
	given_native_threads();
	queue = QUEUE_WITH();
	dispatch_all(queue); /* this thread is its dispatcher */
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	struct puppet *puppet = given_waiting_events(callback, 50);
	REQUIRE(pthread_create(&thread, NULL, thread_draining_hastily, callback) == 0);
	pthread_join(thread, NULL); /* nobody dispatches */
	EXPECT_EQUAL(close_status, CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(n_handled, 0);
	EXPECT(dispatch_until(queue, &n_finalized, 1));
	EXPECT_EQUAL(n_handled, 50);
	EXPECT_EQUAL(n_dropped, 0);
	EXPECT_EQUAL(close_with(callback, CBB_CLOSE_DRAIN, 0), 0);
	end_puppet(puppet);
	remote_end();
}

static _Atomic long n_sums;
static _Atomic int may_leave, is_inside;

static int sum(int thread, int number)
{
	n_sums++;
	return SUM_OF(thread, number);
}

static bool crew_waits(void *crew)
{
	return crew_has(crew, CREW_INSIDE) == 4;
}

static void E07_drain_answers_native_threads_that_wait_already(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 4, 1);
	EXPECT(harness_wait_until(crew_waits, crew, FOREIGN_WAIT_MS));
	EXPECT(dispatch_until(queue, &n_sums, 1)); /* all their lanes are on the way */
	EXPECT_EQUAL(close_with(callback, CBB_CLOSE_DRAIN, 0), 0);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT) + crew_has(crew, CREW_DEFAULT), 4);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), n_sums);
	free_crew(crew);
	remote_end();
}

/* ---- E08 ---- */

static void E08_abort_frees_native_threads_that_wait_with_the_default(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.stall_timeout_ms = CBB_UNLIMITED);
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 4, 1);
	EXPECT(harness_wait_until(crew_waits, crew, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(close_with(callback, CBB_CLOSE_ABORT, 0), 0);
	join_crew(crew); /* this thread does not dispatch the queue: nobody answers them but the host */
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 4);
	dispatch_all(queue);
	EXPECT_EQUAL(n_sums, 0);
	free_crew(crew);
	remote_end();
}

static void *thread_dispatching(void *context)
{
	EXPECT(dispatch_until(queue, &n_sums, 20));
	return context;
}

/* All answers that were given have come, and all ask again. */
static bool crew_waits_again(void *crew)
{
	return crew_has(crew, CREW_MADE) == n_sums && crew_waits(crew);
}

/* Their calls are on lanes of theirs, and the thread that dispatched has gone: nobody has read them. */
static void E08_abort_frees_native_threads_whose_calls_are_on_their_way(void)
{
	pthread_t thread;
	given_native_threads();
	queue = QUEUE_WITH(.stall_timeout_ms = CBB_UNLIMITED);
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 4, 0);
	REQUIRE(pthread_create(&thread, NULL, thread_dispatching, NULL) == 0);
	pthread_join(thread, NULL);
	EXPECT(harness_wait_until(crew_waits_again, crew, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(close_with(callback, CBB_CLOSE_ABORT, 0), 0);
	THREADS(void(struct crew *), "crew_stop")(crew);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), n_sums);
	EXPECT(crew_has(crew, CREW_DEFAULT) >= 4);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT) + crew_has(crew, CREW_DEFAULT), crew_has(crew, CREW_MADE));
	free_crew(crew);
	remote_end();
}

static int sum_staying(int thread, int number)
{
	is_inside = 1;
	EXPECT(harness_wait_flag(&may_leave, FOREIGN_WAIT_MS));
	return sum(thread, number);
}

static void *thread_aborting(void *callback)
{
	EXPECT(harness_wait_flag(&is_inside, FOREIGN_WAIT_MS));
	close_status = close_with(callback, CBB_CLOSE_ABORT, 20);
	may_leave = 1;
	return NULL;
}

static void E08_the_handler_that_runs_still_gives_its_answer_and_close_says_that_it_runs(void)
{
	pthread_t thread;
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = SUM_CALLBACK(sum_staying, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 1, 3);
	REQUIRE(pthread_create(&thread, NULL, thread_aborting, callback) == 0);
	EXPECT(dispatch_until(queue, &n_sums, 1));
	pthread_join(thread, NULL);
	EXPECT_EQUAL(close_status, CBB_ERR_TIMEOUT);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 1);
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 2);
	EXPECT_EQUAL(close_with(callback, CBB_CLOSE_ABORT, 0), 0);
	free_crew(crew);
	remote_end();
}

/* ---- E13 ---- */

static pid_t finalized_on;
static int finalizer_data;

static void finalizer(cbb_callback *callback, void *user_data)
{
	EXPECT(user_data == &finalizer_data);
	EXPECT(user_data == cbb_callback_user_data(callback));
	EXPECT_STRING(cbb_callback_name(callback), "with an end");
	finalized_on = gettid();
	stream_finalized(callback, user_data);
}

static void *thread_closing(void *callback)
{
	EXPECT(close_with(callback, CBB_CLOSE_ABORT, 0) >= 0);
	EXPECT(close_with(callback, CBB_CLOSE_DRAIN, 1) == 0 || cbb_last_error() == CBB_ERR_TIMEOUT);
	EXPECT(finalized_on != gettid());
	return NULL;
}

static void E13_the_finalizer_runs_once_last_with_its_user_data_on_the_dispatching_thread(void)
{
	pthread_t thread;
	given_native_threads();
	queue = QUEUE_WITH();
	dispatch_all(queue);
	cbb_callback *callback = EVENT_CALLBACK(stream_event, .queue = queue, .name = "with an end", .finalizer = finalizer,
	                                        .user_data = &finalizer_data, .on_dropped = stream_dropped);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 20);
	EXPECT(dispatch_until(queue, &n_handled, 20));
	REQUIRE(pthread_create(&thread, NULL, thread_closing, callback) == 0);
	pthread_join(thread, NULL);
	EXPECT_EQUAL(n_finalized, 0); /* on the queue, and nobody dispatched it */
	EXPECT(dispatch_until(queue, &n_finalized, 1));
	EXPECT_EQUAL(finalized_on, gettid());
	EXPECT_EQUAL(stream[n_stream - 1].kind, STREAM_FINALIZED);
	for (int i = 0; i < 5; i++)
		dispatch_all(queue);
	EXPECT_EQUAL(n_finalized, 1);
	end_puppet(puppet);
	remote_end();
}

static void E13_a_callback_that_nobody_closed_is_finalized_when_its_host_ends(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	EVENT_CALLBACK(stream_event, .queue = queue, .name = "with an end", .finalizer = finalizer,
	               .user_data = &finalizer_data);
	EXPECT(cbb_queue_close(queue) == NULL); /* or, as here, its queue */
	EXPECT_EQUAL(n_finalized, 1);
	remote_end();
	EXPECT_EQUAL(n_finalized, 1);
}

/* ---- E11 ---- */

static struct crew *call_in_a_scope(void)
{
	CBB_SCOPED cbb_callback *scoped = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING);
	struct crew *crew = given_sums(sum_pointer(scoped), 4, 0);
	EXPECT(dispatch_until(default_queue, &n_sums, 20));
	return crew;
}

static void E11_a_callback_ends_with_the_block_that_declares_it_while_threads_call_it(void)
{
	given_native_threads();
	struct crew *crew = call_in_a_scope();
	long n = n_sums;
	long n_made = crew_has(crew, CREW_MADE);
	while (crew_has(crew, CREW_MADE) < n_made + 1000)
		dispatch_all(default_queue);
	EXPECT_EQUAL(n_sums, n);
	THREADS(void(struct crew *), "crew_stop")(crew);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), n);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT) + crew_has(crew, CREW_DEFAULT), crew_has(crew, CREW_MADE));
	free_crew(crew);
	remote_end();
}

static const struct test tests[] = {
	TEST(E07_drain_handles_what_is_queued_and_returns_when_nothing_runs),
	TEST(E07_drain_from_another_thread_waits_for_the_dispatcher),
	TEST(E07_drain_of_a_queue_that_nobody_has_dispatched_yet_ends_too),
	TEST(E07_drain_ends_at_its_time_out_and_what_is_left_is_still_handled),
	TEST(E07_drain_answers_native_threads_that_wait_already),
	TEST(E08_abort_frees_native_threads_that_wait_with_the_default),
	TEST(E08_abort_frees_native_threads_whose_calls_are_on_their_way),
	TEST(E08_the_handler_that_runs_still_gives_its_answer_and_close_says_that_it_runs),
	TEST(E11_a_callback_ends_with_the_block_that_declares_it_while_threads_call_it),
	TEST(E13_the_finalizer_runs_once_last_with_its_user_data_on_the_dispatching_thread),
	TEST(E13_a_callback_that_nobody_closed_is_finalized_when_its_host_ends),
};
HARNESS_MAIN(tests)
