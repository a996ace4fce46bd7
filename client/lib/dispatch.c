/* SPDX-License-Identifier: MIT */
#include "lib/dispatch.h"

#include "base/clock.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/pick.h"
#include "lib/queue_fds.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

static void set_dispatcher(struct cbb_queue *queue, uint64_t thread)
{
	atomic_store(&queue->dispatcher, thread);
	queue_bits_set_dispatcher(queue, thread);
}

void dispatch_become(struct cbb_queue *queue)
{
	struct client_thread *thread = thread_self();
	if (thread && atomic_load_explicit(&queue->dispatcher, memory_order_relaxed) != thread->id)
		set_dispatcher(queue, thread->id);
}

void dispatch_give_up(struct cbb_queue *queue)
{
	set_dispatcher(queue, 0);
}

bool dispatch_is_inside(const struct cbb_queue *queue)
{
	const struct client_thread *thread = thread_self();
	for (const struct dispatch *at = thread ? thread->dispatches : NULL; at; at = at->outer)
		if (at->queue == queue)
			return true;
	return false;
}

bool dispatch_is_at(const struct cbb_host *host)
{
	const struct client_thread *thread = thread_self();
	for (const struct dispatch *at = thread ? thread->dispatches : NULL; at; at = at->outer)
		if (at->work.kind != WORK_NONE && at->work.host == host)
			return true;
	return false;
}

bool dispatch_has_forked(const struct dispatch *dispatch)
{
	return dispatch->fork_epoch != fork_epoch();
}

static struct dispatch *dispatch_take(struct client_thread *thread)
{
	struct dispatch *dispatch = thread->spare_dispatches;
	if (!dispatch)
		return malloc(sizeof *dispatch);
	thread->spare_dispatches = dispatch->outer;
	return dispatch;
}

static void dispatch_give(struct dispatch *dispatch)
{
	struct client_thread *thread = dispatch->thread;
	dispatch->outer = thread->spare_dispatches;
	thread->spare_dispatches = dispatch;
}

void dispatch_wait_served(struct cbb_queue *queue)
{
	uint64_t end_ns = clock_deadline_ns(QUEUE_STALL_DEFAULT_MS);
	struct timespec until = clock_timespec(end_ns);
	pthread_mutex_lock(&queue->lock);
	while (queue->served_in_call && !atomic_load(&queue->closing) &&
	       pthread_cond_timedwait(&queue->changed, &queue->lock, &until) == 0)
		;
	pthread_mutex_unlock(&queue->lock);
}

static int enter(struct cbb_queue *queue, enum dispatch_style style)
{
	pthread_mutex_lock(&queue->lock);
	/* A call that serves more than its own chain may be made inside a handler of the very queue. */
	bool nested = style == DISPATCH_IN_CALL && dispatch_is_inside(queue);
	bool busy = (atomic_load(&queue->closing) && style != DISPATCH_CLOSING) ||
	            (style != DISPATCH_PARALLEL && queue->dispatched && !nested);
	if (!busy) {
		queue->dispatched |= style != DISPATCH_PARALLEL;
		queue->served_in_call |= style == DISPATCH_IN_CALL && !nested;
		queue->n_dispatching++;
	}
	pthread_mutex_unlock(&queue->lock);
	if (!busy)
		return 0;
	return detail_set(CBB_ERR_BUSY, "%s is being dispatched%s", queue->name,
	                  dispatch_is_inside(queue) ? " by this thread, in an outer frame" : " by another thread");
}

int dispatch_begin(struct cbb_queue *queue, enum dispatch_style style, const void *frame, struct dispatch **ret_dispatch)
{
	struct client_thread *thread = thread_self();
	struct dispatch *dispatch = thread ? dispatch_take(thread) : NULL;
	if (!dispatch)
		return -ENOMEM;
	dispatch->thread = thread;
	int r = enter(queue, style);
	if (r < 0) {
		dispatch_give(dispatch);
		return r;
	}
	dispatch->frame = frame;
	dispatch->fork_epoch = fork_epoch();
	dispatch->queue = queue;
	dispatch->waits_in_call = style == DISPATCH_IN_CALL;
	dispatch->parallel = style == DISPATCH_PARALLEL;
	dispatch->closing = style == DISPATCH_CLOSING;
	dispatch->while_wanted = false;
	dispatch->keeps = style == DISPATCH_PARALLEL || (style == DISPATCH_IN_CALL && dispatch_is_inside(queue));
	dispatch->callback = NULL;
	dispatch->work.kind = WORK_NONE;
	dispatch->batch_max = 1;
	dispatch->outer = thread->dispatches;
	thread->dispatches = dispatch;
	*ret_dispatch = dispatch;
	return 0;
}

/* It holds what was read, and nobody is at it. */
static bool has_word(const struct queue_lane *lane)
{
	return lane->ready && !lane->serving && !lane_is_empty(&lane->base.lane);
}

/* Something can be done of which no socket knows. */
static bool has_local_work(const struct cbb_queue *queue)
{
	const struct task *task;
	struct port *port;
	const struct queue_lane *lane;
	/* What belongs to a host that is being closed is the closer's. */
	DL_FOREACH (queue->tasks, task)
		if (!atomic_load(&task->host->closing))
			return true;
	DL_FOREACH (queue->ports, port) {
		if (atomic_load(&port->host->closing))
			continue;
		if (port_next_record(port) || port->n_wanted || port->fault)
			return true;
		DL_FOREACH (port->lanes, lane)
			if (has_word(lane))
				return true;
	}
	return false;
}

/* Native threads wait whose word has been read: no socket shows them to this thread when it waits in a call. */
static bool has_left(const struct cbb_queue *queue)
{
	const struct port *port;
	const struct queue_lane *lane;
	DL_FOREACH (queue->ports, port) {
		if (atomic_load(&port->host->closing))
			continue;
		if (port->n_wanted || (port->n_room_wanted && port->records))
			return true;
		DL_FOREACH (port->lanes, lane)
			if (has_word(lane))
				return true;
	}
	return false;
}

void dispatch_end(struct dispatch *dispatch)
{
	struct cbb_queue *queue = dispatch->queue;
	struct port *port;
	dispatch->thread->dispatches = dispatch->outer;
	if (dispatch_has_forked(dispatch)) {
		dispatch_give(dispatch);
		return;
	}
	pthread_mutex_lock(&queue->lock);
	if (!dispatch->waits_in_call)
		DL_FOREACH (queue->ports, port)
			port_tell(port, true);
	queue->dispatched &= dispatch->keeps;
	if (dispatch->waits_in_call && !dispatch->keeps) {
		queue->served_in_call = false;
		pthread_cond_broadcast(&queue->changed);
	}
	queue->n_dispatching--;
	if (!dispatch->parallel && has_local_work(queue))
		queue_wake(queue);
	if (!dispatch->parallel && !dispatch->waits_in_call && has_left(queue))
		queue_wake_left(queue);
	if (queue->closing)
		pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
	dispatch_give(dispatch);
}
