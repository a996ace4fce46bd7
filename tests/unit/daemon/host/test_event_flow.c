/* SPDX-License-Identifier: MIT */
/* What leaves the store when, with the test as the client at the other end of the event lane. */
#include "base/clock.h"
#include "host/closure.h"
#include "host/event_flow.h"
#include "made_queue.h"
#include "wire/connection.h"
#include "wire/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct queue *queue;
static struct connection client;
static struct closure closure = {.slot = 3, .generation = 1, .queue = 7};
static struct listener listener;
static uint64_t last_sequence;

static void given_a_queue(uint64_t max_events)
{
	int fd;
	queue = queue_make(max_events, 0, 0, &fd);
	connection_init(&client, fd, FRAME_PAYLOAD_DEFAULT_BYTES);
	listener = (struct listener){.closure = &closure, .window = UINT64_MAX, .key = -1};
	closure.listener = &listener;
	pthread_mutex_lock(&queue->lock);
}

static void finish(void)
{
	pthread_mutex_unlock(&queue->lock);
	queue_unmake(queue);
	connection_free(&client);
}

/* An EVENT frame with its number and nothing else. */
static void add_of(uint64_t thread)
{
	uint8_t bytes[64];
	Cbb__Invoke message = CBB__INVOKE__INIT;
	message.sequence = ++last_sequence;
	size_t size = protobuf_c_message_pack(&message.base, bytes + FRAME_HEADER_BYTES);
	frame_write_header(bytes, (uint32_t)size, CBB__FRAME_TYPE__FRAME_EVENT);
	struct event event = {.listener = &listener, .sequence = last_sequence, .thread = thread, .frame = bytes,
	                      .size = FRAME_HEADER_BYTES + size};
	REQUIRE_EQUAL(event_flow_add(queue, &event), 0);
}

static void add(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		add_of(1);
	event_lane_flush(queue, true);
}

/* Everything that has been sent: "1 2 lost3 ended". */
static const char *heard(void)
{
	char text[256] = "";
	struct frame frame;
	while (connection_receive(&client, &frame, clock_now_ns() + 1) == 1) {
		UNPACK_ARENA arena = {0};
		size_t used = strlen(text);
		const char *blank = used ? " " : "";
		if (frame.type == CBB__FRAME_TYPE__FRAME_EVENT) {
			const Cbb__Invoke *event = unpack_frame(&arena, &cbb__invoke__descriptor, &frame);
			snprintf(text + used, sizeof text - used, "%s%u", blank, (unsigned)event->sequence);
		} else if (frame.type == CBB__FRAME_TYPE__FRAME_LOST) {
			const Cbb__Lost *lost = unpack_frame(&arena, &cbb__lost__descriptor, &frame);
			snprintf(text + used, sizeof text - used, "%slost%u", blank, (unsigned)lost->count);
		} else {
			snprintf(text + used, sizeof text - used, "%s%s", blank,
			         frame.type == CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED ? "ended" : "?");
		}
	}
	return harness_format("%s", text);
}

static int take(uint64_t received, uint64_t taken, uint64_t more)
{
	Cbb__EventsTaken message = CBB__EVENTS_TAKEN__INIT;
	message.received = received;
	message.taken = taken;
	message.more = &more;
	message.n_more = more ? 1 : 0;
	int r = event_flow_taken(queue, &message);
	event_lane_flush(queue, true);
	return r;
}

static void lose(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		loss_append(&listener.tail, ++last_sequence, CBB__LOSS__LOSS_REJECTED);
	event_flow_settle(queue, &listener);
	event_lane_flush(queue, true);
}

static void given_credit_for_four_when_events_are_taken_out_of_order_then_as_many_follow(void)
{
	given_a_queue(8);
	add(8);
	EXPECT_STRING(heard(), "1 2 3 4");
	EXPECT_EQUAL(take(4, 0, 3), 0);
	EXPECT_STRING(heard(), "5");
	EXPECT_EQUAL(take(5, 0, 3), 0); /* said before */
	EXPECT_STRING(heard(), "");
	EXPECT_EQUAL(take(5, 3, 5), 0);
	EXPECT_STRING(heard(), "6 7 8");
	EXPECT_EQUAL(take(8, 8, 0), 0);
	EXPECT_EQUAL(queue->store.n_events, 0);
	EXPECT_EQUAL(queue->store.n_bytes, 0);
	EXPECT_EQUAL(listener.n_flying, 0);
	EXPECT_EQUAL(queue->events.flying_bytes, 0);
	finish();
}

static void given_a_first_event_that_is_never_taken_when_thousands_are_then_all_are_counted_right(void)
{
	given_a_queue(4);
	add(1);
	for (uint64_t k = 2; k < 5000; k++) {
		add(1);
		heard();
		EXPECT_EQUAL(take(k, 0, k), 0);
	}
	EXPECT_EQUAL(queue->store.n_events, 1);
	EXPECT_EQUAL(listener.n_flying, 1);
	EXPECT_EQUAL(take(4999, 4999, 0), 0);
	EXPECT_EQUAL(queue->store.n_events, 0);
	finish();
}

static void given_words_that_cannot_be_when_heard_then_they_are_refused(void)
{
	given_a_queue(8);
	add(8);
	EXPECT_EQUAL(take(4, 2, 0), 0);
	EXPECT_EQUAL(take(7, 2, 0), -EBADMSG);
	EXPECT_EQUAL(take(3, 2, 0), -EBADMSG);
	EXPECT_EQUAL(take(4, 1, 0), -EBADMSG);
	EXPECT_EQUAL(take(4, 5, 0), -EBADMSG);
	EXPECT_EQUAL(take(4, 2, 2), -EBADMSG);
	EXPECT_EQUAL(take(4, 2, 5), -EBADMSG);
	EXPECT_EQUAL(take(UINT64_MAX, UINT64_MAX, 0), -EBADMSG);
	EXPECT_EQUAL(take(6, 6, 0), 0);
	finish();
}

