/* SPDX-License-Identifier: MIT */
/*
 * Calls of cbb_call_async: each on a lane of its own, read by the dispatcher of the queue where it completes.
 */
#ifndef CBB_CLIENT_ASYNC_H
#define CBB_CLIENT_ASYNC_H

#include "lib/dispatch.h"

struct async_calls;

/* What arrived on an asynchronous call's lane. Without the lock. As handler_serve. */
int async_serve_callback(struct dispatch *dispatch);
/* Its Return: runs `done`. 0; -EBADMSG with a detail text: the lane is of no use any more. */
int async_complete(struct queue_lane *lane, const struct frame *frame, struct hot *hot);
/* With the lock: its deadline has passed. */
void async_late(struct queue_lane *lane);
/*
 * With the lock: its lane has ended, or (-ECANCELED) a handler on it was left; the lane is dropped, the call completes
 * as a task.
 */
void async_lost(struct queue_lane *lane, int r);

/* The port ends: everything of it completes on this thread. No lock. */
void async_end_all(struct port *port);

/* Made with the first call; NULL is allowed. */
void async_calls_free(struct async_calls *calls);

#endif
