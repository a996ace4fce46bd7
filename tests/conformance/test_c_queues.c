/* SPDX-License-Identifier: MIT */
/* C: queues, their order, and the program's own loop. */
#include "support/foreign.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define EVENTS_MAX 4096

/* What handlers saw, in order: numbers below 0 are of blocking calls. */
static int order[EVENTS_MAX];
static _Atomic long n_handled;
static uint64_t last_sequence;

static void note(int number)
{
	uint64_t sequence = cbb_invocation_sequence(cbb_invocation_current());
	EXPECT(sequence > last_sequence);
	last_sequence = sequence;
	if (n_handled < EVENTS_MAX)
		order[n_handled] = number;
	n_handled++;
}

static void event(void *user, int thread, int number, const char *text)
{
	(void)thread;
	EXPECT(user == &n_handled);
	EXPECT_STRING(text, harness_format("event %d", number));
	note(number);
}

static int sum(int thread, int number)
{
	note(-number);
	return SUM_OF(thread, number);
}

static struct puppet *given_waiting_events(cbb_callback *callback, int n)
{
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), (void *)&n_handled, 1, n);
	REQUIRE(puppet_reaches(puppet, n));
	return puppet;
}

/* ---- C04 ---- */

static void C04_an_event_is_queued_with_its_arguments_and_native_code_goes_on_at_once(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = PUPPET_EVENTS(event, .queue = queue);
	struct puppet *puppet = given_waiting_events(callback, 100); /* they all came back, and */
	EXPECT_EQUAL(n_handled, 0);                                  /* no handler ran */
	end_puppet(puppet); /* even its thread is gone, and wrote over its texts before */
	while (n_handled < 100)
		REQUIRE(cbb_queue_dispatch(queue, FOREIGN_WAIT_MS, 0) > 0);
	for (int i = 0; i < 100; i++)
		EXPECT_EQUAL(order[i], i + 1);
	EXPECT_EQUAL(counts_of(callback).handled, 100);
	EXPECT_EQUAL(dispatch_all(queue), 0);
	remote_end();
}

/* ---- C08, C09 ---- */

static int next_number[8];

static void event_in_order(void *user, int thread, int number, const char *text)
{
	char expected[64];
	int length = snprintf(expected, sizeof expected, EVENT_TEXT " ", thread, number);
	(void)user;
	if (next_number[thread] != number)
		FAIL("thread %d: event %d instead of %d", thread, number, next_number[thread]);
	if (strncmp(text, expected, (size_t)length) != 0)
		FAIL("'%s' instead of '%s'", text, expected);
	next_number[thread] = number + 1;
	n_handled++;
}

static void C08_events_of_one_native_thread_arrive_in_call_order(void)
{
	int n_calls = harness_slow() > 1 ? 1000 : 10000;
	given_native_threads();
	cbb_callback *callback = EVENT_CALLBACK(event_in_order);
	struct crew *crew = given_events(event_pointer(callback), NULL, 8, n_calls, 0);
	EXPECT(dispatch_until(default_queue, &n_handled, 8l * n_calls));
	join_crew(crew);
	EXPECT_EQUAL(n_handled, 8l * n_calls);
	free_crew(crew);
	remote_end();
}

static void C09_what_one_thread_does_arrives_in_order_across_callbacks_and_deliveries(void)
{
	enum { ROUNDS = 200 };
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *first = PUPPET_EVENTS(event, .queue = queue), *second = PUPPET_EVENTS(event, .queue = queue);
	cbb_callback *asking = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct puppet *puppet = given_a_puppet("mixed");
	for (int i = 0; i < ROUNDS; i++) {
		tell_events(puppet, event_pointer(first), (void *)&n_handled, 10 * i + 1, 3);
		tell_events(puppet, event_pointer(second), (void *)&n_handled, 10 * i + 4, i % 3);
		tell_sum(puppet, sum_pointer(asking), 0, 10 * i + 9);
		tell_events(puppet, event_pointer(i % 2 ? first : second), (void *)&n_handled, 10 * i + 10, 1);
	}
	long n = 0;
	for (int i = 0; i < ROUNDS; i++)
		n += 5 + i % 3;
	EXPECT(dispatch_until(queue, &n_handled, n));
	for (long i = 1; i < n; i++)
		if (abs(order[i]) <= abs(order[i - 1]))
			FAIL("place %ld: %d after %d", i, order[i], order[i - 1]);
	end_puppet(puppet);
	remote_end();
}

/* The other way: the dispatcher waits in a call, and the thread's earlier events come before its blocking call. */
static void C09_a_waiting_dispatcher_runs_the_threads_earlier_events_first_and_no_others(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	dispatch_all(queue); /* this thread is its dispatcher */
	cbb_callback *events = PUPPET_EVENTS(event, .queue = queue);
	cbb_callback *asking = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	struct puppet *other = given_waiting_events(events, 5), *puppet = given_a_puppet("asking");
	EXPECT_EQUAL(n_handled, 0);
	tell_events(puppet, event_pointer(events), (void *)&n_handled, 100, 5);
	tell_sum(puppet, sum_pointer(asking), 0, 105);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(0, 105));
	EXPECT_EQUAL(n_handled, 6);
	for (int i = 0; i < 5; i++)
		EXPECT_EQUAL(order[i], 100 + i);
	EXPECT_EQUAL(order[5], -105);
	last_sequence = 0; /* the order is each native thread's own */
	EXPECT_EQUAL(dispatch_all(queue), 5);
	EXPECT_EQUAL(order[10], 5);
	end_puppet(puppet);
	end_puppet(other);
	remote_end();
}

/* ---- C14, C15 ---- */

static bool is_readable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	return poll(&poller, 1, 0) == 1;
}

