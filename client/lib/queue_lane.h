/* SPDX-License-Identifier: MIT */
/*
 * A lane of a queue: what it holds, and whether that can be run now. Everything with the queue's lock.
 */
#ifndef CBB_CLIENT_QUEUE_LANE_H
#define CBB_CLIENT_QUEUE_LANE_H

#include "lib/dispatch.h"
#include "lib/port.h"

/*
 * NOTHING: nothing, or nothing yet. RUN: what is in dispatch->work. EARLIER: an event of its thread first, which is in
 * there. AGAIN: that was dealt with; there may be more.
 */
enum look { LOOK_NOTHING, LOOK_RUN, LOOK_EARLIER, LOOK_AGAIN };

enum look lane_look(struct dispatch *dispatch, struct queue_lane *lane);

/* Whether a handler for that native thread runs. */
bool queue_is_at_thread(const struct port *port, uint32_t native_thread);

/* Nobody is at the lane any more; `r` is what serving it gave. -ECANCELED: its handler did not return. */
void lane_put_back(struct queue_lane *lane, int r);
/* While a thread is at a lane, what arrives there is its own: others must not be woken for it. */
void lane_watch(struct queue_lane *lane, bool on);

#endif
