/* SPDX-License-Identifier: MIT */
#include "lib/dispatch_run.h"

#include "base/clock.h"
#include "lib/async.h"
#include "lib/call.h"
#include "lib/callback.h"
#include "lib/claim.h"
#include "lib/client.h"
#include "lib/deferred.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/handler.h"
#include "lib/queue_lane.h"
#include "lib/record_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* The native thread's call is no call of ours: the level below those of the handler's calls stands for it. */
static void begin_lane(struct dispatch *dispatch, struct call_frame *place)
{
	struct client_lane *lane = &dispatch->work.lane->base;
	*place = (struct call_frame){.lane = lane, .deadline_ns = CLOCK_NEVER};
	lane->in_use = true;
	lane->depth = 1;
	lane->levels[0] = (struct lane_level){.frame = place, .deadline_ns = CLOCK_NEVER, .mark = arena_mark(&lane->arena)};
	LL_PREPEND2(dispatch->thread->lanes, lane, thread_next);
}

static void end_lane(struct dispatch *dispatch)
{
	struct client_lane *lane = &dispatch->work.lane->base;
	struct client_lane *linked;
	LL_FOREACH2 (dispatch->thread->lanes, linked, thread_next)
		if (linked == lane) {
			LL_DELETE2(dispatch->thread->lanes, lane, thread_next);
			break;
		}
	lane->depth = 0;
	lane->in_use = false;
}

/* A handler's own call timed out: the native thread is told that nothing comes. */
static int refuse_late(struct client_lane *lane, uint64_t sequence)
{
	detail_set(CBB_ERR_TIMEOUT, "a call made by its handler timed out");
	int r = hot_put_failure(&lane->lane.out, sequence, lane_core(), CBB_ERR_TIMEOUT);
	return r < 0 ? r : handler_answer(lane, clock_deadline_ns(QUEUE_STALL_DEFAULT_MS));
}

static int serve_invoke(struct dispatch *dispatch)
{
	struct work *work = &dispatch->work;
	struct client_lane *lane = &work->lane->base;
	struct call_frame place;
	if (work->lane->async)
		return async_serve_callback(dispatch);
	begin_lane(dispatch, &place);
	uint64_t sequence = work->hot.sequence;
	int r = handler_serve(lane, &work->hot);
	end_lane(dispatch);
	if (r == HANDLER_DEFERRED)
		return deferred_settle(work->lane);
	if (r == CBB_ERR_TIMEOUT && lane->abandoned && !lane->dead)
		r = refuse_late(lane, sequence);
	return r;
}

static int serve_lane(struct dispatch *dispatch)
{
	struct work *work = &dispatch->work;
	switch (work->frame.type) {
	case CBB__FRAME_TYPE__FRAME_EVENT:
		if (claim_is_over(work->port, &work->hot))
			return 0;
		return event_run(work->port, &work->hot, false, &dispatch->callback) < 0 ? -EBADMSG : 0;
	case CBB__FRAME_TYPE__FRAME_INVOKE:
		return serve_invoke(dispatch);
	default:
		return async_complete(work->lane, &work->frame, &work->hot);
	}
}

/* With the lock: events that were not begun are left to whoever picks next. */
static void end_batch(struct dispatch *dispatch)
{
	struct port *port = dispatch->work.port;
	unsigned n_done = dispatch->at_batch + 1;
	for (unsigned i = 0; i < n_done; i++)
		port_done(port, dispatch->batch[i]);
	for (unsigned i = n_done; i < dispatch->n_batch; i++)
		dispatch->batch[i]->running = false;
}

/* Without the lock: goes on to the next event of the batch, unless the queue has to be looked at. */
static bool next_of_batch(struct dispatch *dispatch)
{
	struct work *work = &dispatch->work;
	if (work->kind != WORK_RECORD || dispatch->at_batch + 1 >= dispatch->n_batch || dispatch_is_stopped(dispatch) ||
	    atomic_load(&work->host->closing) || clock_coarse_ns() != dispatch->batch_ns)
		return false;
	work->record = dispatch->batch[++dispatch->at_batch];
	return true;
}

/* With the lock: what the work was about is free for others. `r` of a lane: what serving it gave. */
static void work_done(struct dispatch *dispatch, int r)
{
	struct work *work = &dispatch->work;
	struct cbb_queue *queue = dispatch->queue;
	DL_DELETE(queue->running, &dispatch->running);
	queue->n_done++;
	if (work->port)
		port_unpark(work->port);
	if (work->kind == WORK_RECORD) {
		end_batch(dispatch);
		/* In bulk, also to a native thread that waits for room: it is woken for more than one event. The last at once. */
		port_tell(work->port, (dispatch->waits_in_call || dispatch->parallel) && !work->port->records);
	} else if (work->kind == WORK_LANE && r != HANDLER_DEFERRED) {
		lane_put_back(work->lane, r);
	}
	work->kind = WORK_NONE;
	if (dispatch->parallel || queue->closing)
		pthread_cond_broadcast(&queue->changed);
}

