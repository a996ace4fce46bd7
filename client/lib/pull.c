/* SPDX-License-Identifier: MIT */
/*
 * Failing an invocation, and the invocations of pull queues: fetched instead of handled, completed by whoever has them.
 */
#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/callback_use.h"
#include "lib/dispatch_run.h"
#include "lib/error.h"
#include "lib/failure.h"
#include "lib/fork.h"
#include "lib/handler.h"
#include "lib/invocation.h"
#include "lib/library.h"
#include "lib/queue_fds.h"
#include "lib/queue_lane.h"
#include "lib/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* A fetched invocation: what a struct dispatch holds while a handler runs. */
struct pulled {
	struct cbb_invocation invocation;
	struct cbb_queue *queue;
	struct port *port;
	struct record *record;     /* an event's */
	struct queue_lane *lane;   /* a native thread waits on it */
	struct running running;
	struct arena arena;        /* of an event's arguments */
};

/* ---- Fetching ---- */

static void pulled_free(struct pulled *pulled)
{
	arena_free(&pulled->arena);
	invocation_free_failure(&pulled->invocation);
	free(pulled);
}

/* The work passes from the dispatching thread to the invocation. */
static void take_over(struct pulled *pulled, struct dispatch *dispatch)
{
	struct work *work = &dispatch->work;
	pthread_mutex_lock(&pulled->queue->lock);
	DL_DELETE(pulled->queue->running, &dispatch->running);
	pulled->running = dispatch->running;
	DL_APPEND(pulled->queue->running, &pulled->running);
	if (pulled->lane)
		lane_watch(pulled->lane, false);
	pthread_mutex_unlock(&pulled->queue->lock);
	work->kind = WORK_NONE;
}

static struct pulled *pulled_new(struct dispatch *dispatch, struct cbb_callback *callback)
{
	struct work *work = &dispatch->work;
	struct pulled *pulled = calloc(1, sizeof *pulled);
	if (!pulled)
		return NULL;
	pulled->queue = dispatch->queue;
	pulled->port = work->port;
	if (work->kind == WORK_RECORD)
		pulled->record = work->record;
	else
		pulled->lane = work->lane;
	bool event = pulled->record || work->frame.type == CBB__FRAME_TYPE__FRAME_EVENT;
	struct arena *arena = event ? &pulled->arena : &work->lane->base.arena;
	arena_init(&pulled->arena, FRAME_PAYLOAD_MAX_BYTES);
	pulled->invocation = (struct cbb_invocation){
	    .callback = callback, .host = work->port->host, .lane = event ? NULL : &work->lane->base, .arena = arena,
	    .mark = arena_mark(arena), .event = event, .pulled = true};
	return pulled;
}

/* 1: fetched; 0: it could not begin, and is to be dealt with as if a handler should run. */
static int fetch(struct dispatch *dispatch, cbb_invocation **ret_invocation)
{
	struct work *work = &dispatch->work;
	struct hot *hot = &work->hot;
	if (work->kind == WORK_RECORD)
		memcpy(hot, work->record->hot, hot_bytes(work->record->hot));
	struct cbb_callback *callback = callback_table_find(&work->port->host->callbacks, hot->slot, hot->generation);
	if (!callback || callback_begin(callback, true) < 0)
		return 0;
	struct pulled *pulled = pulled_new(dispatch, callback);
	struct hot copy = *hot;
	if (!pulled || invocation_decode(&pulled->invocation, &copy) < 0) {
		if (pulled)
			pulled_free(pulled);
		callback_end(callback);
		return 0;
	}
	callback_count(&callback->counts.handled);
	take_over(pulled, dispatch);
	*ret_invocation = &pulled->invocation;
	return 1;
}

static bool is_invocation(const struct work *work)
{
	if (work->kind == WORK_RECORD)
		return work->record->type == CBB__FRAME_TYPE__FRAME_EVENT;
	return work->kind == WORK_LANE && work->frame.type != CBB__FRAME_TYPE__FRAME_RETURN;
}

static int next(struct dispatch *dispatch, uint64_t deadline_ns, cbb_invocation **ret_invocation)
{
	while (dispatch_next(dispatch, deadline_ns)) {
		if (is_invocation(&dispatch->work) && fetch(dispatch, ret_invocation))
			return 1;
		dispatch_run(dispatch, NULL);
	}
	return 0;
}

