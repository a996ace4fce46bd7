/* SPDX-License-Identifier: MIT */
#include "lib/wait.h"

#include "base/clock.h"
#include "lib/client.h"
#include "lib/dispatch_run.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/likely.h"
#include "lib/options.h"
#include "lib/queue_fds.h"

#include <errno.h>
#include <utlist.h>

/* ---- A turn ---- */

static bool pick(struct dispatch *dispatch, bool look)
{
	struct cbb_queue *queue = dispatch->queue;
	pthread_mutex_lock(&queue->lock);
	bool found = dispatch_pick(dispatch, look);
	pthread_mutex_unlock(&queue->lock);
	return found;
}

/* Before it sleeps: hosts hear at once how far the queue is. */
static void tell_all(struct cbb_queue *queue)
{
	struct port *port;
	pthread_mutex_lock(&queue->lock);
	DL_FOREACH (queue->ports, port)
		port_tell(port, true);
	pthread_mutex_unlock(&queue->lock);
}

/* How much there is: what comes later is another turn's. */
static unsigned count_waiting(struct cbb_queue *queue)
{
	const struct port *port;
	const struct queue_lane *lane;
	uint64_t n = 0;
	pthread_mutex_lock(&queue->lock);
	DL_FOREACH (queue->ports, port) {
		n += port->n_records;
		DL_FOREACH (port->lanes, lane)
			n += lane->ready;
	}
	pthread_mutex_unlock(&queue->lock);
	return n < 1 ? 1 : n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
}

bool dispatch_is_stopped(const struct dispatch *dispatch)
{
	if (dispatch_has_forked(dispatch))
		return true;
	return !dispatch->closing && (atomic_load(&dispatch->queue->stop) || atomic_load(&dispatch->queue->closing));
}

/* Runs what is picked, and more. */
static int run_some(struct dispatch *dispatch, unsigned max)
{
	unsigned budget = max ? max : 1 + count_waiting(dispatch->queue);
	int ran = 0;
	bool next = true;
	while (next) {
		next = --budget > 0;
		ran += dispatch_run(dispatch, next ? &next : NULL);
	}
	return ran;
}

/* Whether something may still come, or is there. */
static bool is_wanted(struct cbb_queue *queue)
{
	const struct port *port;
	pthread_mutex_lock(&queue->lock);
	bool wanted = queue->n_refs || queue->n_async || queue->tasks;
	DL_FOREACH (queue->ports, port)
		wanted |= port->records != NULL;
	pthread_mutex_unlock(&queue->lock);
	return wanted;
}

bool dispatch_next(struct dispatch *dispatch, uint64_t deadline_ns)
{
	struct cbb_queue *queue = dispatch->queue;
	bool look = false;
	for (;;) {
		if (dispatch_is_stopped(dispatch))
			return false;
		if (pick(dispatch, look))
			return true;
		if (look || deadline_ns) { /* also after handlers, which may have come with other wishes */
			dispatch_tend(queue);
			tell_all(queue);
		}
		if (deadline_ns == 0 || clock_left_ms(deadline_ns) == 0) {
			if (look)
				return false;
			deadline_ns = 0;
		}
		/* Another thread may have changed that, and woken this one. */
		if (dispatch->while_wanted && !is_wanted(queue))
			return false;
		look = likely_wait(queue, deadline_ns);
	}
}

int dispatch_turn(struct dispatch *dispatch, uint64_t deadline_ns, unsigned max)
{
	dispatch->batch_max = max && max < DISPATCH_BATCH_MAX ? max : DISPATCH_BATCH_MAX;
	return dispatch_next(dispatch, deadline_ns) ? run_some(dispatch, max) : 0;
}

/* ---- The public functions ---- */

static int check_queue(const cbb_queue *queue, const char *what, bool pull)
{
	if (!queue)
		return detail_set(-EINVAL, "%s: queue is NULL", what);
	int r = fork_check(queue->fork_epoch);
	if (r < 0)
		return r;
	if (queue->pull != pull)
		return detail_set(CBB_ERR_UNSUPPORTED, "%s: %s is %s pull queue", what, queue->name, pull ? "no" : "a");
	if (queue->team)
		return detail_set(CBB_ERR_UNSUPPORTED, "%s: %s has threads of its own (cbb_queue_start)", what, queue->name);
	return 0;
}

