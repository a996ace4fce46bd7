/* SPDX-License-Identifier: MIT */
#include "host/thread_lane.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/binding.h"
#include "host/closure.h"
#include "host/death.h"
#include "host/greeting.h"
#include "host/host.h"
#include "host/late_lane.h"
#include "host/native_thread.h"
#include "host/queue.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The state of a lane: 0 without a socket; else HERE, the serial number of the thread that it belongs to (0: the
 * pool), and whether it is in use. From idle to in use it goes by compare-and-swap, since its own thread takes no lock
 * for that; back by whoever uses it.
 */
#define HERE 1u
#define USED 2u
#define SERIAL_SHIFT 2

/* Threads do not take each other's lanes while new ones can be had; but the client may fail to attach one. */
#define STEAL_AFTER_NS 100000000u

static uint64_t state_idle(uint64_t serial)
{
	return serial << SERIAL_SHIFT | HERE;
}

static bool lane_claim(struct thread_lane *lane, uint64_t from, uint64_t serial)
{
	return atomic_compare_exchange_strong(&lane->state, &from, state_idle(serial) | USED);
}

/* ---- Lanes come and go ---- */

/* Of a lane that is nobody's, or the calling thread's. With the lock. */
static void lane_close(struct queue *queue, struct thread_lane *lane)
{
	death_remove_lane(lane->base.lane.fd);
	lane_free(&lane->base.lane);
	arena_free(&lane->base.arena);
	telemetry_lane_release(lane->base.cell);
	queue->n_progress += atomic_load(&lane->n_returns);
	atomic_store(&lane->n_returns, 0);
	queue->pool.n_lanes--;
	atomic_store(&lane->state, 0);
}

static struct thread_lane *lane_slot(struct thread_pool *pool)
{
	for (unsigned i = 0; i < THREAD_LANES_MAX; i++) {
		if (!pool->lanes[i])
			return pool->lanes[i] = calloc(1, sizeof *pool->lanes[i]);
		if (atomic_load(&pool->lanes[i]->state) == 0)
			return pool->lanes[i];
	}
	return NULL;
}

/* The client's first frame goes ahead of what a native thread may say as soon as it sees the lane. */
static int lane_open(struct queue *queue, struct thread_lane *lane, int fd)
{
	int r = greeting_send(fd, 0, 0, 0);
	if (r < 0)
		return detail_set(r, "the greeting of a lane of queue %u did not fit its socket", queue->number);
	lane->base = (struct host_lane){.queue = queue};
	atomic_store(&lane->cut, false);
	lane->base.cell = telemetry_lane_claim(getpid(), "in reserve");
	lane_init(&lane->base.lane, fd, -1, host_self()->max_payload_bytes);
	arena_init(&lane->base.arena, 2 * (host_self()->max_payload_bytes + FRAME_OVERHEAD_BYTES));
	queue->pool.n_lanes++;
	queue->n_progress++;
	atomic_store(&lane->state, state_idle(0));
	pthread_cond_broadcast(&queue->lanes_changed);
	return 0;
}

int thread_lane_attach(struct queue *queue, int fd)
{
	int r = 0;
	pthread_mutex_lock(&queue->lock);
	struct thread_lane *lane = queue->pool.n_lanes < THREAD_LANES_MAX ? lane_slot(&queue->pool) : NULL;
	if (queue_is_dead(queue))
		r = detail_set(CBB__STATUS__STATUS_CLOSED, "queue %u has ended", queue->number);
	else if (!lane)
		r = detail_set(CBB__STATUS__STATUS_LIMIT, "queue %u has %u lanes of native threads, %d are possible",
		               queue->number, queue->pool.n_lanes, THREAD_LANES_MAX);
	else
		r = lane_open(queue, lane, fd);
	lane_request_answered(queue);
	pthread_mutex_unlock(&queue->lock);
	return r;
}

void thread_pool_free(struct thread_pool *pool)
{
	for (unsigned i = 0; i < THREAD_LANES_MAX; i++)
		free(pool->lanes[i]);
}

/* ---- Taking ---- */

static void lane_becomes(struct thread_lane *lane, const struct native_thread *native)
{
	lane->base.thread = native->thread;
	lane->base.results = (struct recent *)&native->recent;
	telemetry_lane_name(lane->base.cell, native->thread->id, native->thread->name);
}

struct thread_lane *thread_lane_take(struct binding *binding)
{
	struct thread_lane *lane = binding->lane;
	return lane && lane_claim(lane, state_idle(binding->native->serial), binding->native->serial) ? lane : NULL;
}

