/* SPDX-License-Identifier: MIT */
/*
 * Waiting for what arrives: in dispatch and run, and what a client thread serves while it waits in a call.
 */
#ifndef CBB_CLIENT_WAIT_H
#define CBB_CLIENT_WAIT_H

#include "lib/dispatch.h"

/* Begins as this queue's dispatcher, for the public function `what`. 0 or a negative code. */
int dispatch_enter(struct cbb_queue *queue, const char *what, bool pull, const void *frame, struct dispatch **ret_dispatch);

/* The same at its end: the result, or CBB_ERR_FORKED. */
int dispatch_leave(struct dispatch *dispatch, int result);

/* Waits until something is picked: false after a stop, or the deadline. */
bool dispatch_next(struct dispatch *dispatch, uint64_t deadline_ns);

/*
 * Runs what there is, or waits for it first: returns after some progress, a stop, or the deadline. How many handlers
 * ran, at most `max` (0: as many as there were).
 */
int dispatch_turn(struct dispatch *dispatch, uint64_t deadline_ns, unsigned max);

/* Of a call that this thread begins now. */
struct wait_masks wait_masks(const struct cbb_client *client, const struct client_thread *thread);

/* Of a queue: its lanes_fd, and what that does not show. */
#define WAIT_WATCH_MAX (3 * QUEUE_BITS_MAX)

/* The descriptors to watch while this thread waits in a call, of these queues. How many. */
unsigned wait_watch(const struct cbb_client *client, uint64_t watches, int fds[WAIT_WATCH_MAX]);
/*
 * One of them is readable: serves native threads that wait. `frame` lies in the caller's frame. Queues that
 * another thread has taken over are not watched any more.
 */
void wait_serve(struct cbb_client *client, struct wait_masks *masks, const void *frame);

#endif
