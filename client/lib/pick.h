/* SPDX-License-Identifier: MIT */
/*
 * What comes next on a queue. Everything with its lock.
 */
#ifndef CBB_CLIENT_PICK_H
#define CBB_CLIENT_PICK_H

#include "lib/dispatch.h"

/* Reads what has arrived on all sockets, without waiting. */
void queue_look(struct cbb_queue *queue);

/* The record that can be run next; NULL: none, or those that are running go before it. */
struct record *port_next_record(struct port *port);

/* Nobody is at the lane any more; `r` is what serving it gave. -ECANCELED: its handler did not return. */
void lane_put_back(struct queue_lane *lane, int r);
/* While a thread is at a lane, what arrives there is its own: others must not be woken for it. */
void lane_watch(struct queue_lane *lane, bool on);

#endif
