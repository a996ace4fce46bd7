/* SPDX-License-Identifier: MIT */
#include "lib/deferred.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/call_wait.h"
#include "lib/callback_close.h"
#include "lib/callback_use.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/failure.h"
#include "lib/fork.h"
#include "lib/handler.h"
#include "lib/queue_fds.h"
#include "lib/queue_lane.h"
#include "lib/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

enum deferred_state {
	DEFERRED_RUNNING,    /* the handler has not returned */
	DEFERRED_WAITING,
	DEFERRED_ANSWERING,  /* a thread is at it */
	DEFERRED_ANSWERED,
	DEFERRED_GONE        /* nobody takes an answer any more */
};

struct cbb_deferred {
	struct cbb_invocation invocation;
	enum deferred_state state;
	int gone;                /* why: what the answer gives */
	struct queue_lane *lane; /* a native thread waits on it. NULL: a client thread waits in deferred_wait */
	int wake_fd;             /* of deferred_wait; -1 */
	int status;              /* of an answer that its thread cannot send: 0, or the failure's code */
	char *words;             /* of that failure */
	bool late;               /* its host said so while a thread was at it */
	bool held;               /* a handler, a lane or a thread still knows it */
	bool freed;              /* by the program, while it was held */
	bool parted;             /* and nobody knows it any more: to be deleted */
	struct arena arena;      /* the lane's, once that went on without it */
};

/*
 * Of the states of all. Short, and innermost: taken inside a queue's lock as well as outside. Answers are written
 * without it: whoever set ANSWERING is alone.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stored = PTHREAD_COND_INITIALIZER;

/* ---- Deferring ---- */

static struct cbb_deferred *deferred_new(const struct cbb_invocation *invocation)
{
	struct cbb_deferred *deferred = calloc(1, sizeof *deferred);
	if (!deferred)
		return NULL;
	deferred->invocation = *invocation;
	deferred->invocation.failed_text = NULL;
	deferred->wake_fd = -1;
	deferred->held = true;
	if (invocation->lane->queue_lane && invocation->lane->depth == 1) {
		deferred->lane = LANE_OF_BASE(invocation->lane);
		return deferred;
	}
	deferred->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (deferred->wake_fd < 0) {
		free(deferred);
		return NULL;
	}
	return deferred;
}

int cbb_invocation_defer(cbb_invocation *invocation, cbb_deferred **ret_deferred)
{
	error_begin();
	if (!invocation || !ret_deferred)
		return error_end(detail_set(-EINVAL, "cbb_invocation_defer: an argument is NULL"));
	if (invocation->event || !invocation->lane || invocation->pulled)
		return error_end(detail_set(CBB_ERR_UNSUPPORTED, "nobody waits for this handler's answer"));
	if (invocation->lane->queue_lane && LANE_OF_BASE(invocation->lane)->async)
		return error_end(detail_set(CBB_ERR_UNSUPPORTED, "under an asynchronous call no answer can be deferred"));
	if (invocation->deferred)
		return error_end(detail_set(CBB_ERR_CLOSED, "the answer is deferred already"));
	struct cbb_deferred *deferred = deferred_new(invocation);
	if (!deferred)
		return error_end(-ENOMEM);
	invocation->deferred = deferred;
	if (deferred->lane)
		deferred->lane->deferring = deferred;
	*ret_deferred = deferred;
	return 0;
}

static void deferred_delete(struct cbb_deferred *deferred)
{
	arena_free(&deferred->arena);
	descriptor_close(deferred->wake_fd);
	free(deferred->words);
	free(deferred);
}

/* With the lock: a thread that claimed the answer of a handler that still runs is done in a moment. */
static void wait_stored(const struct cbb_deferred *deferred)
{
	while (deferred->state == DEFERRED_ANSWERING)
		pthread_cond_wait(&stored, &lock);
}

/* Only the program still knows it; or nobody. */
static void let_go(struct cbb_deferred *deferred)
{
	pthread_mutex_lock(&lock);
	deferred->held = false;
	deferred->lane = NULL;
	bool freed = deferred->freed;
	pthread_mutex_unlock(&lock);
	if (freed)
		deferred_delete(deferred);
}

/* ---- Sending ---- */

/* The answer of a native thread's invocation goes out; this thread alone is at its lane. */
static int send_answer(struct cbb_deferred *deferred, int status)
{
	struct cbb_invocation *invocation = &deferred->invocation;
	struct client_lane *lane = invocation->lane;
	int r = invocation_put_answer(invocation, status);
	if (r == 0)
		r = handler_answer(lane, clock_deadline_ns(QUEUE_STALL_DEFAULT_MS));
	invocation_free_failure(invocation);
	lane->levels[0].serving = 0;
	arena_release(&lane->arena, invocation->mark);
	callback_end(invocation->callback);
	return r;
}

