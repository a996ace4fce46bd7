/* SPDX-License-Identifier: MIT */
/*
 * Waiting for what a closed callback leaves: handlers that run, and unless it was cut off, what was called before.
 */
#ifndef CBB_CLIENT_CALLBACK_DRAIN_H
#define CBB_CLIENT_CALLBACK_DRAIN_H

#include "lib/callback.h"

struct closing {
	struct cbb_callback *callback;
	struct cbb_queue *queue;  /* where something may be left; NULL: nowhere */
	uint32_t own;             /* handlers of it on this thread's stack */
	uint64_t deadline_ns;
};

/*
 * 0: it is over; 1: it cannot be waited for, inside a handler of it or of its queue; CBB_ERR_TIMEOUT with a detail text,
 * CBB_ERR_FORKED.
 */
int callback_wait_closed(struct closing *closing, bool abort);

#endif
