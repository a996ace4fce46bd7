/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <stdlib.h>

#define CAPACITY_MIN 512

void buffer_init(struct buffer *buffer, size_t limit)
{
	*buffer = (struct buffer){.limit = limit};
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->size = buffer->capacity = 0;
}

static uint8_t *buffer_grow(struct buffer *buffer, size_t n)
{
	if (n > buffer->limit || buffer->size > buffer->limit - n)
		return NULL;
	size_t capacity = buffer->capacity > CAPACITY_MIN / 2 ? buffer->capacity * 2 : CAPACITY_MIN;
	if (capacity < buffer->size + n)
		capacity = buffer->size + n;
	if (capacity > buffer->limit)
		capacity = buffer->limit;
	uint8_t *data = realloc(buffer->data, capacity);
	if (!data)
		return NULL;
	buffer->data = data;
	buffer->capacity = capacity;
	return data + buffer->size;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t n)
{
	if (buffer->data && n <= buffer->capacity - buffer->size)
		return buffer->data + buffer->size;
	return buffer_grow(buffer, n);
}

uint8_t *buffer_extend(struct buffer *buffer, size_t n)
{
	uint8_t *at = buffer_reserve(buffer, n);
	if (at)
		buffer->size += n;
	return at;
}

void buffer_trim(struct buffer *buffer, size_t keep)
{
	if (buffer->size == 0 && buffer->capacity > keep)
		buffer_free(buffer);
}