/* With the lock. An idle lane of the pool, its own that was late just now, or (`steal`) one of another thread. */
static struct thread_lane *pool_take(struct queue *queue, uint64_t serial, bool steal)
{
	for (unsigned i = 0; i < THREAD_LANES_MAX && queue->pool.lanes[i]; i++) {
		struct thread_lane *lane = queue->pool.lanes[i];
		uint64_t state = atomic_load(&lane->state);
		if (!(state & HERE) || state & USED || (!steal && state != state_idle(0) && state != state_idle(serial)))
			continue;
		if (!lane_claim(lane, state, serial))
			continue;
		if (lane->base.n_owed == 0)
			return lane;
		/* It still waits for the late answer of a handler. Its own thread may have it again. */
		atomic_store(&lane->state, state);
	}
	return NULL;
}

struct lane_wait {
	struct binding *binding;
	const struct closure *closure;
	uint64_t deadline_ns;
	uint64_t steal_ns;     /* from then on */
	struct stall stall;
};

/* With the lock: a lane, or why there is none: NULL and *ret 0 to wait on. */
static struct thread_lane *wait_step(struct lane_wait *wait, int *ret)
{
	struct queue *queue = wait->binding->queue;
	const struct native_thread *native = wait->binding->native;
	uint64_t now_ns = clock_now_ns();
	struct thread_lane *lane = NULL;
	if (queue_is_dead(queue)) {
		*ret = -ENOTCONN;
	} else if (atomic_load(&wait->closure->closed)) {
		*ret = CBB__STATUS__STATUS_CLOSED;
	} else {
		bool full = queue->pool.n_lanes >= THREAD_LANES_MAX;
		lane = pool_take(queue, native->serial, full || now_ns >= wait->steal_ns);
		if (!lane && now_ns >= wait->deadline_ns)
			*ret = CBB__STATUS__STATUS_TIMEOUT;
		else if (!lane && stall_look(&wait->stall, queue))
			*ret = CBB__STATUS__STATUS_BUSY;
	}
	return lane;
}

static uint64_t wait_until_ns(const struct lane_wait *wait)
{
	uint64_t until_ns = wait->stall.next_ns < wait->deadline_ns ? wait->stall.next_ns : wait->deadline_ns;
	return wait->steal_ns < until_ns && clock_now_ns() < wait->steal_ns ? wait->steal_ns : until_ns;
}

int thread_lane_wait(struct binding *binding, const struct closure *closure, uint64_t deadline_ns,
                     struct thread_lane **ret_lane)
{
	struct queue *queue = binding->queue;
	if (binding->lane && atomic_load(&binding->lane->late))
		return CBB__STATUS__STATUS_TIMEOUT;
	struct lane_wait wait = {.binding = binding, .closure = closure, .deadline_ns = deadline_ns,
	                         .steal_ns = clock_now_ns() + STEAL_AFTER_NS};
	struct thread_lane *lane;
	int r = 0;
	stall_begin(&wait.stall);
	pthread_mutex_lock(&queue->lock);
	/* Before looking: who gives a lane back looks at this number after that. */
	atomic_fetch_add(&queue->pool.n_waiting, 1);
	/* A request lets go of the lock: what has come meanwhile wakes nobody. */
	while (!(lane = wait_step(&wait, &r)) && r == 0)
		if (!lane_request(queue, binding->native->thread->id))
			queue_wait(queue, &queue->lanes_changed, wait_until_ns(&wait));
	atomic_fetch_sub(&queue->pool.n_waiting, 1);
	if (r == CBB__STATUS__STATUS_BUSY)
		lane_request_failed(queue);
	pthread_mutex_unlock(&queue->lock);
	if (!lane)
		return r;
	lane_becomes(lane, binding->native);
	if (!thread_lane_is_used(binding)) /* else this is an invocation inside another one on this queue */
		binding->lane = lane;
	*ret_lane = lane;
	return 0;
}

/* ---- Giving back ---- */

static bool lane_is_useless(const struct thread_lane *lane, const struct queue *queue)
{
	return lane->base.dead || atomic_load(&lane->cut) || queue_is_dead(queue);
}

/* Not the binding's own: to the pool, unless an answer is still to come on it. */
static void pool_return(struct queue *queue, struct thread_lane *lane)
{
	pthread_mutex_lock(&queue->lock);
	if (lane_is_useless(lane, queue) || lane->base.n_owed) {
		lane_close(queue, lane);
	} else {
		telemetry_lane_name(lane->base.cell, getpid(), "in reserve");
		atomic_store(&lane->state, state_idle(0));
	}
	pthread_cond_broadcast(&queue->lanes_changed);
	pthread_mutex_unlock(&queue->lock);
}

