/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a lane, with a client that is quicker than the thread that asked: what happens while that sends its
 * request, without the queue's lock, happens in send().
 */
#include "base/clock.h"
#include "base/descriptor.h"
#include "host/binding.h"
#include "host/closure.h"
#include "host/native_thread.h"
#include "host/thread.h"
#include "made_queue.h"

#include <errno.h>
#include <string.h>

static struct queue *queue;
static struct closure closure = {.slot = 3, .generation = 1, .queue = 7};
static struct host_thread thread = {.id = 1, .name = "test"};
static struct native_thread native = {.thread = &thread, .serial = 5};
static struct binding *binding;
static int client, lane_client = -1;
static void (*while_sending)(void);

/* In the place of libc's. Once. */
ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	void (*run)(void) = while_sending;
	while_sending = NULL;
	if (run)
		run();
	return sendto(fd, bytes, size, flags, NULL, 0);
}

static unsigned n_sleeps;

/* In the place of libc's: nobody sleeps here. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
	(void)condition, (void)mutex, (void)until;
	n_sleeps++;
	return ETIMEDOUT;
}

static void given_a_queue(void)
{
	queue = queue_make(0, 0, UINT64_MAX, &client);
	REQUIRE((binding = binding_get(&native, MADE_QUEUE)) != NULL);
}

static void finish(void)
{
	bindings_free(&native);
	queue_unmake(queue);
	descriptor_close(client);
	descriptor_close(lane_client);
}

static void attach_lane(void)
{
	int pair[2];
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	lane_client = pair[1];
	REQUIRE_EQUAL(thread_lane_attach(queue, pair[0]), 0);
}

static void close_callback(void)
{
	atomic_store(&closure.closed, true);
	queue_callback_wake(&closure);
}

static void given_a_request_when_it_is_answered_before_the_thread_sleeps_then_it_does_not_sleep(void)
{
	struct thread_lane *lane = NULL;
	given_a_queue();
	while_sending = attach_lane;
	REQUIRE_EQUAL(thread_lane_wait(binding, &closure, clock_deadline_ns(20000), &lane), 0);
	EXPECT_EQUAL(n_sleeps, 0);
	thread_lane_give(binding, lane);
	finish();
}

static void given_a_request_when_the_callback_is_closed_before_the_thread_sleeps_then_it_does_not_sleep(void)
{
	struct thread_lane *lane = NULL;
	given_a_queue();
	while_sending = close_callback;
	EXPECT_EQUAL(thread_lane_wait(binding, &closure, clock_deadline_ns(20000), &lane), CBB__STATUS__STATUS_CLOSED);
	EXPECT_EQUAL(n_sleeps, 0);
	finish();
}

static void given_a_client_that_attaches_nothing_when_threads_wait_again_then_it_is_asked_once_it_has_read(void)
{
	struct thread_lane *lane = NULL;
	char bytes[256];
	given_a_queue();
	EXPECT_EQUAL(thread_lane_wait(binding, &closure, clock_deadline_ns(1), &lane), CBB__STATUS__STATUS_TIMEOUT);
	EXPECT_EQUAL(thread_lane_wait(binding, &closure, clock_deadline_ns(1), &lane), CBB__STATUS__STATUS_TIMEOUT);
	ssize_t one = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
	EXPECT(one > 0 && one < 16);
	queue->pool.requests.asked_ns = 1; /* that was long ago */
	EXPECT_EQUAL(thread_lane_wait(binding, &closure, clock_deadline_ns(1), &lane), CBB__STATUS__STATUS_TIMEOUT);
	queue->pool.requests.asked_ns = 1;
	EXPECT_EQUAL(thread_lane_wait(binding, &closure, clock_deadline_ns(1), &lane), CBB__STATUS__STATUS_TIMEOUT);
	EXPECT_EQUAL(recv(client, bytes, sizeof bytes, MSG_DONTWAIT), one);
	finish();
}

static const struct test tests[] = {
    TEST(given_a_request_when_it_is_answered_before_the_thread_sleeps_then_it_does_not_sleep),
    TEST(given_a_request_when_the_callback_is_closed_before_the_thread_sleeps_then_it_does_not_sleep),
    TEST(given_a_client_that_attaches_nothing_when_threads_wait_again_then_it_is_asked_once_it_has_read),
};
HARNESS_MAIN(tests)
