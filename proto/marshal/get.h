/* SPDX-License-Identifier: MIT */
/*
 * Words and blocks -> native memory: what arguments and results have in common. All memory is the arena's.
 */
#ifndef CBB_MARSHAL_GET_H
#define CBB_MARSHAL_GET_H

#include "marshal/walk.h"

/* The native value behind a word, with what it points to. */
int get_pointer(struct walk *walk, const struct pointer *pointer, uint64_t word, uintptr_t *ret_value);

/* Whether `word` says that a block follows; -EBADMSG if it is no word of this pointer. */
int get_is_followed(const struct walk *walk, const struct pointer *pointer, uint64_t word);

/* The next block's bytes, as they are: not aligned, not checked. */
int get_block(struct walk *walk, const uint8_t **ret_data, size_t *ret_size);
/* The next block as text. */
int get_string(struct walk *walk, const struct pointer *pointer, uintptr_t *ret_value, size_t *ret_bytes);
/*
 * The next block as elements: exactly `limit` bytes, or, if scanned, up to the terminator and at most `limit`
 * (SIZE_MAX: any). They get room for `capacity` bytes, zero beyond the block.
 */
int get_elements(struct walk *walk, const struct pointer *pointer, size_t limit, size_t capacity, void **ret_elements,
                 size_t *ret_bytes);
/* The next block as an object of exactly `size` bytes, written to `to`. */
int get_object(struct walk *walk, const struct shape *shape, void *to, size_t size);

/* Checks that no block is left. */
int get_end(struct walk *walk);

#endif
