/* SPDX-License-Identifier: MIT */
#include "host/admission.h"

#include "base/clock.h"
#include "host/binding.h"
#include "host/call.h"
#include "host/closure.h"
#include "host/event_flow.h"
#include "host/failure.h"
#include "host/host_lane.h"
#include "host/native_thread.h"
#include "host/queue.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <unistd.h>

#define NS_PER_S 1000000000u

/* What an event's wait ended with, besides enum admission and statuses: what is told of it once the lock is gone. */
enum { OUTCOME_STALLED = 100, OUTCOME_DEADLOCK };

struct attempt {
	struct binding *binding;
	struct queue *queue;
	struct listener *listener;
	const struct event *event;
	uint64_t deadline_ns;        /* of waiting; 0: it has not begun */
	struct stall stall;
};

/* ---- Room ---- */

/* The waiting event that this one replaces; NULL. */
static struct entry *replaced(const struct attempt *attempt)
{
	bool has_keys = attempt->listener->overflow == CBB__OVERFLOW__OVERFLOW_COALESCE;
	return has_keys ? event_store_by_key(attempt->listener, attempt->event->key) : NULL;
}

/* Once what it replaces has gone. */
static bool has_room(const struct attempt *attempt)
{
	const struct listener *listener = attempt->listener;
	const struct event_store *store = &attempt->queue->store;
	const struct entry *same = replaced(attempt);
	uint64_t n = listener->n_entries + listener->n_flying + listener->n_lent - (same != NULL);
	uint64_t n_events = store->n_events - (same != NULL);
	uint64_t n_bytes = store->n_bytes - (same ? same->size : 0) + attempt->event->size;
	if (listener->max_queued && n >= listener->max_queued)
		return false;
	return n_events == 0 || (n_events < attempt->queue->max_events && n_bytes <= attempt->queue->max_bytes);
}

/* A large one makes room for more than the event that takes its place. */
static void lose_entry(struct attempt *attempt, struct entry *entry, Cbb__Loss why)
{
	event_store_lose(&attempt->queue->store, entry, why);
	telemetry_lost_events(1);
	if (attempt->queue->store.n_waiting)
		pthread_cond_broadcast(&attempt->queue->room_changed);
}

/* Room, if need be at the cost of older events. */
static bool make_room(struct attempt *attempt)
{
	struct listener *listener = attempt->listener;
	struct entry *same;
	switch (listener->overflow) {
	case CBB__OVERFLOW__OVERFLOW_LATEST:
		while (listener->entries)
			lose_entry(attempt, listener->entries, CBB__LOSS__LOSS_REPLACED);
		return true; /* one of each such callback may wait whatever else does */
	case CBB__OVERFLOW__OVERFLOW_COALESCE:
		if (!has_room(attempt))
			return false;
		same = replaced(attempt);
		if (same)
			lose_entry(attempt, same, CBB__LOSS__LOSS_REPLACED);
		return true;
	case CBB__OVERFLOW__OVERFLOW_DROP_OLDEST:
		while (!has_room(attempt) && listener->entries)
			lose_entry(attempt, listener->entries, CBB__LOSS__LOSS_DROPPED);
		return has_room(attempt);
	default:
		return has_room(attempt);
	}
}

/*
 * A bucket that holds one second's worth, told by the time at which the last event would have come at an even pace.
 */
static bool is_too_fast(struct listener *listener)
{
	if (listener->rate_per_s == 0)
		return false;
	uint64_t now_ns = clock_now_ns(), interval_ns = NS_PER_S / listener->rate_per_s;
	uint64_t due_ns = listener->due_ns > now_ns ? listener->due_ns : now_ns;
	if (due_ns + interval_ns - now_ns > NS_PER_S)
		return true;
	listener->due_ns = due_ns + interval_ns;
	return false;
}

/* ---- Losing ---- */

static int lose(struct attempt *attempt, Cbb__Loss why)
{
	loss_append(&attempt->listener->tail, attempt->event->sequence, why);
	telemetry_lost_events(1);
	event_flow_settle(attempt->queue, attempt->listener);
	event_lane_flush(attempt->queue, false);
	return ADMISSION_LOST + (int)why;
}

/* ---- Waiting ---- */

/*
 * The thread is inside a call of the queue's dispatcher, which serves nobody while it waits for that call: room would
 * never come.
 */
static bool would_deadlock(const struct attempt *attempt)
{
	const struct host_lane *lane = attempt->binding->native->thread->lane;
	for (; lane; lane = lane->under) {
		uint64_t bit = lane->top ? queue_bits_dispatched(&lane->top->queues, attempt->queue->number) : 0;
		if (bit && !(lane->top->queues.serves & bit))
			return true;
	}
	return false;
}

