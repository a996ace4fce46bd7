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

#endif