static void given_a_loss_behind_events_when_these_are_taken_then_it_is_told_and_the_next_waits_for_a_tick(void)
{
	given_a_queue(8);
	add(2);
	lose(3);
	EXPECT_STRING(heard(), "1 2");
	EXPECT_EQUAL(take(2, 1, 0), 0);
	EXPECT_STRING(heard(), "");
	EXPECT_EQUAL(take(2, 2, 0), 0);
	EXPECT_STRING(heard(), "lost3");
	lose(2);
	EXPECT_STRING(heard(), "");
	EXPECT(queue->events.tick_wanted);
	event_flow_tick(queue);
	event_lane_flush(queue, true);
	EXPECT_STRING(heard(), "lost2");
	lose(1);
	add(1);
	EXPECT_STRING(heard(), "lost1 9"); /* in front of an event it waits for nothing */
	finish();
}

static void given_an_ending_listener_when_its_last_event_leaves_then_loss_and_end_follow(void)
{
	given_a_queue(4);
	add(3);
	lose(1);
	EXPECT_STRING(heard(), "1 2");
	listener.ending = true;
	event_flow_settle(queue, &listener);
	event_lane_flush(queue, true);
	EXPECT_STRING(heard(), "");
	EXPECT_EQUAL(take(2, 1, 0), 0);
	EXPECT_STRING(heard(), "3 lost1 ended");
	finish();
}

static void given_a_window_of_one_when_one_is_on_its_way_then_the_others_hold_up_nobody(void)
{
	given_a_queue(8);
	listener.window = 1;
	add(2);
	EXPECT_STRING(heard(), "1");
	struct listener other = {.closure = &closure, .window = UINT64_MAX};
	struct event event = {.listener = &other, .frame = (const uint8_t *)"\2\0\0\0\x50\0\0\0\x08\x63", .size = 10};
	REQUIRE_EQUAL(event_flow_add(queue, &event), 0);
	event_lane_flush(queue, true);
	EXPECT_STRING(heard(), "99");
	EXPECT_EQUAL(take(2, 1, 0), 0);
	EXPECT_STRING(heard(), "2");
	EXPECT_EQUAL(take(3, 3, 0), 0);
	EXPECT_EQUAL(other.n_flying, 0);
	finish();
}

static void given_events_of_two_threads_when_one_takes_its_own_along_then_they_count_until_it_is_answered(void)
{
	struct buffer out;
	given_a_queue(4);
	buffer_init(&out, 1000);
	add(2);
	add_of(1), add_of(2);
	lose(1);
	listener.ending = true;
	struct entry *lent = event_flow_lend(queue, 2, &out);
	REQUIRE(lent != NULL && lent->next == NULL);
	EXPECT_EQUAL(lent->sequence, 4);
	EXPECT(out.size >= lent->size); /* and says what comes before */
	EXPECT(event_flow_lend(queue, 2, &out) == NULL);
	EXPECT_EQUAL(queue->store.n_events, 4);
	EXPECT_EQUAL(take(2, 2, 0), 0);
	EXPECT_STRING(heard(), "1 2 3 lost1"); /* its end has to wait for what went elsewhere */
	event_flow_return(queue, lent);
	event_lane_flush(queue, true);
	EXPECT_STRING(heard(), "ended");
	EXPECT_EQUAL(queue->store.n_events, 1);
	buffer_free(&out);
	finish();
}

static void given_a_client_that_is_busy_when_events_come_then_they_gather_until_it_has_received(void)
{
	Cbb__EventsTaken message = CBB__EVENTS_TAKEN__INIT;
	given_a_queue(0);
	add_of(1);
	event_lane_flush(queue, false);
	EXPECT_STRING(heard(), "1");
	add_of(1), add_of(1);
	event_lane_flush(queue, false);
	EXPECT_STRING(heard(), "");
	EXPECT(queue->events.tick_wanted);
	message.received = 1;
	EXPECT_EQUAL(event_flow_taken(queue, &message), 0);
	event_lane_flush(queue, false);
	EXPECT_STRING(heard(), "2 3");
	for (unsigned i = 0; i < EVENT_LANE_BATCH_EVENTS - 1; i++)
		add_of(1);
	event_lane_flush(queue, false);
	EXPECT_STRING(heard(), "");
	add_of(1);
	event_lane_flush(queue, false);
	EXPECT_EQUAL(queue->events.n_handed, EVENT_LANE_BATCH_EVENTS + 3);
	finish();
}

static const struct test tests[] = {
    TEST(given_credit_for_four_when_events_are_taken_out_of_order_then_as_many_follow),
    TEST(given_a_first_event_that_is_never_taken_when_thousands_are_then_all_are_counted_right),
    TEST(given_words_that_cannot_be_when_heard_then_they_are_refused),
    TEST(given_a_loss_behind_events_when_these_are_taken_then_it_is_told_and_the_next_waits_for_a_tick),
    TEST(given_an_ending_listener_when_its_last_event_leaves_then_loss_and_end_follow),
    TEST(given_a_window_of_one_when_one_is_on_its_way_then_the_others_hold_up_nobody),
    TEST(given_events_of_two_threads_when_one_takes_its_own_along_then_they_count_until_it_is_answered),
    TEST(given_a_client_that_is_busy_when_events_come_then_they_gather_until_it_has_received),
};
HARNESS_MAIN(tests)
