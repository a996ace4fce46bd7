/* SPDX-License-Identifier: MIT */
/*
 * Results wait here, in the arena, until the whole message has been checked; then what outlives the frame is
 * copied to where the side keeps it.
 */
#ifndef CBB_MARSHAL_STAGE_H
#define CBB_MARSHAL_STAGE_H

#include "marshal/walk.h"

/* Memory of the arena that knows its size. */
void *stage_take(const struct walk *walk, size_t size);
size_t stage_bytes(const void *staged);

/* Moves what the pointer in *slot points to, with all below it, to kept memory. */
int stage_keep_pointer(struct walk *walk, const struct pointer *pointer, void *slot);
/* The same for each pointer in memory that itself stays where it is. */
int stage_keep_below(struct walk *walk, const struct shape *shape, void *base, size_t bytes);

#endif
