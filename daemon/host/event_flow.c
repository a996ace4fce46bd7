/* SPDX-License-Identifier: MIT */
#include "host/event_flow.h"

#include "base/detail.h"
#include "host/closure.h"
#include "host/queue.h"
#include "wire/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define FLIGHTS_MIN 64
#define HOLDING_MAX 16
/* A frame LOST: six numbers. */
#define LOST_MAX_BYTES 80

/* ---- Credit ---- */

static bool has_credit(const struct event_lane *lane, size_t size)
{
	return lane->flying_events < lane->window_events &&
	       (lane->flying_events == 0 || lane->flying_bytes + size <= lane->window_bytes) &&
	       lane->n_committed - lane->n_taken < lane->window_events + EVENT_LANE_SPAN_MAX;
}

static struct flight *flight_of(const struct event_lane *lane, uint64_t position)
{
	return &lane->flights[position & (lane->capacity - 1)];
}

static bool flights_reserve(struct event_lane *lane)
{
	if (lane->n_committed - lane->n_taken < lane->capacity)
		return true;
	size_t capacity = lane->capacity ? 2 * lane->capacity : FLIGHTS_MIN;
	struct flight *flights = calloc(capacity, sizeof *flights);
	if (!flights)
		return false;
	for (uint64_t k = lane->n_taken + 1; k <= lane->n_committed; k++)
		flights[k & (capacity - 1)] = *flight_of(lane, k);
	free(lane->flights);
	lane->flights = flights;
	lane->capacity = capacity;
	return true;
}

/* The event, and in front of it what is missing. false without memory: nothing is done. */
static bool commit(struct event_lane *lane, struct listener *listener, const struct loss *before, const uint8_t *frame,
                   size_t size)
{
	if (!flights_reserve(lane) || !buffer_reserve(&lane->fill, LOST_MAX_BYTES + size))
		return false;
	if (before->count)
		event_lane_put_loss(lane, listener, before);
	uint8_t *to = buffer_extend(&lane->fill, size);
	if (!to)
		return false;
	memcpy(to, frame, size);
	lane->n_committed++;
	*flight_of(lane, lane->n_committed) = (struct flight){listener, (uint32_t)size};
	lane->flying_events++;
	lane->flying_bytes += size;
	listener->n_flying++;
	return true;
}

/* ---- Losses and ends behind everything else ---- */

static void listener_gate(struct queue *queue, struct listener *listener)
{
	if (!listener->gated)
		DL_APPEND(queue->store.gated, listener);
	listener->gated = true;
}

static void listener_ungate(struct queue *queue, struct listener *listener)
{
	if (listener->gated)
		DL_DELETE(queue->store.gated, listener);
	listener->gated = false;
}

/*
 * A loss with nothing behind it waits until the client is done with what is in front, and is told at most once a tick:
 * else a flood of lost events would be a flood of frames. None is told to a client that does not read: they would pile
 * up.
 */
void event_flow_settle(struct queue *queue, struct listener *listener)
{
	struct event_lane *lane = &queue->events;
	if (listener->entries)
		return;
	bool is_due = !listener->gated && !lane->is_full && listener->n_flying == 0;
	if (listener->tail.count && (listener->ending || is_due)) {
		event_lane_put_loss(lane, listener, &listener->tail);
		listener->tail.count = 0;
		listener_gate(queue, listener);
	}
	if (listener->tail.count && lane->is_full)
		listener_gate(queue, listener); /* event_lane_writable wants the tick */
	else if (listener->tail.count && listener->gated)
		event_lane_want_tick(lane);
	if (listener->ending && listener->n_lent == 0) {
		listener->ending = false;
		listener_ungate(queue, listener);
		event_lane_put_ended(&queue->events, listener->closure);
	}
}

void event_flow_tick(struct queue *queue)
{
	struct listener *listener, *next, *gated = queue->store.gated;
	/* Those that have to wait again gather in a new list. */
	queue->store.gated = NULL;
	DL_FOREACH_SAFE(gated, listener, next) {
		listener->gated = false;
		event_flow_settle(queue, listener);
	}
}

/* ---- Leaving the store ---- */

static bool is_held(const struct listener *listener)
{
	return listener->paused || listener->n_flying >= listener->window;
}

static bool entry_leave(struct queue *queue, struct entry *entry)
{
	struct listener *listener = entry->listener;
	if (!commit(&queue->events, listener, &entry->before, entry->frame, entry->size))
		return false;
	listener_ungate(queue, listener);
	event_store_remove(&queue->store, entry);
	event_store_discard(&queue->store, entry);
	event_flow_settle(queue, listener);
	return true;
}

/* Native threads of which an event is held: what they did later stays behind it. */
struct holding {
	uint64_t threads[HOLDING_MAX];
	unsigned n;
};

static bool holds(const struct holding *holding, uint64_t thread)
{
	for (unsigned i = 0; i < holding->n; i++)
		if (holding->threads[i] == thread)
			return true;
	return false;
}

void event_flow_advance(struct queue *queue)
{
	struct holding holding = {.n = 0};
	struct entry *entry, *next;
	DL_FOREACH_SAFE(queue->store.entries, entry, next) {
		if (holds(&holding, entry->thread))
			continue;
		if (is_held(entry->listener)) {
			if (holding.n == HOLDING_MAX)
				return; /* too many to tell apart: all wait, until one is released */
			holding.threads[holding.n++] = entry->thread;
			continue;
		}
		if (!has_credit(&queue->events, entry->size) || !entry_leave(queue, entry))
			return;
	}
}

