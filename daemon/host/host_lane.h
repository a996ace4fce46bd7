/* SPDX-License-Identifier: MIT */
/*
 * A lane as this side keeps it: the socket, the native calls in flight on it, and what deadlines have left behind.
 * Used by the one thread that serves it, or waits on it.
 */
#ifndef CBB_HOST_HOST_LANE_H
#define CBB_HOST_HOST_LANE_H

#include "marshal/arena.h"
#include "marshal/recent.h"
#include "telemetry/page.h"
#include "wire/hot.h"
#include "wire/lane.h"

#include <stdbool.h>

/* Callbacks in flight on one lane, and calls; the same as CBB_DEPTH_MAX of the public header. */
#define HOST_DEPTH_MAX 64

struct native_call;
struct host_thread;
struct queue;

struct host_lane {
	struct lane lane;
	struct host_thread *thread;
	struct page_lane *cell;
	struct arena arena;
	struct recent recent;            /* strings and arrays that handlers returned */
	struct recent *results;          /* the same of the thread that uses a lane of a queue; NULL: `recent` */
	struct queue *queue;             /* a thread_lane: of this one; NULL */
	struct host_lane *under;         /* the lane that this thread was on when it began to wait on this one; NULL */
	struct native_call *top;         /* the innermost call in flight */
	unsigned n_calls;                /* in flight */
	unsigned n_callbacks;            /* in flight */
	uint64_t abandoned;              /* outermost call that the client no longer waits for; 0 */
	uint64_t owed[HOST_DEPTH_MAX];   /* callbacks that timed out, whose Return has not come yet */
	unsigned n_owed;
	bool dead;                       /* the socket has ended: native code gets on_error until it returns */
};

/* What keeps the results of the thread that uses it. */
static inline struct recent *host_lane_results(struct host_lane *lane)
{
	return lane->results ? lane->results : &lane->recent;
}

/*
 * Deals with a frame that is not what the reader waits for: one-way frames, late answers, calls of handlers that are
 * too late, calls of the handler that is waited for (`parent` is its sequence; 0 when idle). 0; -EBADMSG with a detail
 * text: the client broke the protocol; -ECONNRESET.
 */
int host_lane_serve(struct host_lane *lane, const struct frame *frame, uint64_t parent);

/* Sends what is in `out`. A failure makes the lane dead. */
int host_lane_send(struct host_lane *lane);

/* Answers an Invoke or OpenLibrary with a failure; the words are the detail text. */
int host_lane_refuse(struct host_lane *lane, uint64_t sequence, int status);

/* The lane is of no use any more. `why` NULL: it ended in order. */
void host_lane_kill(struct host_lane *lane, const char *why);

#endif
