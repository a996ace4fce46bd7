/* SPDX-License-Identifier: MIT */
/*
 * A dispatcher that has found work at one place for long waits there directly, and the queue's epoll descriptor no
 * longer shows it. Whoever else has to see it then does: the program's own loop, a call, threads of the queue's own,
 * another host.
 */
#include "support/foreign.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#define STEADY 300 /* many times what makes a dispatcher wait directly */

static _Atomic long n_handled, n_other;

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static int other_sum(int thread, int number)
{
	n_other++;
	return SUM_OF(thread, number);
}

static void event(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	n_handled++;
}

static void stop_crew(struct crew *crew)
{
	THREADS(void(struct crew *), "crew_stop")(crew);
	join_crew(crew);
	free_crew(crew);
}

/* One native thread calls, until it is stopped or n times, and the dispatcher has got used to it. */
static struct crew *given_steady_sums(cbb_queue *queue, int n_calls)
{
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(callback), 1, n_calls);
	REQUIRE(dispatch_until(queue, &n_handled, STEADY));
	return crew;
}

static void expect_loop_goes_on(cbb_queue *queue)
{
	for (long end = n_handled + STEADY; n_handled < end;) {
		REQUIRE(harness_wait_readable(cbb_queue_fd(queue), FOREIGN_WAIT_MS));
		dispatch_ok(queue, 0);
	}
}

static void given_steady_calls_when_the_program_asks_for_the_descriptor_then_it_shows_the_next(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct crew *crew = given_steady_sums(queue, 0);
	expect_loop_goes_on(queue);
	stop_crew(crew);
	remote_end();
}

static void given_steady_events_when_the_program_asks_for_the_descriptor_then_it_shows_the_next(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH(.max_events = 1);
	cbb_callback *callback = EVENT_CALLBACK(event, .queue = queue, .overflow = CBB_OVERFLOW_WAIT);
	struct crew *crew = given_events(event_pointer(callback), NULL, 1, 0, 8);
	REQUIRE(dispatch_until(queue, &n_handled, STEADY));
	expect_loop_goes_on(queue);
	stop_crew(crew);
	remote_end();
}

static void given_steady_calls_when_the_dispatcher_waits_in_a_call_then_they_are_served_there(void)
{
	given_native_threads();
	struct crew *crew = given_steady_sums(default_queue, 3 * STEADY);
	join_crew(crew);
	EXPECT_EQUAL(n_handled, 3 * STEADY);
	free_crew(crew);
	remote_end();
}

static bool has_doubled(void *context)
{
	(void)context;
	return n_handled >= 2 * STEADY;
}