int cbb_queue_next(cbb_queue *queue, uint64_t timeout_ms, cbb_invocation **ret_invocation)
{
	struct dispatch *dispatch;
	error_begin();
	if (!ret_invocation)
		return error_end(detail_set(-EINVAL, "cbb_queue_next: ret_invocation is NULL"));
	int r = dispatch_enter(queue, "cbb_queue_next", true, &dispatch, &dispatch);
	if (r < 0)
		return error_end(r);
	r = next(dispatch, timeout_ms ? clock_deadline_ns(timeout_ms) : 0, ret_invocation);
	return dispatch_leave(dispatch, r);
}

/* ---- Completing ---- */

static int answer_lane(struct pulled *pulled, int status, bool *ret_late)
{
	struct client_lane *lane = pulled->invocation.lane;
	int r = invocation_put_answer(&pulled->invocation, status);
	*ret_late = handler_is_late(lane, pulled->invocation.sequence);
	if (r == 0)
		r = handler_answer(lane, clock_deadline_ns(QUEUE_STALL_DEFAULT_MS));
	if (r < 0 || *ret_late)
		callback_count(&pulled->invocation.callback->counts.late_answers);
	arena_release(&lane->arena, pulled->invocation.mark);
	return r;
}

/* The native thread or the host goes on; the invocation is no more. */
static int finish(struct pulled *pulled, int status)
{
	struct cbb_queue *queue = pulled->queue;
	struct cbb_host *host = pulled->port->host;
	int r = 0;
	bool late = false;
	if (pulled->invocation.lane)
		r = answer_lane(pulled, status, &late);
	else
		invocation_note_failure(&pulled->invocation, status);
	callback_end(pulled->invocation.callback);
	pthread_mutex_lock(&queue->lock);
	DL_DELETE(queue->running, &pulled->running);
	queue->n_done++;
	port_unpark(pulled->port);
	if (pulled->record) {
		port_done(pulled->port, pulled->record);
		port_tell(pulled->port, true);
	} else {
		lane_put_back(pulled->lane, r);
	}
	pthread_cond_broadcast(&queue->changed);
	queue_wake_left(queue); /* with the lock: the queue may end after it */
	pthread_mutex_unlock(&queue->lock);
	pulled_free(pulled);
	if (r < 0 || late)
		r = atomic_load(&host->dead) || descriptor_process_gone(host->pidfd)
		        ? detail_set(CBB_ERR_HOST_DIED, "the host ended before the answer")
		        : detail_set(CBB_ERR_TIMEOUT, "the native thread no longer waits for the answer");
	host_leave(host);
	return r;
}

int cbb_invocation_complete(cbb_invocation *invocation, const void *result, size_t result_bytes)
{
	error_begin();
	if (!invocation || !invocation->pulled)
		return error_end(detail_set(-EINVAL, "cbb_invocation_complete: the invocation is NULL, or a handler runs for it"));
	int status = invocation_take_result(invocation, result, result_bytes);
	int r = finish((struct pulled *)(void *)invocation, status);
	return error_end(r < 0 ? r : status);
}

/* ---- Failing ---- */

static int fail(cbb_invocation *invocation, int code, const char *text, bool fails_call)
{
	error_begin();
	if (!invocation)
		return error_end(detail_set(-EINVAL, "cbb_invocation_fail: the invocation is NULL"));
	if (invocation->pulled) {
		int status = detail_set(failure_code(code), "%s", text ? text : "the invocation failed");
		return error_end(finish((struct pulled *)(void *)invocation, status));
	}
	if (invocation->deferred)
		return error_end(detail_set(CBB_ERR_CLOSED, "the answer was deferred: cbb_deferred_fail"));
	free(invocation->failed_text);
	invocation->failed_text = strdup(text ? text : "the handler failed");
	invocation->failed = failure_code(code);
	invocation->fails_call = fails_call;
	return 0;
}

int cbb_invocation_fail(cbb_invocation *invocation, int code, const char *text)
{
	return fail(invocation, code, text, false);
}

int cbb_invocation_fail_call(cbb_invocation *invocation, int code, const char *text)
{
	return fail(invocation, code, text, true);
}
