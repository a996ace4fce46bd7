/* SPDX-License-Identifier: MIT */
#include "host/event_lane.h"

#include "base/descriptor.h"
#include "host/closure.h"
#include "host/death.h"
#include "host/queue.h"
#include "host/service.h"
#include "wire/frame.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Credit bounds what is in these buffers, not a limit of theirs. */
#define BUFFER_MAX_BYTES (SIZE_MAX / 4)
#define BUFFER_KEEP_BYTES (256u << 10)

static uint64_t window_of(uint64_t max, uint64_t unlimited)
{
	return max == UINT64_MAX ? unlimited : max > 1 ? max / 2 : 1;
}

void event_lane_init(struct event_lane *lane, int fd, uint64_t max_events, uint64_t max_bytes)
{
	*lane = (struct event_lane){.fd = fd, .is_full = true};
	buffer_init(&lane->fill, BUFFER_MAX_BYTES);
	buffer_init(&lane->control, BUFFER_MAX_BYTES);
	buffer_init(&lane->sending, BUFFER_MAX_BYTES);
	lane->window_events = window_of(max_events, EVENT_LANE_WINDOW_EVENTS);
	lane->window_bytes = window_of(max_bytes, EVENT_LANE_WINDOW_BYTES);
}

static void lane_close(struct event_lane *lane)
{
	if (lane->fd < 0)
		return;
	death_remove_lane(lane->fd);
	lane->fd = descriptor_close(lane->fd);
}

static void lane_clear(struct event_lane *lane)
{
	buffer_free(&lane->fill);
	buffer_free(&lane->control);
	buffer_free(&lane->sending);
	free(lane->flights);
	lane->flights = NULL;
	lane->capacity = 0;
}

void event_lane_end(struct queue *queue)
{
	struct event_lane *lane = &queue->events;
	for (uint64_t k = lane->n_taken + 1; k <= lane->n_committed; k++)
		if (lane->flights[k % lane->capacity].listener)
			lane->flights[k % lane->capacity].listener->n_flying = 0;
	shutdown(lane->fd, SHUT_RDWR);
	if (lane->is_sending)
		return;
	lane_close(lane);
	lane_clear(lane);
}

void event_lane_free(struct event_lane *lane)
{
	lane_close(lane);
	lane_clear(lane);
}

/* ---- Frames without a place ---- */

static void put_message(struct buffer *to, Cbb__FrameType type, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *at = buffer_extend(to, FRAME_HEADER_BYTES + size);
	if (!at)
		return; /* without memory the client does without */
	frame_write_header(at, (uint32_t)size, type);
	protobuf_c_message_pack(message, at + FRAME_HEADER_BYTES);
}

void event_lane_put_loss(struct event_lane *lane, const struct listener *listener, const struct loss *loss)
{
	Cbb__Lost message = CBB__LOST__INIT;
	message.slot = listener->closure->slot;
	message.generation = listener->closure->generation;
	message.count = loss->count;
	message.why = loss->why;
	message.first = loss->first;
	message.last = loss->last;
	put_message(&lane->fill, CBB__FRAME_TYPE__FRAME_LOST, &message.base);
}

void event_lane_put_ended(struct event_lane *lane, const struct closure *closure)
{
	Cbb__CallbackEnded message = CBB__CALLBACK_ENDED__INIT;
	message.slot = closure->slot;
	message.generation = closure->generation;
	put_message(&lane->fill, CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED, &message.base);
}

void event_lane_want_lane(struct queue *queue, uint32_t thread)
{
	Cbb__LaneWanted message = CBB__LANE_WANTED__INIT;
	message.thread = thread;
	put_message(&queue->events.control, CBB__FRAME_TYPE__FRAME_LANE_WANTED, &message.base);
	event_lane_flush(queue, true);
}

void event_lane_put_failed(struct queue *queue, const Cbb__Failed *failed)
{
	struct event_lane *lane = &queue->events;
	if (lane->n_failed == EVENT_LANE_FAILED_MAX)
		return;
	lane->n_failed++;
	put_message(&lane->control, CBB__FRAME_TYPE__FRAME_FAILED, &failed->base);
	event_lane_flush(queue, true);
}

bool event_lane_put_use(struct queue *queue, const struct closure *closure, Cbb__Use use)
{
	Cbb__CallbackUse message = CBB__CALLBACK_USE__INIT;
	message.slot = closure->slot;
	message.generation = closure->generation;
	message.use = use;
	if (queue->events.control.size >= EVENT_LANE_USES_MAX_BYTES)
		return false;
	put_message(&queue->events.control, CBB__FRAME_TYPE__FRAME_CALLBACK_USE, &message.base);
	event_lane_flush(queue, true);
	return true;
}

static bool room_differs(const struct queue *queue)
{
	return (queue->store.n_waiting != 0) != (queue->events.room_told != 0);
}

