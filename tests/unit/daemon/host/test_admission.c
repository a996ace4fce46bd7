/* SPDX-License-Identifier: MIT */
/* What events without room do to those that wait, and to those who wait. */
#include "base/clock.h"
#include "base/descriptor.h"
#include "host/admission.h"
#include "host/binding.h"
#include "host/closure.h"
#include "host/event_flow.h"
#include "host/native_thread.h"
#include "host/thread.h"
#include "made_queue.h"
#include "wire/frame.h"

#include <string.h>

static struct queue *queue;
static struct closure closure = {.slot = 3, .generation = 1, .queue = 7};
static struct host_thread thread = {.id = 1, .name = "test"};
static struct native_thread native = {.thread = &thread, .serial = 5}, producer = {.thread = &thread, .serial = 6};
static int client;
static uint64_t last_sequence;

/* Of 1,000 bytes, in which nothing leaves the host: the listeners are paused. */
static void given_a_queue(void)
{
	queue = queue_make(0, 1000, UINT64_MAX, &client);
}

static void finish(void)
{
	bindings_free(&native);
	bindings_free(&producer);
	queue_unmake(queue);
	descriptor_close(client);
}

static struct listener a_listener(Cbb__Overflow overflow)
{
	return (struct listener){.closure = &closure, .overflow = overflow, .window = UINT64_MAX, .key = -1,
	                         .paused = true};
}

static int pass(struct native_thread *of, struct listener *listener, uint64_t key, size_t size)
{
	uint8_t frame[1000] = {0};
	struct event event = {.listener = listener, .sequence = ++last_sequence, .thread = of->serial, .key = key,
	                      .frame = frame, .size = size};
	struct binding *binding = binding_get(of, MADE_QUEUE);
	REQUIRE(binding != NULL);
	return admission_pass(binding, &event);
}

static void given_no_room_when_a_thread_does_not_wait_then_the_event_that_its_own_would_replace_stays(void)
{
	struct listener keyed = a_listener(CBB__OVERFLOW__OVERFLOW_COALESCE);
	struct listener other = a_listener(CBB__OVERFLOW__OVERFLOW_WAIT);
	given_a_queue();
	native.nonblocking = true;
	EXPECT_EQUAL(pass(&native, &other, 0, 700), ADMISSION_TAKEN);
	EXPECT_EQUAL(pass(&native, &keyed, 4, 100), ADMISSION_TAKEN);
	EXPECT_EQUAL(pass(&native, &keyed, 4, 400), ADMISSION_FULL);
	EXPECT_EQUAL(keyed.n_entries, 1);
	EXPECT_EQUAL(keyed.tail.count, 0);
	EXPECT_EQUAL(pass(&native, &keyed, 4, 300), ADMISSION_TAKEN); /* in the place of the older one it fits */
	EXPECT_EQUAL(keyed.n_entries, 1);
	EXPECT_EQUAL(queue->store.n_bytes, 1000);
	finish();
}

static struct listener patient;

static void *wait_for_room(void *unused)
{
	(void)unused;
	return (void *)(intptr_t)pass(&producer, &patient, 0, 300);
}

static bool is_waiting(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&queue->lock);
	bool waits = queue->store.n_waiting == 1;
	pthread_mutex_unlock(&queue->lock);
	return waits;
}

static void given_a_thread_that_waits_for_room_when_a_large_event_is_dropped_for_a_small_one_then_it_goes_on(void)
{
	pthread_t waiter;
	void *r;
	given_a_queue();
	patient = a_listener(CBB__OVERFLOW__OVERFLOW_WAIT);
	struct listener dropping = a_listener(CBB__OVERFLOW__OVERFLOW_DROP_OLDEST);
	dropping.max_queued = 1;
	EXPECT_EQUAL(pass(&native, &dropping, 0, 900), ADMISSION_TAKEN);
	REQUIRE(pthread_create(&waiter, NULL, wait_for_room, NULL) == 0);
	REQUIRE(harness_wait_until(is_waiting, NULL, 15000));
	EXPECT_EQUAL(pass(&native, &dropping, 0, 100), ADMISSION_TAKEN);
	pthread_join(waiter, &r);
	EXPECT_EQUAL((intptr_t)r, ADMISSION_TAKEN);
	EXPECT_EQUAL(queue->store.n_bytes, 400);
	finish();
}

static const struct test tests[] = {
    TEST(given_no_room_when_a_thread_does_not_wait_then_the_event_that_its_own_would_replace_stays),
    TEST(given_a_thread_that_waits_for_room_when_a_large_event_is_dropped_for_a_small_one_then_it_goes_on),
};
HARNESS_MAIN(tests)
