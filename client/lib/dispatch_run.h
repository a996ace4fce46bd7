/* SPDX-License-Identifier: MIT */
/*
 * Running what was picked, and the end of that if a handler does not return.
 */
#ifndef CBB_CLIENT_DISPATCH_RUN_H
#define CBB_CLIENT_DISPATCH_RUN_H

#include "lib/dispatch.h"

/*
 * Without the lock: runs what was picked and marks it as done. How many handlers ran (0 or 1). With ret_next the next
 * is picked in the same breath: whether there is one.
 */
int dispatch_run(struct dispatch *dispatch, bool *ret_next);
/* Without the lock: attaches lanes that native threads wait for, cuts off hosts that lie. */
void dispatch_tend(struct cbb_queue *queue);
/* What is left when the queue is closed: finalizers and completions. */
void dispatch_tasks(struct cbb_queue *queue);
/* The thread ends, perhaps inside a handler. */
void dispatch_thread_ends(struct client_thread *thread);
/* Handlers that were left by longjmp: their work ends. `here` as in thread_has_left. */
void dispatch_unwind(const void *here);

#endif