/* Only the last word counts, so it is put together when it can be sent. */
static void put_room_wanted(struct queue *queue)
{
	struct event_lane *lane = &queue->events;
	Cbb__RoomWanted message = CBB__ROOM_WANTED__INIT;
	if (!room_differs(queue))
		return;
	message.threads = lane->room_told = queue->store.n_waiting;
	put_message(&lane->control, CBB__FRAME_TYPE__FRAME_ROOM_WANTED, &message.base);
}

/* ---- Sending ---- */

static bool should_send(const struct queue *queue)
{
	const struct event_lane *lane = &queue->events;
	if (lane->control.size || (queue->store.n_waiting && !lane->room_told))
		return true;
	if (lane->force && room_differs(queue)) /* that nobody waits any more is no hurry */
		return true;
	if (lane->fill.size == 0)
		return false;
	return lane->force || lane->n_received == lane->n_handed || lane->fill.size >= EVENT_LANE_BATCH_BYTES ||
	       lane->n_committed - lane->n_handed >= EVENT_LANE_BATCH_EVENTS ||
	       lane->flying_events >= lane->window_events;
}

/* Moves what should be sent to `sending`; false if there is nothing. */
static bool next_batch(struct queue *queue)
{
	struct event_lane *lane = &queue->events;
	if (lane->n_sent < lane->sending.size)
		return true;
	lane->n_gone = lane->n_handed;
	lane->sending.size = lane->n_sent = 0;
	buffer_trim(&lane->sending, BUFFER_KEEP_BYTES);
	if (!should_send(queue))
		return false;
	put_room_wanted(queue);
	/* What has no place among the events may as well go behind them: no copy. */
	struct buffer sending = lane->fill;
	lane->fill = lane->sending;
	lane->sending = sending;
	if (lane->control.size) {
		uint8_t *to = buffer_extend(&lane->sending, lane->control.size);
		if (to)
			memcpy(to, lane->control.data, lane->control.size);
		lane->control.size = lane->n_failed = 0;
	}
	lane->n_handed = lane->n_committed;
	return lane->sending.size > 0;
}

/* Without the lock. */
static int send_some(struct event_lane *lane, int fd)
{
	ssize_t n;
	do
		n = send(fd, lane->sending.data + lane->n_sent, lane->sending.size - lane->n_sent,
		         MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	lane->n_sent += (size_t)n;
	return 0;
}

/*
 * As long as there is something, others' included, but not for ever: somebody who always adds more would keep this
 * thread. What fails for good is ended: the service thread reads the end of file.
 */
static void send_all(struct queue *queue)
{
	struct event_lane *lane = &queue->events;
	unsigned n_sends = 0;
	lane->is_sending = true;
	while (!queue_is_dead(queue) && !lane->is_full && next_batch(queue)) {
		int fd = lane->fd; /* stays open as long as somebody sends */
		pthread_mutex_unlock(&queue->lock);
		int r = send_some(lane, fd);
		pthread_mutex_lock(&queue->lock);
		if (r == 0 && ++n_sends < EVENT_LANE_SENDS_MAX)
			continue;
		if (r < 0 && r != -EAGAIN)
			shutdown(fd, SHUT_RDWR);
		lane->is_full = true;
		service_look_at_queues();
	}
	lane->is_sending = false;
	if (!lane->is_full)
		lane->force = false;
	if (queue_is_dead(queue)) {
		lane_close(lane);
		lane_clear(lane);
	}
}

void event_lane_want_tick(struct event_lane *lane)
{
	if (lane->tick_wanted)
		return;
	lane->tick_wanted = true;
	service_look_at_queues();
}

static void send_gathered(struct queue *queue, bool force)
{
	struct event_lane *lane = &queue->events;
	if (force)
		lane->force = true;
	if (!lane->is_sending && !lane->is_full)
		send_all(queue);
}

void event_lane_flush(struct queue *queue, bool force)
{
	const struct event_lane *lane = &queue->events;
	send_gathered(queue, force);
	bool waits = lane->fill.size || (lane->room_told && !queue->store.n_waiting);
	if (!waits || lane->is_full || queue_is_dead(queue))
		return;
	queue_gathers(queue);
	event_lane_want_tick(&queue->events);
}

/* Whoever else is sending does not wait, and sends everything now. */
void event_lane_flush_all(struct queue *queue)
{
	const struct event_lane *lane = &queue->events;
	uint64_t last = lane->n_committed;
	send_gathered(queue, true);
	while (lane->is_sending && lane->n_gone < last) {
		pthread_mutex_unlock(&queue->lock);
		sched_yield();
		pthread_mutex_lock(&queue->lock);
	}
}

bool event_lane_is_read(const struct event_lane *lane)
{
	int unread = 0;
	return lane->control.size == 0 && !lane->is_full && !lane->is_sending &&
	       ioctl(lane->fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

void event_lane_writable(struct queue *queue)
{
	queue->events.is_full = false;
	if (queue->store.gated)
		event_lane_want_tick(&queue->events); /* losses that had to wait */
	event_lane_flush(queue, false);
}
