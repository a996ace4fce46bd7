/* SPDX-License-Identifier: MIT */
/* F: what keeps cbb_queue_run() going, what wakes it, and what it costs when there is nothing to do. */
#include "support/foreign.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

static _Atomic long n_handled;
static _Atomic int run_returned;

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static void event(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	n_handled++;
}

/* ---- F01, F02 ---- */

static int sum_looking_and_stopping(int thread, int number)
{
	EXPECT_EQUAL(run_returned, 0);
	if (number == 9)
		REMOTE_OK(cbb_queue_stop(default_queue));
	return sum(thread, number);
}

static void F01_a_live_callback_keeps_the_program_running(void)
{
	given_native_threads();
	cbb_callback *callback =
	    SUM_CALLBACK(sum_looking_and_stopping, .delivery = CBB_BLOCKING, .queue = default_queue);
	struct crew *crew = given_sums(sum_pointer(callback), 1, 10);
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0); /* until a handler stops it */
	run_returned = 1;
	EXPECT_EQUAL(n_handled, 10);
	free_crew(crew);
	remote_end();
}

static void F01_run_returns_when_the_last_callback_is_closed_and_at_once_when_there_is_none(void)
{
	given_native_threads();
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	cbb_queue *queue = QUEUE_WITH();
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	cbb_callback *callback = EVENT_CALLBACK(event, .queue = queue);
	REMOTE_OK(cbb_callback_close(callback, NULL));
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	remote_end();
}

static void event_closing_its_callback(void *user, int thread, int number, const char *text)
{
	event(user, thread, number, text);
	if (number == 20)
		EXPECT(cbb_callback_close(cbb_invocation_callback(cbb_invocation_current()), NULL) >= 0);
}

static void F01_a_handler_that_closes_the_last_callback_ends_the_run(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event_closing_its_callback, .queue = queue);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 20);
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	EXPECT_EQUAL(n_handled, 20);
	end_puppet(puppet);
	remote_end();
}

static void F02_keeping_alive_can_be_switched_off_and_on_again(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event_closing_its_callback, .queue = queue);
	EXPECT_EQUAL(cbb_callback_unref(callback), 0);
	EXPECT_EQUAL(cbb_queue_run(queue), 0); /* open, but nothing waits for it */
	EXPECT_EQUAL(cbb_callback_ref(callback), 1);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 20);
	EXPECT_EQUAL(cbb_queue_run(queue), 0); /* until it is closed */
	EXPECT_EQUAL(n_handled, 20);
	EXPECT_EQUAL(cbb_callback_ref(callback), CBB_ERR_CLOSED);
	EXPECT_EQUAL(cbb_callback_unref(callback), CBB_ERR_CLOSED);
	cbb_callback *background = EVENT_CALLBACK(event, .queue = queue, .unrefed = 1);
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	EXPECT_EQUAL(cbb_callback_ref(background), 1);
	EXPECT_EQUAL(cbb_callback_unref(background), 0);
	end_puppet(puppet);
	remote_end();
}

static void event_unrefing(void *user, int thread, int number, const char *text)
{
	event(user, thread, number, text);
	if (number == 5)
		EXPECT_EQUAL(cbb_callback_unref(cbb_invocation_callback(cbb_invocation_current())), 0);
}

static void F02_switched_off_inside_a_handler_it_ends_the_run_that_waits(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event_unrefing, .queue = queue);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 5);
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	EXPECT_EQUAL(n_handled, 5);
	end_puppet(puppet);
	remote_end();
}

static void *thread_unrefing(void *callback)
{
	EXPECT_EQUAL(cbb_callback_unref(callback), 0);
	return NULL;
}

static void F02_switched_off_by_another_thread_it_ends_the_run_that_waits(void)
{
	pthread_t thread;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event, .queue = queue);
	for (int i = 0; i < 50; i++) { /* before the run begins, or in it */
		REQUIRE(pthread_create(&thread, NULL, thread_unrefing, callback) == 0);
		EXPECT_EQUAL(cbb_queue_run(queue), 0);
		pthread_join(thread, NULL);
		EXPECT_EQUAL(cbb_callback_ref(callback), 1);
	}
	remote_end();
}

/* ---- F03 ---- */