static int stored_status(struct cbb_deferred *deferred)
{
	if (deferred->status == 0)
		return 0;
	return detail_set(deferred->status, "%s", deferred->words ? deferred->words : "the answer failed");
}

int deferred_settle(struct queue_lane *lane)
{
	struct cbb_queue *queue = lane->source.port->queue;
	struct cbb_deferred *deferred = lane->deferring;
	pthread_mutex_lock(&queue->lock);
	pthread_mutex_lock(&lock);
	lane->deferring = NULL;
	wait_stored(deferred);
	bool answered = deferred->state == DEFERRED_ANSWERED;
	if (!answered) {
		deferred->state = DEFERRED_WAITING;
		lane->deferred = deferred;
		lane_watch(lane, true); /* the host may say that it waits no longer */
	}
	pthread_mutex_unlock(&lock);
	pthread_mutex_unlock(&queue->lock);
	if (!answered)
		return HANDLER_DEFERRED;
	int r = send_answer(deferred, stored_status(deferred));
	let_go(deferred);
	return r;
}

/* A thread that is not the one that dispatches has the answer, and sends it. */
static int answer_lane(struct cbb_deferred *deferred, int status)
{
	struct queue_lane *lane = deferred->lane;
	struct cbb_queue *queue = lane->source.port->queue;
	struct cbb_host *host = deferred->invocation.host;
	pthread_mutex_lock(&queue->lock);
	lane->deferred = NULL;
	pthread_mutex_unlock(&queue->lock);
	bool late = handler_is_late(&lane->base, deferred->invocation.sequence) || deferred->late;
	int r = send_answer(deferred, status);
	pthread_mutex_lock(&queue->lock);
	lane_put_back(lane, r);
	pthread_cond_broadcast(&queue->changed);
	queue_wake_left(queue); /* more may have been read than was dealt with. With the lock: the queue may end after it */
	pthread_mutex_unlock(&queue->lock);
	if (r < 0 && (atomic_load(&host->dead) || descriptor_process_gone(host->pidfd))) {
		r = detail_set(CBB_ERR_HOST_DIED, "host h%llu did not take the answer", (unsigned long long)host->id);
	} else if (r < 0 || late) { /* its deadline passed, and then perhaps the native thread ended */
		callback_count(&deferred->invocation.callback->counts.late_answers);
		r = detail_set(CBB_ERR_TIMEOUT, "the native thread no longer waits for the answer");
	}
	host_leave(host);
	return r;
}

/* ---- Answering ---- */

/* Claims the answer: 0, and whether this thread sends it; or why there is nothing to answer. */
static int claim(struct cbb_deferred *deferred, bool *ret_send)
{
	int r = 0;
	pthread_mutex_lock(&lock);
	switch (deferred->state) {
	case DEFERRED_RUNNING:
		deferred->state = DEFERRED_ANSWERING; /* whoever waits for it sends it */
		*ret_send = false;
		break;
	case DEFERRED_WAITING:
		*ret_send = deferred->lane != NULL;
		if (*ret_send && !host_hold(deferred->invocation.host))
			r = detail_set(CBB_ERR_HOST_DIED, "the host of this invocation is being closed");
		else
			deferred->state = DEFERRED_ANSWERING;
		break;
	case DEFERRED_GONE:
		r = detail_set(deferred->gone, "nobody takes this answer any more");
		break;
	default:
		r = detail_set(CBB_ERR_CLOSED, "answered already");
	}
	pthread_mutex_unlock(&lock);
	return r;
}

/* The answer is kept for the thread that waits for it. */
static void store(struct cbb_deferred *deferred, int status)
{
	char *words = status < 0 ? strdup(detail_text()) : NULL;
	uint64_t one = 1;
	pthread_mutex_lock(&lock);
	deferred->status = status;
	deferred->words = words;
	deferred->state = DEFERRED_ANSWERED;
	if (deferred->wake_fd >= 0 && write(deferred->wake_fd, &one, sizeof one) < 0)
		deferred->gone = -errno; /* an eventfd takes the first number that it is given */
	pthread_cond_broadcast(&stored);
	pthread_mutex_unlock(&lock);
}

/* `status`: a failure, with its words as the detail text; 0: the result is in place. */
static int answer(struct cbb_deferred *deferred, int status, bool send)
{
	if (!send) {
		store(deferred, status);
		return 0;
	}
	int r = answer_lane(deferred, status);
	pthread_mutex_lock(&lock);
	deferred->state = DEFERRED_ANSWERED;
	pthread_mutex_unlock(&lock);
	let_go(deferred);
	return r;
}

