/* SPDX-License-Identifier: MIT */
/*
 * Serving a callback that arrived on a lane while this thread waits, or dispatches: decode, run the handler, answer.
 */
#ifndef CBB_CLIENT_HANDLER_H
#define CBB_CLIENT_HANDLER_H

#include "lib/client_lane.h"
#include "wire/hot.h"

/* The handler answers later, and the lane is not this thread's: it stays as it is until then. */
#define HANDLER_DEFERRED 1

/*
 * Serves an Invoke: 0, HANDLER_DEFERRED (lanes of a queue only), -EBADMSG with a detail text, -ECONNRESET,
 * STATUS_TIMEOUT, STATUS_FORKED.
 */
int handler_serve(struct client_lane *lane, struct hot *invoke);

/* Sends what answers a callback. 0, or a negative code; the lane is dead then. */
int handler_answer(struct client_lane *lane, uint64_t deadline_ns);
/*
 * Whether native code waits no longer for that answer, as far as the lane tells now. By the thread that is at the lane.
 */
bool handler_is_late(struct client_lane *lane, uint64_t sequence);

#endif
