/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "host/queue.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/closure.h"
#include "host/event_flow.h"
#include "host/queue_bits.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S 1000000000u

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue *table; /* those that live; under table_lock */

_Atomic unsigned queues_gathering;

/* ---- Finding ---- */

struct queue *queue_find(uint32_t number)
{
	struct queue *queue;
	pthread_mutex_lock(&table_lock);
	HASH_FIND(hh, table, &number, sizeof number, queue);
	if (queue)
		atomic_fetch_add(&queue->n_references, 1);
	pthread_mutex_unlock(&table_lock);
	return queue;
}

struct queue *queue_ref(struct queue *queue)
{
	atomic_fetch_add(&queue->n_references, 1);
	return queue;
}

void queue_unref(struct queue *queue)
{
	if (!queue || atomic_fetch_sub(&queue->n_references, 1) != 1)
		return;
	event_store_free(&queue->store);
	event_lane_free(&queue->events);
	thread_pool_free(&queue->pool);
	pthread_cond_destroy(&queue->lanes_changed);
	pthread_cond_destroy(&queue->room_changed);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

/* ---- Beginning ---- */

static void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

static struct queue *queue_new(const Cbb__HostAttach *attach, int fd)
{
	struct queue *queue = calloc(1, sizeof *queue);
	if (!queue)
		return NULL;
	queue->number = attach->queue;
	queue->bit = attach->queue_bit;
	queue->max_events = attach->queue_max_events ? attach->queue_max_events : QUEUE_EVENTS_DEFAULT;
	queue->max_bytes = attach->queue_max_bytes ? attach->queue_max_bytes : QUEUE_BYTES_DEFAULT;
	queue->stall_ms = attach->queue_stall_ms ? attach->queue_stall_ms : QUEUE_STALL_DEFAULT_MS;
	queue->n_references = 2; /* the table's, and the caller's */
	pthread_mutex_init(&queue->lock, NULL);
	condition_init(&queue->lanes_changed);
	condition_init(&queue->room_changed);
	event_lane_init(&queue->events, fd, queue->max_events, queue->max_bytes);
	return queue;
}

/* With the table's lock. */
static int check_number(uint32_t number, uint32_t bit)
{
	struct queue *same;
	HASH_FIND(hh, table, &number, sizeof number, same);
	if (number == 0 || same)
		return detail_set(CBB__STATUS__STATUS_ARGUMENT, "queue %u: %s", number,
		                  same ? "it has an event lane already" : "queues count from 1");
	if (bit > QUEUE_BITS_MAX)
		return detail_set(CBB__STATUS__STATUS_ARGUMENT, "queue %u: bit %u, there are %d", number, bit, QUEUE_BITS_MAX);
	if (HASH_COUNT(table) >= QUEUES_MAX)
		return detail_set(CBB__STATUS__STATUS_LIMIT, "the host has %d queues, which is its limit: close some first",
		                  QUEUES_MAX);
	return 0;
}

static int table_add(const Cbb__HostAttach *attach, int fd, struct queue **ret_queue)
{
	int r = check_number(attach->queue, attach->queue_bit);
	struct queue *queue = r == 0 ? queue_new(attach, fd) : NULL;
	if (r < 0)
		return r;
	if (queue)
		HASH_ADD(hh, table, number, sizeof queue->number, queue);
	if (!queue || !hash_added(queue)) {
		free(queue);
		return detail_set(-ENOMEM, "the host has no memory for a queue");
	}
	if (queue->bit)
		queue_bits_take(queue->bit, queue->number);
	*ret_queue = queue;
	return 0;
}

int queue_attach(const Cbb__HostAttach *attach, int fd, struct queue **ret_queue)
{
	pthread_mutex_lock(&table_lock);
	int r = table_add(attach, fd, ret_queue);
	pthread_mutex_unlock(&table_lock);
	return r;
}

/* ---- The end ---- */

static _Atomic bool default_has_ended;

bool queue_has_ended(uint32_t number)
{
	return number != QUEUE_DEFAULT_NUMBER || atomic_load(&default_has_ended);
}

void queue_end(struct queue *queue)
{
	pthread_mutex_lock(&table_lock);
	HASH_DEL(table, queue);
	if (queue->bit)
		queue_bits_give(queue->bit, queue->number);
	pthread_mutex_unlock(&table_lock);
	pthread_mutex_lock(&queue->lock);
	if (queue->number == QUEUE_DEFAULT_NUMBER)
		atomic_store(&default_has_ended, true);
	atomic_store(&queue->dead, true);
	if (atomic_exchange(&queue->gathers, false))
		atomic_fetch_sub(&queues_gathering, 1);
	event_lane_end(queue);
	event_store_free(&queue->store);
	thread_lanes_end(queue);
	pthread_cond_broadcast(&queue->lanes_changed);
	pthread_cond_broadcast(&queue->room_changed);
	pthread_mutex_unlock(&queue->lock);
	queue_unref(queue);
}

/* ---- Waiting ---- */

void queue_wait(struct queue *queue, pthread_cond_t *condition, uint64_t deadline_ns)
{
	struct timespec until = {.tv_sec = (time_t)(deadline_ns / NS_PER_S), .tv_nsec = (long)(deadline_ns % NS_PER_S)};
	if (deadline_ns == CLOCK_NEVER)
		pthread_cond_wait(condition, &queue->lock);
	else
		pthread_cond_timedwait(condition, &queue->lock, &until);
}

uint64_t queue_progress(const struct queue *queue)
{
	return queue->n_progress + thread_lanes_returns(queue);
}

/* ---- Sending what gathers ---- */

/* The one with the lowest number above that, and a reference. */
static struct queue *take_gathering(uint32_t above)
{
	struct queue *queue, *next, *found = NULL;
	pthread_mutex_lock(&table_lock);
	HASH_ITER(hh, table, queue, next)
		if (queue->number > above && atomic_load(&queue->gathers) && (!found || queue->number < found->number))
			found = queue;
	if (found) {
		atomic_fetch_add(&found->n_references, 1);
		if (atomic_exchange(&found->gathers, false))
			atomic_fetch_sub(&queues_gathering, 1);
	}
	pthread_mutex_unlock(&table_lock);
	return found;
}

void queues_send(void)
{
	struct queue *queue;
	/* Each once: what other threads add meanwhile does not keep this one. */
	for (uint32_t last = 0; (queue = take_gathering(last));) {
		last = queue->number;
		pthread_mutex_lock(&queue->lock);
		event_lane_flush_all(queue);
		pthread_mutex_unlock(&queue->lock);
		queue_unref(queue);
	}
}

void queue_gathers(struct queue *queue)
{
	if (!atomic_load_explicit(&queue->gathers, memory_order_relaxed) && !atomic_exchange(&queue->gathers, true))
		atomic_fetch_add(&queues_gathering, 1);
}

/* ---- Closing ---- */

static void callback_end(struct queue *queue, struct closure *closure)
{
	struct listener *listener = closure->listener;
	if (queue_is_dead(queue) || closure->plain || atomic_exchange(&closure->ended, true))
		return;
	if (!listener) {
		event_lane_put_ended(&queue->events, closure);
		return;
	}
	event_store_resume(&queue->store, listener);
	listener->ending = true;
	event_flow_advance(queue);
	event_flow_settle(queue, listener);
}

void queue_callback_closed(struct closure *closure, bool abort)
{
	struct queue *queue = queue_find(closure_queue(closure));
	if (!queue)
		return;
	pthread_mutex_lock(&queue->lock);
	if (abort)
		thread_lanes_abort(queue, closure);
	callback_end(queue, closure);
	pthread_cond_broadcast(&queue->lanes_changed);
	pthread_cond_broadcast(&queue->room_changed);
	event_lane_flush(queue, true); /* who closes waits for the end */
	pthread_mutex_unlock(&queue->lock);
	queue_unref(queue);
}

void queue_callback_wake(struct closure *closure)
{
	struct queue *queue = queue_find(closure_queue(closure));
	if (!queue)
		return;
	pthread_mutex_lock(&queue->lock);
	thread_lanes_abort(queue, closure);
	pthread_cond_broadcast(&queue->lanes_changed);
	pthread_cond_broadcast(&queue->room_changed);
	pthread_mutex_unlock(&queue->lock);
	queue_unref(queue);
}

void queue_callback_pause(struct closure *closure, bool paused)
{
	struct queue *queue = queue_find(closure_queue(closure));
	if (!queue)
		return;
	pthread_mutex_lock(&queue->lock);
	if (queue_is_dead(queue) || atomic_load(&closure->closed)) {
		/* what it has goes out */
	} else if (paused) {
		event_store_pause(&queue->store, closure->listener);
	} else {
		event_store_resume(&queue->store, closure->listener);
		event_flow_advance(queue);
		event_flow_settle(queue, closure->listener);
		event_lane_flush(queue, false);
	}
	pthread_mutex_unlock(&queue->lock);
	queue_unref(queue);
}