int dispatch_run(struct dispatch *dispatch, bool *ret_next)
{
	struct work *work = &dispatch->work;
	struct cbb_queue *queue = dispatch->queue;
	struct cbb_host *host = work->host;
	int ran = 1, r = 0;
	char *fault = NULL;
	error_begin();
	if (work->kind == WORK_TASK)
		work->task->run(work->task);
	else if (work->kind == WORK_RECORD)
		ran = r = record_run(work->port, work->record, false, &dispatch->callback);
	else
		r = serve_lane(dispatch);
	if (dispatch_has_forked(dispatch)) {
		if (ret_next)
			*ret_next = false;
		return ran > 0;
	}
	if (r == -EBADMSG)
		fault = strdup(detail_text());
	if (r != -EBADMSG && ret_next && next_of_batch(dispatch)) {
		*ret_next = true;
		return ran > 0;
	}
	pthread_mutex_lock(&queue->lock);
	work_done(dispatch, r);
	if (ret_next)
		*ret_next = !dispatch_is_stopped(dispatch) && dispatch_pick(dispatch, false);
	pthread_mutex_unlock(&queue->lock);
	if (fault) {
		detail_set(-EBADMSG, "%s", fault);
		free(fault);
		host_cut_off(host);
	}
	host_leave(host); /* from here on another thread may free it */
	return ran > 0;
}

/* ---- What needs no handler ---- */

/* A port that wants something done which may wait, with its host held; NULL. */
static struct port *port_in_need(struct cbb_queue *queue, unsigned *ret_wanted)
{
	struct port *port;
	DL_FOREACH (queue->ports, port)
		if ((port->n_wanted || port->fault) && host_hold(port->host)) {
			*ret_wanted = port_take_wanted(port);
			return port;
		}
	return NULL;
}

void dispatch_tend(struct cbb_queue *queue)
{
	for (;;) {
		unsigned n_wanted = 0;
		pthread_mutex_lock(&queue->lock);
		struct port *port = port_in_need(queue, &n_wanted);
		pthread_mutex_unlock(&queue->lock);
		if (!port)
			return;
		struct cbb_host *host = port->host;
		port_attach_lanes(port, n_wanted);
		port_punish(port);
		host_leave(host);
	}
}

void dispatch_tasks(struct cbb_queue *queue)
{
	for (;;) {
		pthread_mutex_lock(&queue->lock);
		struct task *task = queue->tasks;
		if (task)
			DL_DELETE(queue->tasks, task);
		pthread_mutex_unlock(&queue->lock);
		if (!task)
			return;
		task->run(task);
	}
}

/* ---- Handlers that do not return ---- */

static void abandon_lane(struct dispatch *dispatch)
{
	struct client_lane *lane = &dispatch->work.lane->base;
	client_lane_leave(lane); /* calls of the handler */
	struct lane_level *level = client_lane_top(lane);
	if (level && level->running)
		callback_end(level->running);
	deferred_left(dispatch->work.lane);
	end_lane(dispatch);
}

/* Its handler was left: by longjmp, or with its thread. The native thread finds the end of its lane. */
static void abandon_work(struct dispatch *dispatch)
{
	struct work *work = &dispatch->work;
	struct cbb_queue *queue = dispatch->queue;
	struct cbb_host *host = work->kind == WORK_NONE ? NULL : work->host;
	if (dispatch_has_forked(dispatch)) {
		dispatch_end(dispatch);
		return;
	}
	if (dispatch->callback)
		callback_end(dispatch->callback);
	if (work->kind == WORK_LANE)
		abandon_lane(dispatch);
	if (work->kind != WORK_NONE) {
		pthread_mutex_lock(&queue->lock);
		work_done(dispatch, work->kind == WORK_LANE ? -ECANCELED : 0);
		pthread_mutex_unlock(&queue->lock);
	}
	dispatch_end(dispatch);
	if (host)
		host_leave(host);
}

void dispatch_thread_ends(struct client_thread *thread)
{
	while (thread->dispatches)
		abandon_work(thread->dispatches);
	while (thread->spare_dispatches) {
		struct dispatch *dispatch = thread->spare_dispatches;
		thread->spare_dispatches = dispatch->outer;
		free(dispatch);
	}
}

void dispatch_unwind(const void *here)
{
	struct client_thread *thread = thread_self();
	while (thread && thread->dispatches && thread_has_left(thread->dispatches->frame, here))
		abandon_work(thread->dispatches);
}
