/* SPDX-License-Identifier: MIT */
/*
 * An asynchronous call, and those of a host: what async.c (beginning and end) and async_lane.c (on its lane) share.
 */
#ifndef CBB_CLIENT_ASYNC_CALL_H
#define CBB_CLIENT_ASYNC_CALL_H

#include "lib/async.h"
#include "lib/call.h"
#include "lib/side.h"

enum async_state { ASYNC_WAITING, ASYNC_RUNNING, ASYNC_OVER };

struct cbb_async {
	struct task task;             /* its completion, when no dispatcher found it */
	struct cbb_async *prev, *next; /* async_calls.all */
	struct cbb_async *waiting_prev, *waiting_next;
	struct cbb_queue *queue;
	struct port *port;
	enum async_state state;       /* under async_calls.lock, as the lists */
	struct call_frame call;
	struct side_callbacks callbacks;
	struct client_lane staging;   /* holds the message until a lane is free, and the arena */
	uint64_t timeout_ms;
	cbb_function *function;
	struct queue_lane *lane;      /* while it runs */
	bool gives_place;             /* it counts among the running until its completion runs */
	int status;                   /* and its words: for the task */
	char *words;
	cbb_async_done *done;
	void *user_data;
	void **arguments;             /* copies: arguments[i] points into memory behind */
};

/* Of a host. */
struct async_calls {
	pthread_mutex_t lock;
	unsigned n_running;
	uint64_t n_waiting;
	uint64_t max_running, max_waiting;
	struct cbb_async *all, *waiting; /* utlists */
};

/* How it ended; of a failure the words are the detail text. */
void async_set_status(struct cbb_async *async, int status);
/* Runs `done` and frees it. No lock. */
void async_finish(struct cbb_async *async);
void async_finish_task(struct task *task);
/* The same as a task; with the queue's lock. */
void async_finish_later(struct cbb_async *async, int status);

/* From here on whoever reads its lane completes it; or it has not begun, with a negative code. */
int async_start(struct cbb_async *async);
/* A call is over, or did not begin: its place is the next one's, which its own queue starts. */
void async_start_next(struct async_calls *calls);
/* With the queue's lock: the lane is no call's. */
void async_leave_lane(struct queue_lane *lane);

#endif
