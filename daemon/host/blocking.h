/* SPDX-License-Identifier: MIT */
/*
 * A callback of a thread that is not inside a call of its queue's dispatcher: the thread waits on a lane of the queue.
 */
#ifndef CBB_HOST_BLOCKING_H
#define CBB_HOST_BLOCKING_H

struct closure;

/*
 * As callback_call. -ENOTCONN: the queue has ended; STATUS_WRONG_THREAD: it was never there, which nobody has been
 * told.
 */
int blocking_call(struct closure *closure, void *const *arguments, void *object);

#endif
