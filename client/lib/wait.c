/* SPDX-License-Identifier: MIT */
#include "lib/wait.h"

#include "base/clock.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/options.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include <utlist.h>

/* ---- Waiting ---- */

/*
 * The lane that was served last, with its host held: its native thread calls again more often than not. Waiting on it
 * directly saves an epoll_wait (and lets the wait spin, if that thread runs on another core).
 */
static struct queue_lane *claim_last_lane(struct dispatch *dispatch)
{
	struct cbb_queue *queue = dispatch->queue;
	struct queue_lane *lane = NULL;
	if (dispatch->parallel)
		return NULL;
	pthread_mutex_lock(&queue->lock);
	if (queue->ports && queue->ports->lanes)
		lane = queue->ports->lanes->prev; /* utlist: the last */
	if (lane && (lane->serving || lane->for_async || !host_hold(lane->source.port->host)))
		lane = NULL;
	if (lane)
		lane->serving = true;
	pthread_mutex_unlock(&queue->lock);
	return lane;
}

/* Whether nothing else needs to be looked at: the native thread has called again. */
static bool wait_on_lane(struct cbb_queue *queue, struct queue_lane *lane, uint64_t deadline_ns)
{
	struct cbb_host *host = lane->source.port->host;
	struct lane *socket = &lane->base.lane;
	struct frame frame;
	socket->watch_fds = &queue->fd;
	socket->n_watch = 1;
	int r = lane_receive(socket, &frame, deadline_ns);
	if (r > 0)
		lane_unreceive(socket);
	socket->n_watch = 0;
	pthread_mutex_lock(&queue->lock);
	lane->serving = false;
	lane->ready = r != 0 && r != -ETIMEDOUT; /* its end is found there, too */
	pthread_mutex_unlock(&queue->lock);
	host_leave(host);
	return r > 0;
}

static void wait_on_queue(struct cbb_queue *queue, uint64_t deadline_ns)
{
	struct pollfd poller = {.fd = queue->fd, .events = POLLIN};
	poll(&poller, 1, clock_left_ms(deadline_ns));
}

/* Waits until something may have arrived. Whether it has to be looked for. */
static bool wait(struct dispatch *dispatch, uint64_t deadline_ns)
{
	struct queue_lane *lane = deadline_ns ? claim_last_lane(dispatch) : NULL;
	if (lane)
		return !wait_on_lane(dispatch->queue, lane, deadline_ns);
	if (deadline_ns)
		wait_on_queue(dispatch->queue, deadline_ns);
	return true;
}

/* What was written to the eventfd is known now. */
static void clear_ready(struct cbb_queue *queue)
{
	uint64_t count;
	ssize_t n = read(queue->ready_fd, &count, sizeof count);
	(void)n;
}

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

static bool is_stopped(const struct dispatch *dispatch)
{
	return !dispatch->closing && (atomic_load(&dispatch->queue->stop) || atomic_load(&dispatch->queue->closing));
}

/* Runs what is picked, and more. */
static int run_some(struct dispatch *dispatch, unsigned max)
{
	unsigned budget = max ? max : 1 + count_waiting(dispatch->queue);
	int ran = 0;
	do
		ran += dispatch_run(dispatch);
	while (--budget && !is_stopped(dispatch) && pick(dispatch, false));
	return ran;
}

bool dispatch_next(struct dispatch *dispatch, uint64_t deadline_ns)
{
	struct cbb_queue *queue = dispatch->queue;
	bool look = false;
	for (;;) {
		if (is_stopped(dispatch))
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
		look = wait(dispatch, deadline_ns);
		if (look)
			clear_ready(queue);
	}
}

int dispatch_turn(struct dispatch *dispatch, uint64_t deadline_ns, unsigned max)
{
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
	while (ran == 0 && deadline_ns && !is_stopped(dispatch) && clock_left_ms(deadline_ns) != 0);
	atomic_store(&queue->stop, false);
	dispatch_end(dispatch);
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

int cbb_queue_run(cbb_queue *queue)
{
	struct dispatch *dispatch;
	error_begin();
	int r = dispatch_enter(queue, "cbb_queue_run", false, &dispatch, &dispatch);
	if (r < 0)
		return error_end(r);
	dispatch_turn(dispatch, 0, 0); /* what is there is delivered, also if nothing keeps the run */
	while (!is_stopped(dispatch) && is_wanted(queue))
		dispatch_turn(dispatch, CLOCK_NEVER, 0);
	atomic_store(&queue->stop, false);
	dispatch_end(dispatch);
	return 0;
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
	while (is_ending(queue) && clock_left_ms(deadline_ns) != 0)
		dispatch_turn(dispatch, deadline_ns, 0);
	dispatch_end(dispatch);
}

/* ---- In a call ---- */

struct wait_masks wait_masks(const struct cbb_client *client, const struct client_thread *thread)
{
	struct wait_masks masks = {0};
	/* Also what runs on a queue without being a handler (a finalizer, a completion) is one here. */
	bool in_handler = thread->n_invocations || thread->dispatches;
	uint32_t n = atomic_load_explicit(&client->n_watched, memory_order_relaxed);
	for (uint32_t i = 0; i < n; i++) {
		if (atomic_load_explicit(&client->watched[i].dispatcher, memory_order_relaxed) != thread->id)
			continue;
		masks.dispatches |= 1ull << i;
		if (!atomic_load_explicit(&client->watched[i].pull, memory_order_relaxed))
			masks.serves |= 1ull << i;
	}
	if (in_handler)
		masks.serves = 0;
	else
		masks.watches = masks.dispatches;
	return masks;
}

unsigned wait_watch(const struct cbb_client *client, uint64_t watches, int fds[LANE_WATCH_MAX])
{
	unsigned n = 0;
	for (; watches && n < LANE_WATCH_MAX; watches &= watches - 1) {
		int fd = atomic_load_explicit(&client->watched[__builtin_ctzll(watches)].lanes_fd, memory_order_relaxed);
		if (fd >= 0)
			fds[n++] = fd;
	}
	return n;
}

/* Begins to serve a queue while it cannot be freed; false: it is being closed, or dispatched by another thread. */
static bool begin_in_call(struct cbb_client *client, unsigned index, const void *frame, struct dispatch **ret_dispatch)
{
	struct cbb_queue *queue;
	pthread_mutex_lock(&client->queues_lock);
	DL_SEARCH_SCALAR(client->queues, queue, number, index + 1);
	bool begun = queue && dispatch_begin(queue, DISPATCH_IN_CALL, frame, ret_dispatch) == 0;
	pthread_mutex_unlock(&client->queues_lock);
	return begun;
}

uint64_t wait_serve(struct cbb_client *client, uint64_t watches, const void *frame)
{
	struct dispatch *dispatch = NULL;
	uint64_t others = 0;
	for (uint64_t left = watches; left; left &= left - 1) {
		if (!begin_in_call(client, (unsigned)__builtin_ctzll(left), frame, &dispatch)) {
			others |= left & -left;
			continue;
		}
		/* Looks each time: whether there is room now is said on the socket. */
		while (pick(dispatch, true))
			dispatch_run(dispatch);
		dispatch_tend(dispatch->queue);
		dispatch_end(dispatch);
	}
	return watches & ~others;
}
