/* SPDX-License-Identifier: MIT */
/*
 * Calls tell the host which queues their thread dispatches: a bit for each, which a queue has from when it is opened
 * until it is closed, if one was left. By bit - 1 stands in client->watched what a call looks at, without a lock.
 */
#ifndef CBB_CLIENT_QUEUE_BITS_H
#define CBB_CLIENT_QUEUE_BITS_H

#include <stdint.h>

/* As many as a mask has. */
#define QUEUE_BITS_MAX 64

struct cbb_client;
struct cbb_queue;

/* What a call tells the host of its thread: which queues it dispatches, and which of them it serves while it waits. */
struct wait_masks {
	uint64_t dispatches;
	uint64_t serves;
	uint64_t watches;    /* those that it looks at while it waits: pull queues, too, whose callers are refused */
	uint32_t last_queue; /* the bits are of queues up to this one: of a later one it knew nothing */
};

/* The queue is opened: it gets the next number, and a bit; 0: all are taken. With client->queues_lock. */
void queue_bits_open(struct cbb_queue *queue);
/* It is gone: another may have its bit. The same. */
void queue_bits_close(struct cbb_queue *queue);

/* The thread that dispatches it. */
void queue_bits_set_dispatcher(const struct cbb_queue *queue, uint64_t thread);
/* Sockets of which lanes_fd says nothing; -1: none. */
void queue_bits_set_direct_fds(const struct cbb_queue *queue, int port_fd, int lane_fd);

/* As in a mask; 0: none. */
uint64_t queue_bits_of(const struct cbb_queue *queue);

/* The queues that the thread dispatches, and as served those of them that are no pull queues. */
struct wait_masks queue_bits_dispatched(const struct cbb_client *client, uint64_t thread);

#endif
