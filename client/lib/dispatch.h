/* SPDX-License-Identifier: MIT */
/*
 * Running what has arrived for a queue: on the thread that dispatches it, on the threads of cbb_queue_start, and, as
 * far as native threads wait for it, on its dispatcher while that waits in a call.
 */
#ifndef CBB_CLIENT_DISPATCH_H
#define CBB_CLIENT_DISPATCH_H

#include "lib/port.h"
#include "lib/queue.h"

struct client_thread;

enum work_kind { WORK_NONE, WORK_TASK, WORK_RECORD, WORK_LANE };

/* Something picked to be run. */
struct work {
	enum work_kind kind;
	struct cbb_host *host; /* held meanwhile */
	struct task *task;
	struct port *port;     /* NULL: a task */
	struct record *record;
	struct queue_lane *lane;
	struct frame frame;   /* LANE: valid until the lane is used again */
	struct hot hot;       /* LANE: what it says */
};

/*
 * A thread at work on a queue. Not on its stack: when a handler leaves by longjmp, what it skipped there is garbage,
 * and only addresses tell.
 */
/* Events taken from the queue at once. */
#define DISPATCH_BATCH_MAX 16

struct dispatch {
	struct dispatch *outer;    /* client_thread.dispatches, or spare_dispatches */
	const void *frame;         /* of the function that dispatches, for thread_has_left */
	struct cbb_queue *queue;
	struct client_thread *thread;
	unsigned fork_epoch;
	bool waits_in_call;        /* serves only native threads that wait */
	bool parallel;             /* one of several */
	bool keeps;                /* it was not this that made the queue a dispatched one */
	bool closing;              /* goes on although the queue is being closed */
	bool while_wanted;         /* ends when nothing could bring work any more: cbb_queue_run */
	struct running running;
	struct cbb_callback *callback; /* of an event whose handler runs */
	struct work work;
	/* Events of one native thread that come one after the other: the first at_batch are done, work is about the next. */
	struct record *batch[DISPATCH_BATCH_MAX];
	unsigned n_batch, at_batch;
	unsigned batch_max;        /* 1: each is looked for anew */
	uint64_t batch_ns;         /* when it was taken, coarsely: if handlers take longer, others get their turn */
};

/* CLOSING: whoever closes the queue runs what is left. */
enum dispatch_style { DISPATCH_SERIAL, DISPATCH_PARALLEL, DISPATCH_IN_CALL, DISPATCH_CLOSING };

/*
 * Begins and ends this thread's work on a queue. Not with the lock. `frame` lies in the caller's frame. begin: 0,
 * STATUS_BUSY: it is being dispatched; -ENOMEM.
 */
int dispatch_begin(struct cbb_queue *queue, enum dispatch_style style, const void *frame, struct dispatch **ret_dispatch);
void dispatch_end(struct dispatch *dispatch);

/* Not with the lock: who takes the queue over waits for what a thread in a call serves of it; not for ever. */
void dispatch_wait_served(struct cbb_queue *queue);

/* With the lock: picks something to be run, and marks it as running. Reads what has arrived only if `look`. */
bool dispatch_pick(struct dispatch *dispatch, bool look);
/* In a child of fork(), into which a handler has returned as well: nothing of the queue is to be touched there. */
bool dispatch_has_forked(const struct dispatch *dispatch);
/* cbb_queue_stop() was called, or the queue is being closed, or dispatch_has_forked. */
bool dispatch_is_stopped(const struct dispatch *dispatch);

/* This thread dispatches the queue from now on. */
void dispatch_become(struct cbb_queue *queue);
/* Nobody in particular does: the queue has threads of its own. */
void dispatch_give_up(struct cbb_queue *queue);
/* Whether this thread runs something of that queue; or of that host. */
bool dispatch_is_inside(const struct cbb_queue *queue);
bool dispatch_is_at(const struct cbb_host *host);

/*
 * Runs what there is, or waits for it: how many handlers ran; 0 also after other progress. For a closer on its queue's
 * dispatcher; false if this thread is not that, and has to wait for another.
 */
bool dispatch_for_closer(struct cbb_queue *queue, uint64_t deadline_ns);
/* With the lock: whether a native thread waits for that callback, and nobody has begun. */
bool dispatch_lanes_hold(struct port *port, const struct cbb_callback *callback);

/* Runs what comes of callbacks that were cut off, until the host says that nothing follows, or the deadline. */
void dispatch_ending(struct cbb_queue *queue, uint64_t deadline_ns);
#endif
