/* SPDX-License-Identifier: MIT */
/*
 * Memory of nested frames: taken in order, given back to a mark. Keeps what it has: steady use allocates nothing.
 * Of one thread.
 */
#ifndef CBB_MARSHAL_ARENA_H
#define CBB_MARSHAL_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks;  /* the newest first */
	struct arena_block *spare;   /* given back, kept for the next use */
	size_t limit_bytes;          /* of all that is taken at one time */
	size_t taken_bytes;
};

struct arena_mark {
	struct arena_block *block;
	size_t used;
	size_t taken_bytes;
};

void arena_init(struct arena *arena, size_t limit_bytes);
void arena_free(struct arena *arena);

/* Aligned for any object; NULL beyond the limit or without memory. Not zeroed. arena_take(0) is not NULL. */
void *arena_take(struct arena *arena, size_t size);

struct arena_mark arena_mark(const struct arena *arena);
/* Gives back everything taken since the mark. Large blocks go back to the system. */
void arena_release(struct arena *arena, struct arena_mark mark);

#endif
