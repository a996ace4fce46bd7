/* SPDX-License-Identifier: MIT */
/*
 * A native thread and a queue that it has callbacks on. Of that thread alone.
 */
#ifndef CBB_HOST_BINDING_H
#define CBB_HOST_BINDING_H

#include <stdbool.h>
#include <stdint.h>

struct native_thread;
struct queue;
struct thread_lane;

struct binding {
	struct queue *queue;          /* holds a reference */
	struct native_thread *native;
	struct thread_lane *lane;     /* the one that is its own, unless another thread has taken it; NULL */
	uint64_t after;               /* its last event on the event lane is this or one before; 0: none */
	uint64_t flushed;             /* up to this one it has seen to their being sent */
	bool stored;                  /* it may have some in the store */
	struct binding *next;
};

/*
 * The calling thread's binding to a queue that lives. NULL: there is no such queue (or no memory).
 */
struct binding *binding_get(struct native_thread *native, uint32_t queue_number);

/* Gives the lanes and the queues back. */
void bindings_free(struct native_thread *native);

#endif
