/* SPDX-License-Identifier: MIT */
/*
 * What leaves the store, and when: the client's credit, its word of what it has taken, losses and ends at their places.
 * Everything with the queue's lock.
 */
#ifndef CBB_HOST_EVENT_FLOW_H
#define CBB_HOST_EVENT_FLOW_H

#include "host/event_lane.h"
#include "host/event_store.h"

struct queue;

/* Takes the event: it is on its way, or in the store. 0 or -ENOMEM. */
int event_flow_add(struct queue *queue, const struct event *event);

/* Everything that may leave the store leaves it. */
void event_flow_advance(struct queue *queue);

/* The client has taken events. 0, or -EBADMSG with a detail text. */
int event_flow_taken(struct queue *queue, const Cbb__EventsTaken *message);

/* The listener's events have become fewer, or its loss has: tells what stands behind them, if nothing is in front. */
void event_flow_settle(struct queue *queue, struct listener *listener);

/* Losses that wait for it are told. */
void event_flow_tick(struct queue *queue);

/* By so much an event may grow when it is lent. */
#define EVENT_FLOW_AFTER_MAX_BYTES 12

/*
 * Takes the events of a thread that have not been sent, oldest first, as a list by `next`, and appends their frames to
 * `out`. They stay counted until event_flow_return. Those of paused callbacks stay.
 */
struct entry *event_flow_lend(struct queue *queue, uint64_t thread, struct buffer *out);
void event_flow_return(struct queue *queue, struct entry *lent);

#endif
