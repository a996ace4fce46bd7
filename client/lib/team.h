/* SPDX-License-Identifier: MIT */
/*
 * The threads of a parallel queue (cbb_queue_start). One of them at a time waits for what arrives, and hands that place
 * on before it runs a handler.
 */
#ifndef CBB_CLIENT_TEAM_H
#define CBB_CLIENT_TEAM_H

#include "lib/queue.h"

/* Ends the threads, if there are any: 0, or STATUS_TIMEOUT: one is still inside a handler. */
int team_end(struct cbb_queue *queue, uint64_t deadline_ns);

#endif