int cbb_deferred_answer(cbb_deferred *deferred, const void *result, size_t result_bytes)
{
	error_begin();
	bool send = false;
	if (!deferred)
		return error_end(detail_set(-EINVAL, "cbb_deferred_answer: deferred is NULL"));
	int r = claim(deferred, &send);
	if (r < 0)
		return error_end(r);
	int status = invocation_take_result(&deferred->invocation, result, result_bytes);
	r = answer(deferred, status, send);
	return error_end(r < 0 ? r : status);
}

int cbb_deferred_fail(cbb_deferred *deferred, int code, const char *text)
{
	error_begin();
	bool send = false;
	if (!deferred)
		return error_end(detail_set(-EINVAL, "cbb_deferred_fail: deferred is NULL"));
	int r = claim(deferred, &send);
	if (r == 0)
		r = answer(deferred, detail_set(failure_code(code), "%s", text ? text : "the handler failed"), send);
	return error_end(r);
}

cbb_deferred *cbb_deferred_free(cbb_deferred *deferred)
{
	if (!deferred)
		return NULL;
	cbb_deferred_fail(deferred, CBB_ERR_CLOSED, "the program gave up the answer");
	pthread_mutex_lock(&lock);
	bool held = deferred->held;
	deferred->freed = true;
	pthread_mutex_unlock(&lock);
	if (!held)
		deferred_delete(deferred);
	return NULL;
}

/* ---- When nobody waits any more ---- */

/* With both locks: nobody takes the answer. What its arguments point to is its own from now on. */
static void go(struct cbb_deferred *deferred, struct client_lane *lane, int why)
{
	deferred->state = DEFERRED_GONE;
	deferred->gone = why;
	deferred->held = false;
	deferred->lane = NULL;
	deferred->arena = lane->arena;
	deferred->invocation.arena = deferred->invocation.marshal.arena = &deferred->arena;
	arena_init(&lane->arena, deferred->arena.limit_bytes);
}

/* With the lock of the queue: the lane goes on without it; what its arguments point to does not. */
static void part(struct queue_lane *lane, struct cbb_deferred *deferred, int why)
{
	struct client_lane *base = &lane->base;
	go(deferred, base, why);
	deferred->parted = deferred->freed; /* it could not be answered when it was freed: the host was being closed */
	lane->deferred = NULL;
	lane->serving = false;
	base->levels[0].serving = 0;
	callback_count(&deferred->invocation.callback->counts.late_answers);
	callback_left_locked(deferred->invocation.callback);
	pthread_cond_broadcast(&lane->source.port->queue->changed);
}

void deferred_left(struct queue_lane *lane)
{
	struct cbb_deferred *deferred = lane->deferring;
	if (!deferred)
		return;
	pthread_mutex_lock(&lock);
	wait_stored(deferred);
	bool freed = deferred->freed;
	go(deferred, &lane->base, CBB_ERR_CLOSED);
	lane->deferring = NULL;
	pthread_mutex_unlock(&lock);
	if (freed)
		deferred_delete(deferred);
}

void deferred_give_up(struct cbb_deferred *deferred, int why)
{
	pthread_mutex_lock(&lock);
	wait_stored(deferred);
	deferred->state = DEFERRED_GONE;
	deferred->gone = why;
	if (deferred->lane)
		deferred->lane->deferring = NULL;
	pthread_mutex_unlock(&lock);
	let_go(deferred);
}

bool deferred_lost(struct queue_lane *lane)
{
	struct cbb_deferred *deferred = lane->deferred;
	pthread_mutex_lock(&lock);
	bool waiting = deferred->state == DEFERRED_WAITING;
	if (waiting)
		part(lane, deferred, CBB_ERR_HOST_DIED);
	bool parted = waiting && deferred->parted;
	pthread_mutex_unlock(&lock);
	if (parted)
		deferred_delete(deferred);
	return waiting;
}

/* Some hundred bytes: a native thread that waits has room for them. */
static int refuse(struct queue_lane *lane, uint64_t sequence, int status)
{
	struct lane *socket = &lane->base.lane;
	int r = hot_put_failure(&socket->out, sequence, lane_core(), status);
	return r == 0 ? lane_send(socket, 0) : r;
}