void thread_lane_give(struct binding *binding, struct thread_lane *lane)
{
	struct queue *queue = binding->queue;
	if (lane != binding->lane || lane_is_useless(lane, queue)) {
		pool_return(queue, lane);
		return;
	}
	if (lane->base.n_owed) {
		atomic_store(&lane->late, true);
		if (late_lane_begin(queue, lane))
			return;
		atomic_store(&lane->late, false);
	}
	atomic_store(&lane->state, state_idle(binding->native->serial));
	/* A thread that began to wait before that saw the lane in use; the queue's end, too. */
	if (atomic_load(&queue->pool.n_waiting) == 0 && !atomic_load(&queue->dead))
		return;
	pthread_mutex_lock(&queue->lock);
	if (queue_is_dead(queue) && lane_claim(lane, state_idle(binding->native->serial), 0))
		lane_close(queue, lane);
	pthread_cond_broadcast(&queue->lanes_changed);
	pthread_mutex_unlock(&queue->lock);
}

void thread_lane_end_late(struct queue *queue, struct thread_lane *lane)
{
	pthread_mutex_lock(&queue->lock);
	atomic_store(&lane->late, false);
	if (lane_is_useless(lane, queue) || lane->orphan)
		lane_close(queue, lane);
	else
		atomic_store(&lane->state, atomic_load(&lane->state) & ~(uint64_t)USED);
	lane->orphan = false;
	pthread_cond_broadcast(&queue->lanes_changed);
	pthread_mutex_unlock(&queue->lock);
}

/* Of a lane on which a handler is late, the other end shall learn that nobody waits. */
static bool abandon_late(struct binding *binding)
{
	pthread_mutex_lock(&binding->queue->lock);
	bool late = atomic_load(&binding->lane->late) && thread_lane_is_used(binding);
	if (late) {
		binding->lane->orphan = true;
		shutdown(binding->lane->base.lane.fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&binding->queue->lock);
	return late;
}

void thread_lane_disown(struct binding *binding)
{
	struct thread_lane *lane = abandon_late(binding) ? NULL : thread_lane_take(binding);
	binding->lane = NULL;
	if (lane)
		pool_return(binding->queue, lane);
}

bool thread_lane_is_used(const struct binding *binding)
{
	return binding->lane && atomic_load(&binding->lane->state) == (state_idle(binding->native->serial) | USED);
}

/* ---- Waiting for an answer ---- */

void thread_lane_wait_begins(struct thread_lane *lane, const struct closure *closure)
{
	atomic_store_explicit(&lane->sent, false, memory_order_relaxed);
	atomic_store_explicit(&lane->carries, false, memory_order_relaxed);
	atomic_store(&lane->waiting, closure);
}

void thread_lane_wait_ends(struct thread_lane *lane)
{
	struct queue *queue = lane->base.queue;
	atomic_store(&lane->waiting, NULL);
	/* Either the aborter sees that, or this sees the aborter: the next wait on this lane is not what it means. */
	if (!atomic_load(&lane->aborting))
		return;
	pthread_mutex_lock(&queue->lock);
	pthread_mutex_unlock(&queue->lock);
}

/* ---- The end ---- */

static bool is_unread(int fd)
{
	int unread = 0;
	return ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0;
}

bool thread_lane_has_begun(const struct thread_lane *lane)
{
	/* A handler that has called back has begun; what is unread may then be the answer to that call. */
	return !atomic_load(&lane->waiting) || (atomic_load(&lane->sent) && !is_unread(lane->base.lane.fd));
}

void thread_lanes_abort(struct queue *queue, const struct closure *closure)
{
	for (unsigned i = 0; i < THREAD_LANES_MAX && queue->pool.lanes[i]; i++) {
		struct thread_lane *lane = queue->pool.lanes[i];
		/* The thread is in there until it has seen that nobody aborts, and closes the socket with the lock only. */
		atomic_store(&lane->aborting, true);
		/* With its earlier events the thread waits on: what it does next must not overtake them. */
		if (atomic_load(&lane->state) & USED && atomic_load(&lane->waiting) == closure &&
		    !atomic_load(&lane->carries) && !thread_lane_has_begun(lane)) {
			atomic_store(&lane->cut, true);
			shutdown(lane->base.lane.fd, SHUT_RD);
		}
		atomic_store(&lane->aborting, false);
	}
}

void thread_lanes_end(struct queue *queue)
{
	for (unsigned i = 0; i < THREAD_LANES_MAX && queue->pool.lanes[i]; i++) {
		struct thread_lane *lane = queue->pool.lanes[i];
		uint64_t state = atomic_load(&lane->state);
		if (!(state & HERE))
			continue;
		if (!(state & USED) && lane_claim(lane, state, 0))
			lane_close(queue, lane);
		else
			shutdown(lane->base.lane.fd, SHUT_RDWR);
	}
}

uint64_t thread_lanes_returns(const struct queue *queue)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < THREAD_LANES_MAX && queue->pool.lanes[i]; i++)
		n += atomic_load_explicit(&queue->pool.lanes[i]->n_returns, memory_order_relaxed);
	return n;
}
