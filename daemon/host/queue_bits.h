/* SPDX-License-Identifier: MIT */
/*
 * Which queues the bits in a call's masks stand for. The client hands them out, and again when it has closed a queue;
 * this side may hear of that queue's end only later.
 */
#ifndef CBB_HOST_QUEUE_BITS_H
#define CBB_HOST_QUEUE_BITS_H

#include <stdint.h>

/* As many as a mask has. */
#define QUEUE_BITS_MAX 64

/* What a call says of the queues of its thread. */
struct call_queues {
	uint64_t dispatches;
	uint64_t serves;
	uint32_t last;          /* queues beyond this one had not been opened: their bits were others' */
};

/*
 * The queue has the bit (1 to QUEUE_BITS_MAX) from now on, unless a later one has it. Never two at a time: calls that
 * are about the one must not be about the other.
 */
void queue_bits_take(uint32_t bit, uint32_t number);
/* The queue has ended. */
void queue_bits_give(uint32_t bit, uint32_t number);

/* The queue's bit among those of the queues that the call's thread dispatches; 0: it does not dispatch it. */
uint64_t queue_bits_dispatched(const struct call_queues *queues, uint32_t number);

#endif