void deferred_cut_off(struct port *port, const struct cbb_callback *callback)
{
	struct queue_lane *lane, *next;
	DL_FOREACH_SAFE (port->lanes, lane, next) {
		struct cbb_deferred *deferred = lane->deferred;
		if (!deferred || (callback && deferred->invocation.callback != callback))
			continue;
		uint64_t sequence = deferred->invocation.sequence;
		pthread_mutex_lock(&lock);
		bool waiting = deferred->state == DEFERRED_WAITING;
		if (waiting)
			part(lane, deferred, CBB_ERR_CLOSED);
		bool parted = waiting && deferred->parted;
		pthread_mutex_unlock(&lock);
		if (parted)
			deferred_delete(deferred);
		detail_set(CBB_ERR_CLOSED, "the callback was closed before the answer came");
		if (waiting && refuse(lane, sequence, CBB_ERR_CLOSED) < 0)
			port_drop_lane(lane);
	}
}

int deferred_late(struct queue_lane *lane, const struct frame *frame)
{
	struct hot abandon;
	struct cbb_deferred *deferred = lane->deferred;
	if (frame->type != CBB__FRAME_TYPE__FRAME_ABANDON)
		return detail_set(-EBADMSG, "frame %s while an answer is awaited", frame_type_name((int)frame->type));
	if (hot_read(&abandon, frame) < 0 || abandon.sequence != deferred->invocation.sequence)
		return 0; /* of an answer before it */
	pthread_mutex_lock(&lock);
	bool waiting = deferred->state == DEFERRED_WAITING;
	if (waiting)
		part(lane, deferred, CBB_ERR_TIMEOUT);
	deferred->late = !waiting;
	bool parted = waiting && deferred->parted;
	pthread_mutex_unlock(&lock);
	if (parted)
		deferred_delete(deferred);
	if (!waiting)
		return 0; /* the answer is on its way */
	detail_set(CBB_ERR_TIMEOUT, "its deadline passed before the answer came");
	return refuse(lane, abandon.sequence, CBB_ERR_TIMEOUT);
}

/* ---- Inside a call of the same thread ---- */

/* Until the answer is there, or the wait ends. */
static int wait_answered(struct cbb_deferred *deferred, struct wait_masks *masks, uint64_t deadline_ns)
{
	struct client_lane *lane = deferred->invocation.lane;
	struct frame frame;
	struct hot hot;
	int fds[1 + WAIT_WATCH_MAX];
	for (;;) {
		fds[0] = deferred->wake_fd;
		lane->lane.n_watch = 1 + wait_watch(lane->host->client, masks->watches, fds + 1);
		lane->lane.watch_fds = fds;
		int r = lane_receive(&lane->lane, &frame, deadline_ns);
		lane->lane.n_watch = 0;
		if (r == 0 && descriptor_wait_readable(deferred->wake_fd, 0) == 1)
			return 0;
		if (r == 0) {
			wait_serve(lane->host->client, masks, &deferred);
			if (lane->host->fork_epoch != fork_epoch()) {
				client_lane_disown(lane); /* a handler returns in a child, too */
				return CBB_ERR_FORKED;
			}
			if (deadline_ns == CLOCK_NEVER || clock_left_ms(deadline_ns) != 0)
				continue;
			r = lane_receive(&lane->lane, &frame, 0); /* as in a call: there is always more to serve */
		}
		if (r > 0) /* the Return of a call outside: the callback's deadline passed */
			r = hot_read(&hot, &frame) < 0 || frame.type != CBB__FRAME_TYPE__FRAME_RETURN
			        ? -EBADMSG : call_other_return(lane, hot.sequence, UINT64_MAX);
		if (r < 0)
			return r == CBB_ERR_TIMEOUT ? r : call_lane_failed(lane, r, "a deferred answer");
	}
}

int deferred_wait(struct cbb_invocation *invocation, uint64_t deadline_ns)
{
	struct cbb_deferred *deferred = invocation->deferred;
	struct cbb_client *client = invocation->host->client;
	struct wait_masks masks = wait_masks(client, thread_self());
	int r = wait_answered(deferred, &masks, deadline_ns);
	pthread_mutex_lock(&lock);
	wait_stored(deferred);
	if (r < 0) {
		deferred->state = DEFERRED_GONE;
		deferred->gone = r == CBB_ERR_TIMEOUT ? r : CBB_ERR_HOST_DIED;
	}
	pthread_mutex_unlock(&lock);
	if (r == 0)
		r = invocation_put_answer(&deferred->invocation, stored_status(deferred));
	else if (r == CBB_ERR_TIMEOUT && invocation->lane->returned_early)
		r = invocation_put_answer(&deferred->invocation, r); /* counted and dropped there */
	invocation_free_failure(&deferred->invocation);
	let_go(deferred);
	return r;
}