static void F03_ref_and_unref_are_counted_and_never_go_below_0(void)
{
	given_native_threads();
	cbb_callback *callback = EVENT_CALLBACK(event);
	EXPECT_EQUAL(cbb_callback_ref(callback), 2);
	EXPECT_EQUAL(cbb_callback_ref(callback), 3);
	for (int i = 2; i >= 0; i--)
		EXPECT_EQUAL(cbb_callback_unref(callback), i);
	EXPECT_EQUAL(cbb_callback_unref(callback), 0);
	EXPECT_EQUAL(cbb_callback_unref(callback), 0);
	EXPECT_EQUAL(cbb_callback_ref(callback), 1);
	EXPECT_EQUAL(cbb_callback_unref(callback), 0);
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	remote_end();
}

/* ---- F04 ---- */

static void *thread_stopping(void *queue)
{
	REMOTE_OK(cbb_queue_stop(queue));
	return NULL;
}

static void F04_a_call_from_a_native_thread_wakes_a_loop_that_waits_for_ever(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	cbb_callback *events = EVENT_CALLBACK(event, .queue = queue);
	struct puppet *puppet = given_a_puppet("waking");
	for (int i = 0; i < 50; i++) {
		if (i % 2)
			tell_sum(puppet, sum_pointer(callback), 0, i);
		else
			tell_events(puppet, event_pointer(events), NULL, i, 1);
		while (n_handled <= i)
			REQUIRE(cbb_queue_dispatch(queue, CBB_UNLIMITED, 0) >= 0);
	}
	end_puppet(puppet);
	remote_end();
}

static void F04_stop_from_another_thread_wakes_it_too_and_is_not_lost_when_none_waits(void)
{
	pthread_t thread;
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event, .queue = queue); /* keeps the run going */
	for (int i = 0; i < 50; i++) {
		REQUIRE(pthread_create(&thread, NULL, thread_stopping, queue) == 0);
		if (i % 2)
			EXPECT_EQUAL(cbb_queue_run(queue), 0);
		else
			EXPECT_EQUAL(cbb_queue_dispatch(queue, CBB_UNLIMITED, 0), 0);
		pthread_join(thread, NULL);
	}
	REMOTE_OK(cbb_queue_stop(queue)); /* the next one, if none is running */
	EXPECT_EQUAL(cbb_queue_dispatch(queue, CBB_UNLIMITED, 0), 0);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	remote_end();
}

static cbb_queue *signalled_queue;

static void stop_in_a_signal_handler(int number)
{
	(void)number;
	cbb_queue_stop(signalled_queue);
}

static void *thread_signalling(void *dispatcher)
{
	EXPECT_EQUAL(pthread_kill(*(pthread_t *)dispatcher, SIGUSR1), 0);
	return NULL;
}

/* Whether the signal comes before the dispatcher sleeps, or wakes it: the stop is not lost. */
static void F04_stop_in_a_signal_handler_ends_the_wait(void)
{
	pthread_t thread, self = pthread_self();
	struct sigaction action = {.sa_handler = stop_in_a_signal_handler, .sa_flags = SA_RESTART};
	given_native_threads();
	signalled_queue = QUEUE_WITH();
	REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
	for (int i = 0; i < 50; i++) {
		REQUIRE(pthread_create(&thread, NULL, thread_signalling, &self) == 0);
		EXPECT_EQUAL(cbb_queue_dispatch(signalled_queue, CBB_UNLIMITED, 0), 0);
		pthread_join(thread, NULL);
	}
	remote_end();
}

/* ---- F05 ---- */

static cbb_callback *keeping;

static void event_ending_what_keeps(void *user, int thread, int number, const char *text)
{
	event(user, thread, number, text);
	if (number == 10)
		EXPECT(cbb_callback_close(keeping, NULL) >= 0);
}

static void F05_an_unrefed_callback_is_delivered_while_something_else_keeps_the_loop_alive(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	keeping = EVENT_CALLBACK(event, .queue = queue);
	cbb_callback *background = EVENT_CALLBACK(event_ending_what_keeps, .queue = queue, .unrefed = 1);
	struct puppet *puppet = given_a_puppet("background");
	tell_events(puppet, event_pointer(background), NULL, 1, 10);
	EXPECT_EQUAL(cbb_queue_run(queue), 0);
	EXPECT_EQUAL(n_handled, 10);
	end_puppet(puppet);
	remote_end();
}

static void F05_what_is_queued_of_it_is_delivered_before_the_run_ends(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *background = EVENT_CALLBACK(event, .queue = queue, .unrefed = 1);
	struct puppet *puppet = given_a_puppet("background");
	tell_events(puppet, event_pointer(background), NULL, 1, 10);
	REQUIRE(puppet_reaches(puppet, 10));
	EXPECT_EQUAL(cbb_queue_run(queue), 0); /* "nothing queued" */
	EXPECT_EQUAL(n_handled, 10);
	end_puppet(puppet);
	remote_end();
}

