/* SPDX-License-Identifier: MIT */
/*
 * Lanes that native threads have asked the client for. A request stays open until a lane comes: whoever waits next
 * needs no other one. A client that has read it and attaches nothing may have failed at it: after a while it is asked
 * again.
 */
#ifndef CBB_HOST_LANE_REQUEST_H
#define CBB_HOST_LANE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct queue;

struct lane_requests {
	unsigned n_open;         /* asked for, not come; never more than the pool has room for */
	uint64_t asked_ns;       /* when the last one was sent */
};

/* All with the queue's lock. */

/* One for each thread that waits, as far as the pool has room. true: it was sent, and meanwhile the lock was free. */
bool lane_request(struct queue *queue, pid_t thread);
/* The client has tried: a lane has come, or was refused. */
void lane_request_answered(struct queue *queue);
/* The queue has stalled: what the client has read is forgotten. */
void lane_request_failed(struct queue *queue);

#endif
