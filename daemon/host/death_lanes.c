/* SPDX-License-Identifier: MIT */
#include "host/death.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Read by a signal handler at any instruction: slots are single words, tables are linked in once and never freed.
 * A slot holds descriptor + 1; 0 is free.
 */
struct lane_table {
	_Atomic int slots[DEATH_LANES_MAX];
	struct lane_table *_Atomic next;
};

static struct lane_table first;

static bool table_swap(struct lane_table *table, int from, int to)
{
	for (unsigned i = 0; i < DEATH_LANES_MAX; i++) {
		int expected = from;
		if (atomic_load_explicit(&table->slots[i], memory_order_relaxed) == from &&
		    atomic_compare_exchange_strong(&table->slots[i], &expected, to))
			return true;
	}
	return false;
}

static struct lane_table *table_after(struct lane_table *table)
{
	struct lane_table *next = atomic_load(&table->next);
	if (next)
		return next;
	struct lane_table *fresh = calloc(1, sizeof *fresh);
	if (!fresh)
		return NULL;
	if (atomic_compare_exchange_strong(&table->next, &next, fresh))
		return fresh;
	free(fresh); /* another thread was faster */
	return next;
}

int death_add_lane(int fd)
{
	for (struct lane_table *table = &first; table; table = table_after(table))
		if (table_swap(table, 0, fd + 1))
			return 0;
	return -ENOMEM;
}

void death_remove_lane(int fd)
{
	for (struct lane_table *table = &first; table; table = atomic_load(&table->next))
		if (table_swap(table, fd + 1, 0))
			return;
}

static void for_each_lane(void (*action)(int fd))
{
	for (struct lane_table *table = &first; table; table = atomic_load(&table->next))
		for (unsigned i = 0; i < DEATH_LANES_MAX; i++) {
			int slot = atomic_load_explicit(&table->slots[i], memory_order_acquire);
			if (slot)
				action(slot - 1);
		}
}

static void lane_shut(int fd)
{
	shutdown(fd, SHUT_RDWR);
}

static void lane_close(int fd)
{
	close(fd);
}

void death_shut_lanes(void)
{
	for_each_lane(lane_shut);
}

void death_close_lanes(void)
{
	for_each_lane(lane_close);
}
