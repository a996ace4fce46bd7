/* SPDX-License-Identifier: MIT */
/*
 * Answers that come later: cbb_invocation_defer, and the invocations of pull queues.
 */
#ifndef CBB_CLIENT_DEFERRED_H
#define CBB_CLIENT_DEFERRED_H

#include "lib/dispatch.h"
#include "lib/invocation.h"

/*
 * The handler on this thread has deferred its answer, inside a call of this thread: waits for it, serving what a
 * waiting thread serves, and appends it to the lane's `out`. 0, or a negative code as of handler_serve.
 */
int deferred_wait(struct cbb_invocation *invocation, uint64_t deadline_ns);

/*
 * The handler of a native thread's invocation has returned, and deferred: 0: it was answered meanwhile, and that has
 * been sent; HANDLER_DEFERRED: the lane waits; a negative code. Not with the lock.
 */
int deferred_settle(struct queue_lane *lane);

/*
 * With the queue's lock: what arrives on a lane whose native thread waits for a deferred answer: that it waits no more.
 * 0; -EBADMSG with a detail text.
 */
int deferred_late(struct queue_lane *lane, const struct frame *frame);
/*
 * With the queue's lock: its callback (NULL: any) or its queue is cut off: native code gets on_error, and the answer
 * CBB_ERR_CLOSED.
 */
void deferred_cut_off(struct port *port, const struct cbb_callback *callback);
/* By the thread at the lane: nobody takes the answer any more that the handler on this thread has deferred. */
void deferred_give_up(struct cbb_deferred *deferred, int why);
/* By the thread at the lane: its handler deferred the answer, and does not return. The lane ends. */
void deferred_left(struct queue_lane *lane);
/* With the queue's lock: the lane has ended. False: a thread is sending the answer, and will find out. */
bool deferred_lost(struct queue_lane *lane);

#endif
