/* SPDX-License-Identifier: MIT */
/*
 * Who sends on an event lane, for how long, and what a client that reads nothing costs. The test stands at the other
 * end, and in between: what happens while a thread sends, without the lock, happens in send().
 */
#include "base/clock.h"
#include "base/descriptor.h"
#include "host/closure.h"
#include "host/event_flow.h"
#include "made_queue.h"
#include "wire/frame.h"

#include <errno.h>
#include <string.h>

static struct queue *queue;
static struct closure closure = {.slot = 3, .generation = 1, .queue = 7};
static struct listener listener;
static int client;
static uint64_t last_sequence;
static unsigned n_sends;
static void (*while_sending)(void);

/* In the place of libc's. */
ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	n_sends++;
	if (while_sending)
		while_sending();
	return sendto(fd, bytes, size, flags, NULL, 0);
}

static void given_a_queue(uint64_t max_events)
{
	queue = queue_make(max_events, 0, 0, &client);
	listener = (struct listener){.closure = &closure, .window = UINT64_MAX, .key = -1};
	closure.listener = &listener;
	pthread_mutex_lock(&queue->lock);
}

static void finish(void)
{
	while_sending = NULL;
	pthread_mutex_unlock(&queue->lock);
	queue_unmake(queue);
	descriptor_close(client);
}

static void add_of(struct listener *to, size_t size)
{
	static uint8_t bytes[4096];
	frame_write_header(bytes, (uint32_t)(size - FRAME_HEADER_BYTES), CBB__FRAME_TYPE__FRAME_EVENT);
	struct event event = {.listener = to, .sequence = ++last_sequence, .thread = 1, .frame = bytes, .size = size};
	REQUIRE_EQUAL(event_flow_add(queue, &event), 0);
}

/* As another thread does that is never slower than this one; nor is the client. */
static void add_another(void)
{
	char bytes[4096];
	while (recv(client, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	pthread_mutex_lock(&queue->lock);
	add_of(&listener, 64);
	event_lane_flush(queue, false);
	pthread_mutex_unlock(&queue->lock);
}

static void given_another_thread_that_always_adds_when_this_one_sends_then_it_comes_back(void)
{
	given_a_queue(20000);
	while_sending = add_another;
	add_of(&listener, 64);
	event_lane_flush(queue, true);
	if (n_sends > 1000)
		FAIL("it has sent %u times", n_sends);
	EXPECT(queue->events.is_full); /* the service thread goes on */
	while_sending = NULL;
	event_lane_writable(queue);
	EXPECT_EQUAL(queue->events.n_handed, queue->events.n_committed);
	finish();
}

static void given_another_thread_that_always_adds_when_a_call_has_returned_then_its_answer_is_not_kept(void)
{
	given_a_queue(20000);
	add_of(&listener, 64);
	queue_gathers(queue);
	while_sending = add_another;
	pthread_mutex_unlock(&queue->lock);
	queues_send_gathered();
	pthread_mutex_lock(&queue->lock);
	if (n_sends > 1000)
		FAIL("it has sent %u times", n_sends);
	EXPECT(queue->events.n_gone >= 1);
	finish();
}

static uint64_t lost_heard(void)
{
	static uint8_t bytes[1 << 20];
	size_t used = 0;
	uint64_t n = 0;
	ssize_t got;
	while ((got = recv(client, bytes + used, sizeof bytes - used, MSG_DONTWAIT)) > 0)
		used += (size_t)got;
	for (size_t at = 0; at < used;) {
		uint32_t size;
		Cbb__FrameType type;
		REQUIRE_EQUAL(frame_read_header(bytes + at, sizeof bytes, &size, &type), 0);
		if (type == CBB__FRAME_TYPE__FRAME_LOST) {
			Cbb__Lost *lost = cbb__lost__unpack(NULL, size, bytes + at + FRAME_HEADER_BYTES);
			REQUIRE(lost != NULL);
			n += lost->count;
			cbb__lost__free_unpacked(lost, NULL);
		}
		at += FRAME_HEADER_BYTES + size;
	}
	return n;
}

static void lose_and_tick(struct listener *of)
{
	loss_append(&of->tail, ++last_sequence, CBB__LOSS__LOSS_REJECTED);
	event_flow_settle(queue, of);
	event_lane_flush(queue, false);
	queue->events.tick_wanted = false;
	event_flow_tick(queue);
	event_lane_flush(queue, true);
}

static void given_a_client_that_reads_nothing_when_events_are_lost_for_long_then_their_losses_do_not_pile_up(void)
{
	const unsigned n_lost = 100000;
	struct listener other = {.closure = &closure, .window = UINT64_MAX, .key = -1};
	uint64_t n_heard = 0;
	given_a_queue(0);
	for (unsigned i = 0; i < n_lost; i++) {
		lose_and_tick(&listener);
		lose_and_tick(&other);
	}
	if (queue->events.fill.size > 4096)
		FAIL("%zu bytes of losses wait", queue->events.fill.size);
	/* All are told to one that reads. */
	for (unsigned i = 0; i < 100 && n_heard < 2 * n_lost; i++) {
		n_heard += lost_heard();
		event_lane_writable(queue);
		event_flow_tick(queue);
		event_lane_flush(queue, true);
	}
	EXPECT_EQUAL(n_heard, 2 * n_lost);
	finish();
}

static void given_an_end_that_takes_nothing_more_when_sent_to_then_the_lane_ends(void)
{
	char byte;
	given_a_queue(0);
	shutdown(client, SHUT_RD);
	add_of(&listener, 64);
	event_lane_flush(queue, true);
	EXPECT_EQUAL(recv(queue->events.fd, &byte, 1, MSG_DONTWAIT), 0); /* what the service thread reads */
	finish();
}

static const struct test tests[] = {
    TEST(given_another_thread_that_always_adds_when_this_one_sends_then_it_comes_back),
    TEST(given_another_thread_that_always_adds_when_a_call_has_returned_then_its_answer_is_not_kept),
    TEST(given_a_client_that_reads_nothing_when_events_are_lost_for_long_then_their_losses_do_not_pile_up),
    TEST(given_an_end_that_takes_nothing_more_when_sent_to_then_the_lane_ends),
};
HARNESS_MAIN(tests)