/* 0: look again; or how it ends. */
static int wait_for_room(struct attempt *attempt)
{
	struct queue *queue = attempt->queue;
	const struct listener *listener = attempt->listener;
	if (attempt->deadline_ns == 0) {
		if (attempt->binding->native->nonblocking)
			return ADMISSION_FULL;
		if (would_deadlock(attempt))
			return OUTCOME_DEADLOCK;
		attempt->deadline_ns = listener->wait_ms ? clock_deadline_ns(listener->wait_ms) : CLOCK_NEVER;
		stall_begin(&attempt->stall);
	} else if (attempt->deadline_ns != CLOCK_NEVER && clock_now_ns() >= attempt->deadline_ns) {
		return ADMISSION_LOST + CBB__LOSS__LOSS_TIMEOUT;
	}
	if (stall_look(&attempt->stall, queue))
		return OUTCOME_STALLED;
	uint64_t next_ns = attempt->stall.next_ns;
	queue->store.n_waiting++;
	event_lane_flush(queue, true);
	/* The flush lets go of the lock: what frees room meanwhile must not be missed. */
	if (!queue_is_dead(queue) && !has_room(attempt) && !atomic_load(&listener->closure->closed))
		queue_wait(queue, &queue->room_changed, next_ns < attempt->deadline_ns ? next_ns : attempt->deadline_ns);
	queue->store.n_waiting--;
	return 0;
}

/* ---- Passing ---- */

static int take(struct attempt *attempt)
{
	struct binding *binding = attempt->binding;
	struct queue *queue = attempt->queue;
	int r = event_flow_add(queue, attempt->event);
	if (r < 0)
		return r;
	telemetry_event();
	binding->after = queue->events.n_committed;
	if (attempt->listener->entries)
		binding->stored = true;
	event_lane_flush(queue, false);
	return ADMISSION_TAKEN;
}

static bool waits(const struct listener *listener)
{
	return listener->overflow == CBB__OVERFLOW__OVERFLOW_WAIT ||
	       listener->overflow == CBB__OVERFLOW__OVERFLOW_COALESCE;
}

static int pass_locked(struct attempt *attempt)
{
	const struct listener *listener = attempt->listener;
	bool checked = false;
	int r = 0;
	while (r == 0) {
		if (queue_is_dead(attempt->queue))
			return -ENOTCONN;
		if (atomic_load(&listener->closure->closed))
			return CBB__STATUS__STATUS_CLOSED;
		if (!checked && is_too_fast(attempt->listener))
			return lose(attempt, CBB__LOSS__LOSS_RATE);
		checked = true;
		if (make_room(attempt))
			return take(attempt);
		if (!waits(listener))
			return lose(attempt, listener->overflow == CBB__OVERFLOW__OVERFLOW_DROP_OLDEST
			                         ? CBB__LOSS__LOSS_DROPPED : CBB__LOSS__LOSS_REJECTED);
		r = wait_for_room(attempt);
	}
	if (r == ADMISSION_LOST + CBB__LOSS__LOSS_TIMEOUT || r == OUTCOME_STALLED)
		lose(attempt, CBB__LOSS__LOSS_TIMEOUT);
	if (r == OUTCOME_DEADLOCK)
		lose(attempt, CBB__LOSS__LOSS_REJECTED);
	return r;
}

/* Without the lock. */
static int explain(const struct attempt *attempt, int r)
{
	const struct closure *closure = attempt->listener->closure;
	if (r == OUTCOME_STALLED) {
		failure_stalled(closure, attempt->queue);
		return ADMISSION_LOST + CBB__LOSS__LOSS_TIMEOUT;
	}
	if (r != OUTCOME_DEADLOCK)
		return r;
	failure_tell(closure, CBB__STATUS__STATUS_WOULD_DEADLOCK,
	             "an event of %s found no room in queue %u, and native thread %d would wait for it inside a call of the "
	             "very thread that dispatches the queue, made in a handler: the event is lost. A larger queue "
	             "(max_events, max_queued), or a rule that does not wait, settles it",
	             closure->name, attempt->queue->number, (int)gettid());
	return CBB__STATUS__STATUS_WOULD_DEADLOCK;
}

int admission_pass(struct binding *binding, const struct event *event)
{
	struct attempt attempt = {.binding = binding, .queue = binding->queue, .listener = event->listener, .event = event};
	pthread_mutex_lock(&attempt.queue->lock);
	int r = pass_locked(&attempt);
	pthread_mutex_unlock(&attempt.queue->lock);
	return explain(&attempt, r);
}
