/* SPDX-License-Identifier: MIT */
/*
 * Bytes that grow at the end, up to a limit. Capacity is kept when emptied: steady use allocates nothing.
 */
#ifndef CBB_BASE_BUFFER_H
#define CBB_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data;
	size_t size;     /* bytes in use */
	size_t capacity;
	size_t limit;    /* never more than this many */
};

void buffer_init(struct buffer *buffer, size_t limit);
void buffer_free(struct buffer *buffer);

/* Makes room for n more bytes and returns where they go; NULL beyond the limit or without memory. May move data. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t n);

/* buffer_reserve, and counts the bytes as used. */
uint8_t *buffer_extend(struct buffer *buffer, size_t n);

/* Gives memory back if the capacity is larger than `keep`. Only when empty. */
void buffer_trim(struct buffer *buffer, size_t keep);

#endif
