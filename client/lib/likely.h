/* SPDX-License-Identifier: MIT */
/*
 * How a queue's dispatcher waits: at the place where something came from last.
 */
#ifndef CBB_CLIENT_LIKELY_H
#define CBB_CLIENT_LIKELY_H

#include "lib/dispatch.h"

#include <stdint.h>

/*
 * Waits until something may have arrived (0: does not wait). Whether all sockets have to be looked at. For the one
 * thread that dispatches the queue. Not with the lock.
 */
bool likely_wait(struct cbb_queue *queue, uint64_t deadline_ns);

/*
 * The same for who waits in a call, and is told that something has arrived: whether it may be looked for on the lane
 * that was served last, before all sockets; and what was found there, NULL: nothing. With the lock.
 */
bool likely_guess(struct cbb_queue *queue);
void likely_was(struct cbb_queue *queue, const struct work *work);
/*
 * Nothing more is there: but a native thread on another core may ask again at once (a core each: 16 us without this look,
 * 5 with it). Whether something is there now. Not with the lock.
 */
bool likely_spin(struct cbb_queue *queue);

#endif