static void C14_one_descriptor_tells_the_programs_own_loop_when_there_is_something_to_do(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	int fd = cbb_queue_fd(queue);
	cbb_callback *callback = PUPPET_EVENTS(event, .queue = queue);
	cbb_callback *asking = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	EXPECT(fd >= 0 && !is_readable(fd));
	struct puppet *puppet = given_a_puppet("sender");
	for (int round = 0; round < 20; round++) {
		if (round % 2)
			tell_sum(puppet, sum_pointer(asking), 0, round);
		else
			tell_events(puppet, event_pointer(callback), (void *)&n_handled, round, 1);
		while (n_handled <= round) {
			REQUIRE(harness_wait_readable(fd, FOREIGN_WAIT_MS));
			REQUIRE(cbb_queue_dispatch(queue, 0, 0) >= 0);
		}
		EXPECT_EQUAL(dispatch_all(queue), 0);
		EXPECT(!is_readable(fd)); /* nothing to do: an idle loop sleeps */
		EXPECT_EQUAL(cbb_queue_fd(queue), fd);
	}
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(0, 19));
	end_puppet(puppet);
	EXPECT_EQUAL(n_handled, 20);
	remote_end();
}

static void C14_the_descriptors_of_two_queues_and_others_stand_in_one_epoll_set(void)
{
	int pipe_fds[2], n_pipe = 0;
	char byte = 0;
	_Atomic long *total = &n_handled;
	given_native_threads();
	cbb_queue *queues[2] = {QUEUE_WITH(), QUEUE_WITH()};
	int set = epoll_create1(EPOLL_CLOEXEC);
	REQUIRE(set >= 0 && pipe(pipe_fds) == 0);
	for (int i = 0; i < 3; i++) {
		int fd = i < 2 ? cbb_queue_fd(queues[i]) : pipe_fds[0];
		struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		REQUIRE(epoll_ctl(set, EPOLL_CTL_ADD, fd, &wanted) == 0);
	}
	cbb_callback *callbacks[2];
	struct puppet *puppets[2];
	for (int i = 0; i < 2; i++) {
		callbacks[i] = PUPPET_EVENTS(event, .queue = queues[i]);
		puppets[i] = given_a_puppet("sender");
		tell_events(puppets[i], event_pointer(callbacks[i]), (void *)&n_handled, 0, 50);
	}
	last_sequence = 0;
	REQUIRE(write(pipe_fds[1], "x", 1) == 1);
	while (*total < 100 || n_pipe < 1) {
		struct epoll_event happened;
		REQUIRE(epoll_wait(set, &happened, 1, FOREIGN_WAIT_MS) == 1);
		last_sequence = 0; /* the order holds within a queue */
		if (happened.data.u32 == 2)
			n_pipe += read(pipe_fds[0], &byte, 1) == 1;
		else
			REQUIRE(cbb_queue_dispatch(queues[happened.data.u32], 0, 0) >= 0);
	}
	for (int i = 0; i < 2; i++) {
		EXPECT_EQUAL(counts_of(callbacks[i]).handled, 50);
		end_puppet(puppets[i]);
		close(pipe_fds[i]);
	}
	close(set);
	remote_end();
}

static void C15_at_most_n_handlers_run_per_turn(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = PUPPET_EVENTS(event, .queue = queue);
	struct puppet *puppet = given_waiting_events(callback, 10);
	int n_turns = 0;
	while (n_handled < 10) { /* as long as something is left the loop comes back */
		int before = (int)n_handled;
		REQUIRE(harness_wait_readable(cbb_queue_fd(queue), FOREIGN_WAIT_MS));
		int ran = cbb_queue_dispatch(queue, 0, 3);
		EXPECT_EQUAL(ran, n_handled - before);
		EXPECT(n_handled - before <= 3);
		n_turns++;
	}
	EXPECT(n_turns >= 4);
	EXPECT_EQUAL(dispatch_all(queue), 0);
	end_puppet(puppet);
	remote_end();
}

/* A handler that makes new work does not keep the loop: only what waited when dispatch looked runs. */
static void event_making_another(void *user, int thread, int number, const char *text)
{
	n_handled++;
	THREADS(void(event_fn, void *, int, int, const char *), "event_here")(
	    event_pointer(cbb_invocation_callback(cbb_invocation_current())), user, thread, number + 1, text);
	EXPECT_CALL_OK();
}

static void C15_handlers_that_make_events_do_not_starve_the_loop(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = PUPPET_EVENTS(event_making_another, .queue = queue);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 1);
	for (int turn = 1; turn <= 20; turn++) {
		REQUIRE(harness_wait_readable(cbb_queue_fd(queue), FOREIGN_WAIT_MS));
		EXPECT_EQUAL(cbb_queue_dispatch(queue, 0, 0), 1);
		EXPECT_EQUAL(n_handled, turn);
	}
	end_puppet(puppet);
	remote_end();
}

static const struct test tests[] = {
	TEST(C04_an_event_is_queued_with_its_arguments_and_native_code_goes_on_at_once),
	TEST(C08_events_of_one_native_thread_arrive_in_call_order),
	TEST(C09_what_one_thread_does_arrives_in_order_across_callbacks_and_deliveries),
	TEST(C09_a_waiting_dispatcher_runs_the_threads_earlier_events_first_and_no_others),
	TEST(C14_one_descriptor_tells_the_programs_own_loop_when_there_is_something_to_do),
	TEST(C14_the_descriptors_of_two_queues_and_others_stand_in_one_epoll_set),
	TEST(C15_at_most_n_handlers_run_per_turn),
	TEST(C15_handlers_that_make_events_do_not_starve_the_loop),
};
HARNESS_MAIN(tests)
