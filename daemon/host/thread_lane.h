/* SPDX-License-Identifier: MIT */
/*
 * The lanes of a queue on which native threads wait for answers: a pool, filled as threads ask. A lane belongs to the
 * thread that used it last, so that in steady use taking one is a single atomic operation; it goes back to the pool at
 * the end of that thread, or to another thread when the pool is used up.
 */
#ifndef CBB_HOST_THREAD_LANE_H
#define CBB_HOST_THREAD_LANE_H

#include "host/host_lane.h"
#include "host/lane_request.h"
#include "host/stall.h"

#include <stdatomic.h>

struct binding;
struct closure;
struct entry;
struct queue;

/* Of one queue. */
#define THREAD_LANES_MAX 64

/* The memory lives as long as its queue; the socket comes and goes. */
struct thread_lane {
	struct host_lane base;
	_Atomic uint64_t state;                /* who has it: thread_lane.c */
	const struct closure *_Atomic waiting; /* whose answer is awaited, unless its handler has begun */
	_Atomic bool sent;                     /* and its Invoke is on its way */
	_Atomic bool aborting;                 /* somebody looks whether to end this wait, with the queue's lock */
	_Atomic bool cut;                      /* and has: nothing is read on it any more */
	_Atomic bool carries;                  /* events of the thread are ahead of the Invoke, and not known to be read */
	_Atomic bool late;                     /* in use by late_lane: its thread has gone on */
	bool orphan;                           /* and has ended since; under the queue's lock */
	struct entry *lent;                    /* events that went ahead of its Invoke; its thread's */
	_Atomic uint64_t n_returns;
	struct stall stall;
};

struct thread_pool {
	struct thread_lane *lanes[THREAD_LANES_MAX]; /* NULL: never used */
	unsigned n_lanes;                      /* with a socket */
	struct lane_requests requests;
	_Atomic unsigned n_waiting;            /* threads that wait for one */
};

/* A lane whose base is this. */
static inline struct thread_lane *thread_lane_of(struct host_lane *lane)
{
	return (struct thread_lane *)(void *)lane;
}

/* An answer has come on it. Its thread alone counts. */
static inline void thread_lane_returned(struct host_lane *base)
{
	struct thread_lane *lane = thread_lane_of(base);
	uint64_t n = atomic_load_explicit(&lane->n_returns, memory_order_relaxed);
	atomic_store_explicit(&lane->n_returns, n + 1, memory_order_relaxed);
}

/* ---- The calling thread ---- */

/* The binding's own lane, if nobody uses it: NULL. */
struct thread_lane *thread_lane_take(struct binding *binding);
/*
 * Another one: of the pool, a new one, another thread's. Waits for it: 0; STATUS_TIMEOUT (also while a handler of this
 * thread is late), STATUS_CLOSED, -ENOTCONN (the queue has ended); STATUS_BUSY: the queue stalls.
 */
int thread_lane_wait(struct binding *binding, const struct closure *closure, uint64_t deadline_ns,
                     struct thread_lane **ret_lane);
/* A wait begins; and ends: nobody ends it from outside any more. */
void thread_lane_wait_begins(struct thread_lane *lane, const struct closure *closure);
void thread_lane_wait_ends(struct thread_lane *lane);
/* After use. Closes it if it is of no use any more. */
void thread_lane_give(struct binding *binding, struct thread_lane *lane);

/* Whether the client has read the Invoke that was sent last: then its handler may have begun. */
bool thread_lane_has_begun(const struct thread_lane *lane);

/* The binding ends. */
void thread_lane_disown(struct binding *binding);
/* Whether the binding's lane is in use by its own thread. */
bool thread_lane_is_used(const struct binding *binding);

/* What late_lane did is done: the lane is its thread's again, if that still lives. */
void thread_lane_end_late(struct queue *queue, struct thread_lane *lane);

/* ---- The service thread ---- */

/*
 * A lane has come; the descriptor is the caller's on failure. 0, or STATUS_LIMIT, STATUS_CLOSED, -ENOMEM with a detail
 * text.
 */
int thread_lane_attach(struct queue *queue, int fd);

/* ---- With the queue's lock ---- */

/* The closure is closed: whoever waits for an answer that has not begun goes on with on_error. */
void thread_lanes_abort(struct queue *queue, const struct closure *closure);
/* The queue is dead. */
void thread_lanes_end(struct queue *queue);
/* Answers so far, of the lanes. */
uint64_t thread_lanes_returns(const struct queue *queue);

/* Frees the memory of lanes that have ended. */
void thread_pool_free(struct thread_pool *pool);

#endif
