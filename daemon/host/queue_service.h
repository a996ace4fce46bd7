/* SPDX-License-Identifier: MIT */
/*
 * The service thread's side of queues: it attaches their lanes, reads their event lanes, and sends there what native
 * threads had to leave. All of it is the service thread's.
 */
#ifndef CBB_HOST_QUEUE_SERVICE_H
#define CBB_HOST_QUEUE_SERVICE_H

#include "cbbroker.pb-c.h"

struct event_base;

/* A lane of a queue has come. 0, and the descriptor is taken; or negative with a detail text. */
int queue_service_attach(struct event_base *base, const Cbb__HostAttach *attach, int fd);

/* Native threads have asked that somebody looks. */
void queue_service_look(void);

/* The client is gone: every queue is dead. */
void queue_service_end(void);

#endif
