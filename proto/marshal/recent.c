/* SPDX-License-Identifier: MIT */
#include "marshal/recent.h"

#include <stdlib.h>

#define CAPACITY_MIN 64

void *recent_take(struct recent *recent, size_t size)
{
	unsigned at = recent->next;
	size_t capacity = recent->slots[at].capacity;
	if (size > capacity || capacity > RECENT_KEEP_BYTES) {
		size_t fresh = size > CAPACITY_MIN ? size : CAPACITY_MIN;
		void *memory = malloc(fresh);
		if (!memory)
			return NULL;
		free(recent->slots[at].memory);
		recent->slots[at].memory = memory;
		recent->slots[at].capacity = fresh;
	}
	recent->next = (at + 1) % RECENT_MAX;
	return recent->slots[at].memory;
}

void recent_free(struct recent *recent)
{
	for (unsigned i = 0; i < RECENT_MAX; i++)
		free(recent->slots[i].memory);
	*recent = (struct recent){0};
}
