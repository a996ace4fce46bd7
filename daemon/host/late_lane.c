/* SPDX-License-Identifier: MIT */
#include "host/late_lane.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/host_lane.h"
#include "host/queue.h"
#include "host/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define STACK_BYTES (256u << 10)

struct late {
	struct queue *queue;       /* holds a reference */
	struct thread_lane *lane;
	struct host_thread *owner; /* only to be put back: it may have ended */
};

/* No call is in time now, and no callback is sent from here. */
static void serve(struct host_lane *lane)
{
	while (lane->n_owed && !lane->dead) {
		struct frame frame;
		int r = lane_receive(&lane->lane, &frame, CLOCK_NEVER);
		if (r > 0)
			r = host_lane_serve(lane, &frame, UINT64_MAX);
		if (r < 0)
			host_lane_kill(lane, r == -EBADMSG ? detail_text() : NULL);
	}
}

static void *late_main(void *memory)
{
	struct late late = *(struct late *)memory;
	free(memory);
	host_thread_enter("cbb-late");
	host_thread_block_signals();
	late.lane->base.thread = host_thread_current();
	serve(&late.lane->base);
	late.lane->base.thread = late.owner;
	thread_lane_end_late(late.queue, late.lane);
	queue_unref(late.queue);
	return NULL;
}

static int thread_make(struct late *late)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	int r = pthread_create(&thread, &attributes, late_main, late);
	pthread_attr_destroy(&attributes);
	return -r;
}

bool late_lane_begin(struct queue *queue, struct thread_lane *lane)
{
	struct late *late = malloc(sizeof *late);
	if (!late)
		return false;
	*late = (struct late){.queue = queue_ref(queue), .lane = lane, .owner = lane->base.thread};
	if (thread_make(late) == 0)
		return true;
	queue_unref(queue);
	free(late);
	return false;
}
