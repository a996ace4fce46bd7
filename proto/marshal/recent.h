/* SPDX-License-Identifier: MIT */
/*
 * The last results that a thread received as copies: each lives until RECENT_MAX more have come. Slots keep
 * their memory: steady use allocates nothing.
 */
#ifndef CBB_MARSHAL_RECENT_H
#define CBB_MARSHAL_RECENT_H

#include <stddef.h>

#define RECENT_MAX 64
/* Slots with more are given back when their turn comes. */
#define RECENT_KEEP_BYTES 65536

struct recent {
	struct {
		void *memory;
		size_t capacity;
	} slots[RECENT_MAX];
	unsigned next;
};

/* Memory for the next result, aligned for any object; ends the oldest. NULL without memory. */
void *recent_take(struct recent *recent, size_t size);
void recent_free(struct recent *recent);

#endif
