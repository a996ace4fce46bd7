/* SPDX-License-Identifier: MIT */
/*
 * What queues keep for a native thread, from its first callback outside of a call to its end. Of that thread alone.
 */
#ifndef CBB_HOST_NATIVE_THREAD_H
#define CBB_HOST_NATIVE_THREAD_H

#include "base/buffer.h"
#include "marshal/arena.h"
#include "marshal/recent.h"

#include <stdbool.h>

struct binding;
struct host_thread;

struct native_thread {
	struct host_thread *thread;
	uint64_t serial;            /* no other thread of this process ever has it; from 1 */
	struct binding *bindings;   /* the queues that it has met */
	struct buffer message;      /* an event being put together */
	struct arena arena;         /* and what is noted meanwhile */
	struct recent recent;       /* strings and arrays that handlers returned to it */
	bool nonblocking;           /* it does not wait for room */
};

/* The calling thread's, made at first; NULL without memory. */
struct native_thread *native_thread_get(void);
/* The same without making one. */
struct native_thread *native_thread_find(void);

/* At the thread's end: its lanes go back to their queues. */
void native_thread_free(struct host_thread *thread);

#endif
