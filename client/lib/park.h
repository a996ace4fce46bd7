/* SPDX-License-Identifier: MIT */
/*
 * What a lane of a native thread holds and cannot be run yet: not before an event has come, or a handler is done, or a
 * fetched invocation is completed. To the host it looks begun, so the end of that wait is here: the queue's stall time.
 * Everything with the queue's lock.
 */
#ifndef CBB_CLIENT_PARK_H
#define CBB_CLIENT_PARK_H

#include "lib/port.h"

/* With what was received last, which goes back. */
void lane_park(struct queue_lane *lane);
/* The timer of a native thread's lane: if the queue has got nowhere since, the native thread waits no longer. */
void lane_park_late(struct queue_lane *lane);

#endif
