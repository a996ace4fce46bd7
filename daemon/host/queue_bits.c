/* SPDX-License-Identifier: MIT */
#include "host/queue_bits.h"

#include <stdatomic.h>

/* The number of the queue that has the bit; 0: none. Written by the service thread only. */
static _Atomic uint32_t owners[QUEUE_BITS_MAX];

void queue_bits_take(uint32_t bit, uint32_t number)
{
	if (atomic_load(&owners[bit - 1]) < number)
		atomic_store(&owners[bit - 1], number);
}

void queue_bits_give(uint32_t bit, uint32_t number)
{
	if (atomic_load(&owners[bit - 1]) == number)
		atomic_store(&owners[bit - 1], 0);
}

uint64_t queue_bits_dispatched(const struct call_queues *queues, uint32_t number)
{
	if (number > queues->last)
		return 0;
	for (uint64_t left = queues->dispatches; left; left &= left - 1)
		if (atomic_load_explicit(&owners[__builtin_ctzll(left)], memory_order_relaxed) == number)
			return left & -left;
	return 0;
}