/*
 * Straight to the lane, if nothing of the store could go first: what is in there waits for credit, or is held; and
 * then a walk finds out.
 */
int event_flow_add(struct queue *queue, const struct event *event)
{
	struct listener *listener = event->listener;
	struct event_lane *lane = &queue->events;
	if (!queue->store.entries && !listener->entries && !is_held(listener) && has_credit(lane, event->size)) {
		if (!commit(lane, listener, &listener->tail, event->frame, event->size))
			return -ENOMEM;
		listener->tail.count = 0;
		listener_ungate(queue, listener);
		queue->store.n_events++;
		queue->store.n_bytes += event->size;
		return 0;
	}
	if (!event_store_add(&queue->store, event))
		return -ENOMEM;
	listener_ungate(queue, listener);
	if (lane->flying_events < lane->window_events)
		event_flow_advance(queue);
	return 0;
}

/* ---- What the client says ---- */

static void land(struct queue *queue, uint64_t position)
{
	struct event_lane *lane = &queue->events;
	struct flight *flight = flight_of(lane, position);
	struct listener *listener = flight->listener;
	if (!listener)
		return; /* told before */
	flight->listener = NULL;
	lane->flying_events--;
	lane->flying_bytes -= flight->size;
	listener->n_flying--;
	event_store_uncount(&queue->store, flight->size);
	event_flow_settle(queue, listener);
}

static int check_taken(const struct event_lane *lane, const Cbb__EventsTaken *message)
{
	bool right = message->received >= lane->n_received && message->received <= lane->n_handed &&
	             message->taken >= lane->n_taken && message->taken <= message->received;
	for (size_t i = 0; right && i < message->n_more; i++)
		right = message->more[i] > message->taken && message->more[i] <= message->received;
	if (!right)
		return detail_set(-EBADMSG, "EventsTaken speaks of %llu received and %llu taken events: %llu were sent, and "
		                  "it said %llu and %llu before",
		                  (unsigned long long)message->received, (unsigned long long)message->taken,
		                  (unsigned long long)lane->n_handed, (unsigned long long)lane->n_received,
		                  (unsigned long long)lane->n_taken);
	return 0;
}

int event_flow_taken(struct queue *queue, const Cbb__EventsTaken *message)
{
	struct event_lane *lane = &queue->events;
	int r = check_taken(lane, message);
	if (r < 0)
		return r;
	if (message->received != lane->n_received || message->taken != lane->n_taken || message->n_more)
		queue->n_progress++;
	lane->n_received = message->received;
	while (lane->n_taken < message->taken) {
		land(queue, lane->n_taken + 1);
		lane->n_taken++;
	}
	for (size_t i = 0; i < message->n_more; i++)
		land(queue, message->more[i]);
	event_flow_advance(queue);
	if (queue->store.n_waiting)
		pthread_cond_broadcast(&queue->room_changed);
	return 0;
}

/* ---- Along with a thread ---- */

#define AFTER_TAG (17u << 3) /* Invoke.after, a varint */

static size_t put_varint(uint8_t *to, uint64_t value)
{
	size_t n = 0;
	for (; value > 0x7f; value >>= 7)
		to[n++] = (uint8_t)(value | 0x80);
	to[n++] = (uint8_t)value;
	return n;
}

/*
 * The event as it will be sent there: behind those that have left on the event lane, some of which may be the
 * thread's.
 */
static bool put_lent(struct buffer *out, const struct entry *entry, uint64_t after)
{
	uint8_t last[EVENT_FLOW_AFTER_MAX_BYTES];
	size_t size = put_varint(last, AFTER_TAG);
	size += put_varint(last + size, after);
	uint8_t *to = buffer_extend(out, entry->size + size);
	if (!to)
		return false;
	memcpy(to, entry->frame, entry->size);
	memcpy(to + entry->size, last, size);
	frame_write_header(to, (uint32_t)(entry->size + size - FRAME_HEADER_BYTES), CBB__FRAME_TYPE__FRAME_EVENT);
	return true;
}

struct entry *event_flow_lend(struct queue *queue, uint64_t thread, struct buffer *out)
{
	struct entry *entry, *next, *lent = NULL, *last = NULL;
	DL_FOREACH_SAFE(queue->store.entries, entry, next) {
		if (entry->thread != thread)
			continue;
		if (!put_lent(out, entry, queue->events.n_committed))
			break;
		event_store_pass_loss(entry);
		event_store_remove(&queue->store, entry);
		entry->listener->n_lent++;
		entry->next = NULL;
		if (last)
			last->next = entry;
		else
			lent = entry;
		last = entry;
	}
	return lent;
}

void event_flow_return(struct queue *queue, struct entry *lent)
{
	while (lent) {
		struct entry *next = lent->next;
		lent->listener->n_lent--;
		if (!queue_is_dead(queue)) {
			event_store_uncount(&queue->store, lent->size);
			event_flow_settle(queue, lent->listener);
		}
		event_store_discard(&queue->store, lent);
		lent = next;
	}
	if (queue->store.n_waiting)
		pthread_cond_broadcast(&queue->room_changed);
}
