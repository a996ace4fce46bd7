/* SPDX-License-Identifier: MIT */
/*
 * A lane on which a handler is late: native code has gone on, and nobody reads there any more. A thread of ours does,
 * until the answer has come: the calls that the late handler makes fail instead of waiting, and its answer is counted.
 */
#ifndef CBB_HOST_LATE_LANE_H
#define CBB_HOST_LATE_LANE_H

#include <stdbool.h>

struct queue;
struct thread_lane;

/* The lane is in use by the caller, who leaves it. false: no thread can be had, and it is still the caller's. */
bool late_lane_begin(struct queue *queue, struct thread_lane *lane);

#endif