int dispatch_enter(cbb_queue *queue, const char *what, bool pull, const void *frame, struct dispatch **ret_dispatch)
{
	dispatch_unwind(frame);
	int r = check_queue(queue, what, pull);
	if (r == 0)
		r = dispatch_begin(queue, DISPATCH_SERIAL, frame, ret_dispatch);
	if (r == 0)
		dispatch_become(queue);
	return r;
}

int dispatch_leave(struct dispatch *dispatch, int result)
{
	/* A handler may have returned in a child of fork(), too, where the queue may even have been freed. */
	int r = fork_check(dispatch->fork_epoch);
	if (r == 0)
		atomic_store(&dispatch->queue->stop, false);
	dispatch_end(dispatch);
	return r < 0 ? error_end(r) : result;
}

int cbb_queue_dispatch(cbb_queue *queue, uint64_t timeout_ms, unsigned max_handlers)
{
	struct dispatch *dispatch;
	error_begin();
	int r = dispatch_enter(queue, "cbb_queue_dispatch", false, &dispatch, &dispatch);
	if (r < 0)
		return error_end(r);
	uint64_t deadline_ns = timeout_ms ? clock_deadline_ns(timeout_ms) : 0;
	int ran;
	do
		ran = dispatch_turn(dispatch, deadline_ns, max_handlers);
	while (ran == 0 && deadline_ns && !dispatch_is_stopped(dispatch) && clock_left_ms(deadline_ns) != 0);
	return dispatch_leave(dispatch, ran);
}

int cbb_queue_run(cbb_queue *queue)
{
	struct dispatch *dispatch;
	error_begin();
	if (queue && queue->fork_epoch == fork_epoch() && !dispatch_is_inside(queue))
		dispatch_wait_served(queue); /* it has no deadline of its own, as cbb_queue_dispatch has */
	int r = dispatch_enter(queue, "cbb_queue_run", false, &dispatch, &dispatch);
	if (r < 0)
		return error_end(r);
	dispatch_turn(dispatch, 0, 0); /* what is there is delivered, also if nothing keeps the run */
	dispatch->while_wanted = true;
	while (!dispatch_is_stopped(dispatch) && is_wanted(queue))
		dispatch_turn(dispatch, CLOCK_NEVER, 0);
	return dispatch_leave(dispatch, 0);
}

bool dispatch_for_closer(struct cbb_queue *queue, uint64_t deadline_ns)
{
	struct dispatch *dispatch;
	const struct client_thread *thread = thread_self();
	uint64_t dispatcher = atomic_load(&queue->dispatcher);
	if (!thread || queue->pull || queue->team || (dispatcher && dispatcher != thread->id) ||
	    dispatch_begin(queue, DISPATCH_SERIAL, &dispatch, &dispatch) < 0)
		return false;
	dispatch_become(queue);
	/* cbb_queue_stop() is not about this: it stays for who comes next. */
	bool stop = atomic_exchange(&queue->stop, false);
	dispatch_turn(dispatch, deadline_ns, 0);
	if (stop)
		atomic_store(&queue->stop, true);
	dispatch_end(dispatch);
	return true;
}

static bool is_ending(struct cbb_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	bool ending = queue->n_ending > 0;
	pthread_mutex_unlock(&queue->lock);
	return ending;
}

void dispatch_ending(struct cbb_queue *queue, uint64_t deadline_ns)
{
	struct dispatch *dispatch = NULL;
	if (dispatch_begin(queue, DISPATCH_CLOSING, &dispatch, &dispatch) < 0)
		return;
	while (!dispatch_is_stopped(dispatch) && is_ending(queue) && clock_left_ms(deadline_ns) != 0)
		dispatch_turn(dispatch, deadline_ns, 0);
	dispatch_end(dispatch);
}

/* ---- In a call ---- */

struct wait_masks wait_masks(const struct cbb_client *client, const struct client_thread *thread)
{
	struct wait_masks masks = queue_bits_dispatched(client, thread->id);
	/* Also what runs on a queue without being a handler (a finalizer, a completion) is one here. */
	bool in_handler = !thread->serves_more && (thread->n_invocations || thread->dispatches);
	/* On a queue's own threads: what native code calls under this handler's calls can only be nested in them. */
	for (const struct dispatch *at = thread->dispatches; at; at = at->outer)
		if (at->parallel && at->queue->client == client)
			masks.dispatches |= queue_bits_of(at->queue);
	if (in_handler)
		masks.serves = 0;
	else
		masks.watches = masks.dispatches;
	return masks;
}

