/* SPDX-License-Identifier: MIT */
/*
 * Whether a queue still moves, as seen by a thread that waits for it: a program that never dispatches must not keep
 * native threads for ever.
 */
#ifndef CBB_HOST_STALL_H
#define CBB_HOST_STALL_H

#include <stdbool.h>
#include <stdint.h>

struct queue;

struct stall {
	uint64_t since_ns;   /* the queue has not moved since; 0: not looked yet */
	uint64_t next_ns;    /* when to look again */
	uint64_t progress;   /* as of the last look */
};

/* A wait begins. Reads no clock. */
static inline void stall_begin(struct stall *stall)
{
	stall->since_ns = 0;
}

/* Looks: true if the queue has not moved for its stall time. Sets next_ns. With the queue's lock. */
bool stall_look(struct stall *stall, struct queue *queue);

#endif