/* ---- F06 ---- */

/* How often the threads of a process have gone to sleep so far: the sum of a line of their status files. */
static long sleeps_of(pid_t pid)
{
	long sum_of_all = 0;
	const char *folder = harness_format("/proc/%d/task", (int)pid);
	DIR *directory = opendir(folder);
	REQUIRE(directory != NULL);
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		const char *text = harness_read_file(harness_format("%s/%s/status", folder, entry->d_name));
		const char *line = strstr(text, "\nvoluntary_ctxt_switches:");
		sum_of_all += entry->d_name[0] == '.' || !line ? 0 : strtol(strchr(line, ':') + 1, NULL, 10);
	}
	closedir(directory);
	return sum_of_all;
}

static long used_ms(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
	       (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
}

/* A loop that looks now and then would wake every few ms; one that waits sleeps once or twice. */
static bool is_idle(void *queue)
{
	pid_t host = cbb_host_pid(remote_host);
	struct rusage before, after;
	long host_before = sleeps_of(host);
	getrusage(RUSAGE_THREAD, &before);
	EXPECT_EQUAL(cbb_queue_dispatch(queue, harness_nightly() ? 10000 : 500, 0), 0);
	getrusage(RUSAGE_THREAD, &after);
	return after.ru_nvcsw - before.ru_nvcsw <= 10 && sleeps_of(host) - host_before <= 10 &&
	       used_ms(&after) - used_ms(&before) < 200;
}

/* On a busy machine what went before may take longer to come to rest; a loop that looks never does. */
static void expect_idle(cbb_queue *queue)
{
	EXPECT(harness_wait_until(is_idle, queue, 5000));
}

static void F06_refed_idle_callbacks_use_no_processor_time(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event, .queue = queue);
	cbb_callback *asking = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 0, 1);
	EXPECT(dispatch_until(queue, &n_handled, 1));
	expect_idle(queue); /* with an event lane */
	tell_sum(puppet, sum_pointer(asking), 0, 1);
	EXPECT(dispatch_until(queue, &n_handled, 2));
	expect_idle(queue); /* and a lane of the thread, which may call again */
	end_puppet(puppet);
	remote_end();
}

static _Atomic int was_handled;

static void event_handled(void *user, int thread, int number, const char *text)
{
	event(user, thread, number, text);
	was_handled = 1;
}

/* Its own threads sleep, too; this one only looks on. */
static bool all_are_idle(void *context)
{
	pid_t host = cbb_host_pid(remote_host);
	long host_before = sleeps_of(host), own_before = sleeps_of(getpid());
	(void)context;
	EXPECT_EQUAL(cbb_queue_dispatch(default_queue, harness_nightly() ? 10000 : 500, 0), 0);
	return sleeps_of(getpid()) - own_before <= 20 && sleeps_of(host) - host_before <= 10;
}

static void F06_nor_does_a_started_queue(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event_handled, .queue = queue);
	REMOTE_OK(cbb_queue_start(queue, 4));
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 0, 1);
	EXPECT(harness_wait_flag(&was_handled, FOREIGN_WAIT_MS));
	EXPECT(harness_wait_until(all_are_idle, NULL, 5000));
	end_puppet(puppet);
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

static const struct test tests[] = {
	TEST(F01_a_live_callback_keeps_the_program_running),
	TEST(F01_run_returns_when_the_last_callback_is_closed_and_at_once_when_there_is_none),
	TEST(F01_a_handler_that_closes_the_last_callback_ends_the_run),
	TEST(F02_keeping_alive_can_be_switched_off_and_on_again),
	TEST(F02_switched_off_inside_a_handler_it_ends_the_run_that_waits),
	TEST(F02_switched_off_by_another_thread_it_ends_the_run_that_waits),
	TEST(F03_ref_and_unref_are_counted_and_never_go_below_0),
	TEST(F04_a_call_from_a_native_thread_wakes_a_loop_that_waits_for_ever),
	TEST(F04_stop_from_another_thread_wakes_it_too_and_is_not_lost_when_none_waits),
	TEST(F04_stop_in_a_signal_handler_ends_the_wait),
	TEST(F05_an_unrefed_callback_is_delivered_while_something_else_keeps_the_loop_alive),
	TEST(F05_what_is_queued_of_it_is_delivered_before_the_run_ends),
	TEST(F06_refed_idle_callbacks_use_no_processor_time),
	TEST(F06_nor_does_a_started_queue),
};
HARNESS_MAIN(tests)
