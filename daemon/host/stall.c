/* SPDX-License-Identifier: MIT */
#include "host/stall.h"

#include "base/clock.h"
#include "host/queue.h"

#define NS_PER_MS 1000000u
/* Looks within one stall time: a thread gives up at most so much later. */
#define LOOKS 4

static uint64_t slice_ns(uint64_t stall_ns)
{
	return stall_ns / LOOKS > NS_PER_MS ? stall_ns / LOOKS : NS_PER_MS;
}

bool stall_look(struct stall *stall, struct queue *queue)
{
	if (queue->stall_ms >= CLOCK_NEVER / NS_PER_MS) {
		stall->next_ns = CLOCK_NEVER;
		return false;
	}
	uint64_t now_ns = clock_now_ns(), stall_ns = queue->stall_ms * NS_PER_MS;
	uint64_t progress = queue_progress(queue);
	if (stall->since_ns == 0 || stall->progress != progress) {
		stall->since_ns = now_ns;
		stall->progress = progress;
	}
	stall->next_ns = now_ns + slice_ns(stall_ns);
	return now_ns - stall->since_ns >= stall_ns;
}