_Static_assert(1 + WAIT_WATCH_MAX <= LANE_WATCH_MAX, "a lane can watch them all, and one more");

unsigned wait_watch(const struct cbb_client *client, uint64_t watches, int fds[WAIT_WATCH_MAX])
{
	unsigned n = 0;
	for (; watches; watches &= watches - 1) {
		unsigned index = (unsigned)__builtin_ctzll(watches);
		const int shown[] = {
		    atomic_load_explicit(&client->watched[index].lanes_fd, memory_order_relaxed),
		    atomic_load_explicit(&client->watched[index].direct_fds[0], memory_order_relaxed),
		    atomic_load_explicit(&client->watched[index].direct_fds[1], memory_order_relaxed)};
		for (unsigned i = 0; i < 3; i++)
			if (shown[i] >= 0)
				fds[n++] = shown[i];
	}
	return n;
}

/*
 * Begins to serve a queue while it cannot be freed; false: it is being closed, or dispatched by another thread; or it is
 * gone, and a later one has its bit.
 */
static bool begin_in_call(struct cbb_client *client, uint64_t bit, uint32_t last_queue, const void *frame,
                          struct dispatch **ret_dispatch)
{
	struct cbb_queue *queue;
	pthread_mutex_lock(&client->queues_lock);
	DL_SEARCH_SCALAR(client->queues, queue, bit, (uint32_t)__builtin_ctzll(bit) + 1);
	bool begun = queue && queue->number <= last_queue &&
	             dispatch_begin(queue, DISPATCH_IN_CALL, frame, ret_dispatch) == 0;
	pthread_mutex_unlock(&client->queues_lock);
	return begun;
}

/* Native threads that wait for room get it by one event after another: that there is enough is said on the socket. */
static bool pick_in_call(struct dispatch *dispatch)
{
	struct cbb_queue *queue = dispatch->queue;
	const struct port *port;
	bool look = false;
	pthread_mutex_lock(&queue->lock);
	DL_FOREACH (queue->ports, port)
		look |= port->n_room_wanted > 0;
	bool found = dispatch_pick(dispatch, look);
	pthread_mutex_unlock(&queue->lock);
	return found;
}

static bool pick_likely(struct dispatch *dispatch)
{
	struct cbb_queue *queue = dispatch->queue;
	pthread_mutex_lock(&queue->lock);
	bool guessed = likely_guess(queue), found = guessed && dispatch_pick(dispatch, false);
	if (guessed) /* else all is looked at, as it is now and then */
		likely_was(queue, found ? &dispatch->work : NULL);
	pthread_mutex_unlock(&queue->lock);
	return found;
}

/* In one go: what this thread waits for may have come, or its time may be over. */
#define SERVED_IN_CALL_MAX 64

static void serve_in_call(struct dispatch *dispatch)
{
	bool found = pick_likely(dispatch) || pick(dispatch, true);
	for (unsigned n = 1; found; n++) {
		dispatch_run(dispatch, NULL);
		if (dispatch_has_forked(dispatch))
			return;
		if (n == SERVED_IN_CALL_MAX) {
			queue_wake_left(dispatch->queue); /* there may be more */
			return;
		}
		found = pick_in_call(dispatch) || (likely_spin(dispatch->queue) && pick(dispatch, false));
	}
}

void wait_serve(struct cbb_client *client, struct wait_masks *masks, const void *frame)
{
	struct dispatch *dispatch = NULL;
	for (uint64_t left = masks->watches; left; left &= left - 1) {
		if (!begin_in_call(client, left & -left, masks->last_queue, frame, &dispatch)) {
			masks->watches &= ~(left & -left);
			continue;
		}
		serve_in_call(dispatch);
		bool forked = dispatch_has_forked(dispatch);
		if (!forked)
			dispatch_tend(dispatch->queue);
		dispatch_end(dispatch);
		if (forked) {
			masks->watches = 0;
			return;
		}
	}
}
