/* SPDX-License-Identifier: MIT */
/* A queue of this process with no service thread behind it: the test takes that place, and the client's. */
#ifndef CBB_TESTS_UNIT_DAEMON_HOST_MADE_QUEUE_H
#define CBB_TESTS_UNIT_DAEMON_HOST_MADE_QUEUE_H

#include "host/queue.h"
#include "support/harness.h"

#include <sys/socket.h>

#define MADE_QUEUE 7

/* Its event lane is open; *ret_client is the other end. */
static inline struct queue *queue_make(uint64_t max_events, uint64_t max_bytes, uint64_t stall_ms, int *ret_client)
{
	Cbb__HostAttach attach = CBB__HOST_ATTACH__INIT;
	struct queue *queue = NULL;
	int pair[2];
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	attach.queue = attach.queue_bit = MADE_QUEUE;
	attach.queue_max_events = max_events;
	attach.queue_max_bytes = max_bytes;
	attach.queue_stall_ms = stall_ms;
	REQUIRE_EQUAL(queue_attach(&attach, pair[0], &queue), 0);
	pthread_mutex_lock(&queue->lock);
	event_lane_writable(queue);
	pthread_mutex_unlock(&queue->lock);
	*ret_client = pair[1];
	return queue;
}

static inline void queue_unmake(struct queue *queue)
{
	queue_end(queue);
	queue_unref(queue);
}

#endif
