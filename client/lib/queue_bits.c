/* SPDX-License-Identifier: MIT */
#include "lib/queue_bits.h"

#include "lib/client.h"
#include "lib/queue.h"

/*
 * The first 64 queues have the bits of their numbers: until then no bit is ever another's, and calls need not say
 * which queue was the last. Later the bits go round.
 */
static uint32_t free_bit(uint64_t taken, uint32_t number)
{
	uint64_t left = ~taken;
	uint64_t preferred = left & ~0ull << (number - 1) % QUEUE_BITS_MAX;
	return left == 0 ? 0 : (uint32_t)__builtin_ctzll(preferred ? preferred : left) + 1;
}

static void set_lanes_fd(const struct cbb_queue *queue, int fd)
{
	if (queue->bit)
		atomic_store(&queue->client->watched[queue->bit - 1].lanes_fd, fd);
}

void queue_bits_open(struct cbb_queue *queue)
{
	struct cbb_client *client = queue->client;
	uint64_t taken = atomic_load(&client->bits_taken);
	queue->number = atomic_load(&client->last_queue) + 1;
	queue->bit = free_bit(taken, queue->number);
	if (queue->bit) {
		queue_bits_set_dispatcher(queue, 0);
		set_lanes_fd(queue, queue->lanes_fd);
		atomic_store(&client->watched[queue->bit - 1].pull, queue->pull);
		queue_bits_set_direct_fds(queue, -1, -1);
		atomic_store(&client->bits_taken, taken | queue_bits_of(queue));
	}
	/* Last: who sees this number finds nothing of an earlier queue behind the bit. */
	atomic_store(&client->last_queue, queue->number);
}

void queue_bits_close(struct cbb_queue *queue)
{
	queue_bits_set_dispatcher(queue, 0);
	set_lanes_fd(queue, -1);
	atomic_fetch_and(&queue->client->bits_taken, ~queue_bits_of(queue));
}

void queue_bits_set_dispatcher(const struct cbb_queue *queue, uint64_t thread)
{
	if (queue->bit)
		atomic_store(&queue->client->watched[queue->bit - 1].dispatcher, thread);
}

void queue_bits_set_direct_fds(const struct cbb_queue *queue, int port_fd, int lane_fd)
{
	if (!queue->bit)
		return;
	atomic_store(&queue->client->watched[queue->bit - 1].direct_fds[0], port_fd);
	atomic_store(&queue->client->watched[queue->bit - 1].direct_fds[1], lane_fd);
}

uint64_t queue_bits_of(const struct cbb_queue *queue)
{
	return queue->bit ? 1ull << (queue->bit - 1) : 0;
}

struct wait_masks queue_bits_dispatched(const struct cbb_client *client, uint64_t thread)
{
	/* First: what is behind the bit of a queue that is opened meanwhile is told of no queue with that number. */
	struct wait_masks masks = {.last_queue = atomic_load_explicit(&client->last_queue, memory_order_acquire)};
	for (uint64_t left = atomic_load_explicit(&client->bits_taken, memory_order_relaxed); left; left &= left - 1) {
		unsigned index = (unsigned)__builtin_ctzll(left);
		if (atomic_load_explicit(&client->watched[index].dispatcher, memory_order_relaxed) != thread)
			continue;
		masks.dispatches |= left & -left;
		if (!atomic_load_explicit(&client->watched[index].pull, memory_order_relaxed))
			masks.serves |= left & -left;
	}
	return masks;
}
