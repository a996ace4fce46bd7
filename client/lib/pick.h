/* SPDX-License-Identifier: MIT */
/*
 * What comes next on a queue. Everything with its lock.
 */
#ifndef CBB_CLIENT_PICK_H
#define CBB_CLIENT_PICK_H

#include "lib/dispatch.h"

/* Reads what has arrived on all sockets, without waiting. */
void queue_look(struct cbb_queue *queue);

/* Nobody is at the lane any more; `r` is what serving it gave. */
void lane_put_back(struct queue_lane *lane, int r);

#endif
