/* SPDX-License-Identifier: MIT */
/*
 * A queue of the client, as this host knows it: where its events go, which lanes native threads have to it, who waits.
 * It exists from the moment its event lane is attached to the end of that lane; then it is dead, and all who wait
 * go on with on_error.
 *
 * `lock` guards everything that has no atomic of its own. It is held for no system call that waits, and never with
 * another lock of ours.
 */
#ifndef CBB_HOST_QUEUE_H
#define CBB_HOST_QUEUE_H

#include "cbbroker.pb-c.h"
#include "host/event_lane.h"
#include "host/event_store.h"
#include "host/thread_lane.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

/* Alive at one time. */
#define QUEUES_MAX 1024

/* Of an attachment that says nothing. */
#define QUEUE_EVENTS_DEFAULT 1024
#define QUEUE_BYTES_DEFAULT (16u << 20)
#define QUEUE_STALL_DEFAULT_MS 10000

/* Where callbacks of threads go that are bound to no queue. */
#define QUEUE_DEFAULT_NUMBER 1

struct queue {
	uint32_t number;
	uint32_t bit;                    /* host/queue_bits.h; 0: none */
	uint64_t max_events;             /* UINT64_MAX: any number; and so on */
	uint64_t max_bytes;
	uint64_t stall_ms;
	_Atomic unsigned n_references;   /* threads that know it, the table, the service thread */
	_Atomic bool dead;
	_Atomic bool gathers;            /* counted in queues_gathering */
	uint64_t n_progress;             /* how often it was seen to move, besides answers on lanes that are there */
	pthread_mutex_t lock;
	pthread_cond_t lanes_changed;    /* a lane is free, or the queue is dead */
	pthread_cond_t room_changed;     /* the same of room */
	struct thread_pool pool;
	struct event_store store;
	struct event_lane events;
	UT_hash_handle hh;               /* queue.c */
};

static inline bool queue_is_dead(const struct queue *queue)
{
	return atomic_load_explicit(&queue->dead, memory_order_acquire);
}

/* The live queue of that number, with a reference; NULL. */
struct queue *queue_find(uint32_t number);
struct queue *queue_ref(struct queue *queue);
/* NULL is allowed. */
void queue_unref(struct queue *queue);

/* Of a queue that is not there: whether it has been. A callback bound to one is passed only once that is attached. */
bool queue_has_ended(uint32_t number);

/*
 * Service thread: a queue whose event lane is `fd`, which it takes on success. The caller has a reference. 0,
 * STATUS_LIMIT, STATUS_ARGUMENT, -ENOMEM with a detail text.
 */
int queue_attach(const Cbb__HostAttach *attach, int fd, struct queue **ret_queue);
/* Service thread: the queue is dead from now on. The caller's reference stays. */
void queue_end(struct queue *queue);

/*
 * Queues with events that gather to a batch. A call's answer goes behind them: what native code did before it returned
 * has been sent then, as far as there is credit.
 */
extern _Atomic unsigned queues_gathering;
void queues_send(void);
static inline void queues_send_gathered(void)
{
	if (atomic_load_explicit(&queues_gathering, memory_order_relaxed))
		queues_send();
}
/* This one has some; with its lock. */
void queue_gathers(struct queue *queue);

/* Waits on one of the queue's conditions, with the lock, at most to the deadline. */
void queue_wait(struct queue *queue, pthread_cond_t *condition, uint64_t deadline_ns);

/* A number that changes when the queue moves: events taken, answers, lanes. With the lock. */
uint64_t queue_progress(const struct queue *queue);

/*
 * The closure is closed (it is marked so already): wakes who waits for it, tells the client when no event of it
 * follows. Any thread, without locks.
 */
void queue_callback_closed(struct closure *closure, bool abort);
/* Native code has ended it; the client's word for it is to come: wakes who waits for it. */
void queue_callback_wake(struct closure *closure);
/* Of a listener. */
void queue_callback_pause(struct closure *closure, bool paused);

#endif
