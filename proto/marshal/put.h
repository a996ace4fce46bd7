/* SPDX-License-Identifier: MIT */
/*
 * Native memory -> words and blocks: what arguments and results have in common.
 */
#ifndef CBB_MARSHAL_PUT_H
#define CBB_MARSHAL_PUT_H

#include "marshal/walk.h"

/* The word of a pointer (or of user data). */
int put_pointer_word(struct walk *walk, const struct pointer *pointer, uintptr_t value, uint64_t *ret_word);

/* The blocks of what a pointer that is followed points to. */
int put_pointed(struct walk *walk, const struct pointer *pointer, const void *value);
/* The same for so many bytes of elements. */
int put_elements(struct walk *walk, const struct pointer *pointer, const void *elements, size_t bytes);
/* A block with `bytes` of memory, of which the first `live_bytes` are translated, and the blocks of what is inside. */
int put_memory(struct walk *walk, const struct shape *shape, const void *native, size_t bytes, size_t live_bytes);

#endif