static void given_steady_calls_when_the_queue_is_started_then_its_threads_serve_them(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct crew *crew = given_steady_sums(queue, 0);
	REMOTE_OK(cbb_queue_start(queue, 2));
	EXPECT(harness_wait_until(has_doubled, NULL, FOREIGN_WAIT_MS));
	stop_crew(crew);
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static void given_steady_calls_when_another_host_calls_then_it_is_served_too(void)
{
	given_native_threads();
	struct crew *crew = given_steady_sums(default_queue, 0);
	cbb_host *other = remote_open_host();
	cbb_library *library = remote_library_in(other, "puppets", PUPPETS_TEXT);
	cbb_callback *callback = CALLBACK_WITH(library, "sum_fn", other_sum, .delivery = CBB_BLOCKING);
	struct puppet *puppet = REMOTE(library, struct puppet *(const char *), "puppet_open")("of the other host");
	int (*tell)(struct puppet *, sum_fn, int, int) =
	    (int (*)(struct puppet *, sum_fn, int, int))cbb_symbol(library, "puppet_sum");
	for (int i = 1; i <= 3; i++) {
		EXPECT_EQUAL(tell(puppet, sum_pointer(callback), 1, i), 0);
		EXPECT(dispatch_until(default_queue, &n_other, i));
		EXPECT(dispatch_until(default_queue, &n_handled, n_handled + STEADY));
	}
	REMOTE(library, void(struct puppet *), "puppet_close")(puppet);
	stop_crew(crew);
	EXPECT(cbb_host_close(other) == NULL);
	remote_end();
}

static void given_steady_calls_when_the_host_dies_then_a_run_ends(void)
{
	given_native_threads();
	given_steady_sums(default_queue, 0);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	remote_end();
}

/* ---- Others beside it ---- */

static struct crew *given_steady_sums_in(cbb_library *library, cbb_queue *queue)
{
	cbb_callback *callback = CALLBACK_WITH(library, "sum_fn", sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew =
	    REMOTE(library, struct crew *(sum_fn, int, int), "crew_sums")(sum_pointer(callback), 1, 0);
	REQUIRE(crew != NULL);
	REQUIRE(dispatch_until(queue, &n_handled, STEADY));
	return crew;
}

static void given_steady_calls_when_another_host_is_waited_for_then_both_are_served_in_the_call(void)
{
	given_native_threads();
	cbb_host *other = remote_open_host();
	cbb_library *library = remote_library_in(other, "threads", THREADS_TEXT);
	struct crew *crew = given_steady_sums_in(library, default_queue);
	cbb_callback *callback = PUPPET_SUMS(other_sum);
	struct puppet *puppet = given_a_puppet("of the other host");
	for (int i = 1; i <= STEADY; i++)
		tell_sum(puppet, sum_pointer(callback), 1, i);
	long before = n_handled;
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(1, STEADY));
	EXPECT_EQUAL(n_other, STEADY);
	EXPECT(n_handled > before);
	end_puppet(puppet);
	REMOTE(library, void(struct crew *), "crew_stop")(crew);
	REMOTE(library, void(struct crew *), "crew_join")(crew);
	EXPECT_CALL_OK();
	EXPECT(cbb_host_close(other) == NULL);
	remote_end();
}

static void on_done(cbb_async *async, int status, void *user_data)
{
	(void)async, (void)user_data;
	EXPECT_EQUAL(status, 0);
	n_other++;
}

static void given_steady_calls_when_an_asynchronous_call_ends_then_its_completion_runs(void)
{
	int value = 21, result = 0;
	cbb_async_options options = {.size = sizeof options, .done = on_done};
	given_native_threads();
	struct crew *crew = given_steady_sums(default_queue, 0);
	for (int i = 1; i <= 3; i++) {
		REMOTE_OK(cbb_call_async(remote_function(threads_library, "doubled_here"), &result, (void *[]){&value},
		                         &options, NULL));
		EXPECT(dispatch_until(default_queue, &n_other, i));
		EXPECT_EQUAL(result, 42);
		EXPECT(dispatch_until(default_queue, &n_handled, n_handled + STEADY));
	}
	stop_crew(crew);
	remote_end();
}

/* Long enough for the other threads to call again. */
static int sum_calling(int thread, int number)
{
	for (int i = 0; i < 4; i++)
		EXPECT_EQUAL(THREADS(int(int), "doubled_here")(number), 2 * number);
	return sum(thread, number);
}

static void given_threads_that_always_call_when_a_call_has_a_deadline_then_it_ends(void)
{
	cbb_call_options options = {.size = sizeof options, .timeout_ms = 300};
	given_native_threads();
	cbb_host *other = remote_open_host();
	cbb_function *gate_wait = remote_function(remote_library_in(other, "threads", THREADS_TEXT), "gate_wait");
	struct crew *crew = given_sums(sum_pointer(SUM_CALLBACK(sum_calling, .delivery = CBB_BLOCKING)), 16, 0);
	REQUIRE(dispatch_until(default_queue, &n_handled, STEADY));
	long before = n_handled;
	EXPECT_EQUAL(cbb_call_with(gate_wait, NULL, NULL, &options), CBB_ERR_TIMEOUT);
	EXPECT(n_handled > before);
	stop_crew(crew);
	EXPECT(cbb_host_close(other) == NULL);
	remote_end();
}

/* ---- Other threads ---- */

static _Atomic long goal;

static bool goal_is_reached(void *context)
{
	(void)context;
	return n_handled >= goal;
}

static void *thread_stopping(void *queue)
{
	EXPECT(harness_wait_until(goal_is_reached, NULL, FOREIGN_WAIT_MS));
	REMOTE_OK(cbb_queue_stop(queue));
	return NULL;
}

static void given_steady_calls_when_a_run_is_stopped_then_it_ends_and_another_thread_takes_over(void)
{
	pthread_t thread;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	struct crew *crew = given_steady_sums(queue, 0);
	for (int i = 0; i < 3; i++) {
		goal = n_handled + STEADY;
		REQUIRE(pthread_create(&thread, NULL, thread_stopping, queue) == 0);
		EXPECT_EQUAL(cbb_queue_run(queue), 0);
		EXPECT(n_handled >= goal);
		pthread_join(thread, NULL);
	}
	stop_crew(crew);
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static void *thread_closing(void *host)
{
	goal = 2 * STEADY;
	EXPECT(harness_wait_until(goal_is_reached, NULL, FOREIGN_WAIT_MS));
	EXPECT(cbb_host_close(host) == NULL);
	return NULL;
}

static void given_steady_calls_when_another_thread_closes_the_host_then_the_others_are_served(void)
{
	pthread_t thread;
	given_native_threads();
	cbb_host *other = remote_open_host();
	given_steady_sums_in(remote_library_in(other, "threads", THREADS_TEXT), default_queue);
	REQUIRE(pthread_create(&thread, NULL, thread_closing, other) == 0);
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0); /* that host's callback was all that it waited for */
	pthread_join(thread, NULL);
	struct puppet *puppet = given_a_puppet("of the host that is left");
	tell_sum(puppet, sum_pointer(PUPPET_SUMS(other_sum)), 1, 1);
	EXPECT(dispatch_until(default_queue, &n_other, 1));
	end_puppet(puppet);
	remote_end();
}

/* ---- A handler that serves more ---- */

static cbb_function *waits_elsewhere;
static uint64_t used_ms;

static uint64_t processor_ms(void)
{
	struct timespec used;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static int sum_waiting_elsewhere(int thread, int number)
{
	uint64_t before_ms = processor_ms();
	cbb_call_options options = {.size = sizeof options, .serve = 1, .timeout_ms = 800};
	EXPECT_EQUAL(cbb_call_with(waits_elsewhere, NULL, NULL, &options), CBB_ERR_TIMEOUT);
	used_ms = processor_ms() - before_ms;
	n_other++;
	return SUM_OF(thread, number);
}

/* What its native thread says then is for when the handler is done. */
static void given_a_handler_that_serves_more_when_its_deadline_passes_then_its_wait_costs_nothing(void)
{
	given_native_threads();
	cbb_host *other = remote_open_host();
	waits_elsewhere = remote_function(remote_library_in(other, "threads", THREADS_TEXT), "gate_wait");
	struct crew *crew = given_steady_sums(default_queue, 0);
	cbb_callback *callback = PUPPET_SUMS(sum_waiting_elsewhere, .timeout_ms = 100);
	struct puppet *puppet = given_a_puppet("caller");
	stop_crew(crew);
	tell_sum(puppet, sum_pointer(callback), 1, 1);
	EXPECT(dispatch_until(default_queue, &n_other, 1));
	EXPECT(used_ms < 400);
	end_puppet(puppet);
	EXPECT(cbb_host_close(other) == NULL);
	remote_end();
}

/* ---- In a child ---- */

/* The numbers of the descriptors that fork() closed for the child belong to a file of its own there. */
static void end_all_beside_a_file(void *context)
{
	int copies[64];
	struct stat status = {0};
	FILE *file = tmpfile();
	(void)context;
	REQUIRE(file != NULL);
	for (int i = 0; i < 64; i++)
		REQUIRE((copies[i] = dup(fileno(file))) >= 0);
	EXPECT(cbb_disconnect(remote_client) == NULL);
	for (int i = 0; i < 64; i++)
		EXPECT(fcntl(copies[i], F_GETFD) >= 0);
	EXPECT_EQUAL(fstat(fileno(file), &status), 0);
	EXPECT_EQUAL(status.st_size, 0);
}

static void given_steady_calls_when_a_child_of_fork_ends_all_then_it_touches_no_file_of_its_own(void)
{
	int status = -1, value = 1, result = 0;
	cbb_async_options options = {.size = sizeof options, .done = on_done, .timeout_ms = FOREIGN_WAIT_MS};
	given_native_threads();
	struct crew *crew = given_steady_sums(default_queue, 0);
	REMOTE_OK(cbb_call_async(remote_function(threads_library, "doubled_here"), &result, (void *[]){&value}, &options,
	                         NULL));
	REQUIRE(dispatch_until(default_queue, &n_other, 1));
	REQUIRE(dispatch_until(default_queue, &n_handled, n_handled + STEADY));
	EXPECT(harness_wait_child(harness_fork(end_all_beside_a_file, NULL), &status, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(status, 0);
	stop_crew(crew);
	remote_end();
}

static const struct test tests[] = {
	TEST(given_steady_calls_when_the_program_asks_for_the_descriptor_then_it_shows_the_next),
	TEST(given_steady_events_when_the_program_asks_for_the_descriptor_then_it_shows_the_next),
	TEST(given_steady_calls_when_the_dispatcher_waits_in_a_call_then_they_are_served_there),
	TEST(given_steady_calls_when_the_queue_is_started_then_its_threads_serve_them),
	TEST(given_steady_calls_when_another_host_calls_then_it_is_served_too),
	TEST(given_steady_calls_when_the_host_dies_then_a_run_ends),
	TEST(given_steady_calls_when_another_host_is_waited_for_then_both_are_served_in_the_call),
	TEST(given_steady_calls_when_an_asynchronous_call_ends_then_its_completion_runs),
	TEST(given_threads_that_always_call_when_a_call_has_a_deadline_then_it_ends),
	TEST(given_steady_calls_when_a_run_is_stopped_then_it_ends_and_another_thread_takes_over),
	TEST(given_steady_calls_when_another_thread_closes_the_host_then_the_others_are_served),
	TEST(given_a_handler_that_serves_more_when_its_deadline_passes_then_its_wait_costs_nothing),
	TEST(given_steady_calls_when_a_child_of_fork_ends_all_then_it_touches_no_file_of_its_own),
};
HARNESS_MAIN(tests)
