/* SPDX-License-Identifier: MIT */
#include "marshal/get.h"

#include "base/detail.h"
#include "marshal/stage.h"

#include <endian.h>
#include <string.h>

static int get_shape(struct walk *walk, const struct shape *shape, uint8_t *base, size_t bytes);

int get_block(struct walk *walk, const uint8_t **ret_data, size_t *ret_size)
{
	if (hot_next_block(walk->message, ret_data, ret_size))
		return 0;
	return walk_fail(walk, NULL, -EBADMSG, "has no block in the message");
}

int get_end(struct walk *walk)
{
	const uint8_t *data;
	size_t size;
	if (!hot_next_block(walk->message, &data, &size))
		return 0;
	return detail_set(-EBADMSG, "function %s: a block of %zu bytes is left over in the message",
	                  walk->frame->plan->name, size);
}

static void *take(const struct walk *walk, size_t size)
{
	return walk->staging ? stage_take(walk, size) : walk_take(walk, size);
}

int get_string(struct walk *walk, const struct pointer *pointer, uintptr_t *ret_value, size_t *ret_bytes)
{
	const uint8_t *data;
	size_t size;
	int r = get_block(walk, &data, &size);
	if (r < 0)
		return r;
	if (size == 0 || memchr(data, 0, size) != data + size - 1)
		return walk_fail(walk, pointer->param, -EBADMSG, "has a block of %zu bytes that is not one C string", size);
	void *copy = take(walk, size);
	if (!copy)
		return CBB__STATUS__STATUS_LIMIT;
	memcpy(copy, data, size);
	*ret_value = (uintptr_t)copy;
	*ret_bytes = size;
	return 0;
}

/* ---- Pointers ---- */

static int get_into(const struct walk *walk, const struct pointer *pointer, uint64_t word,
                    uintptr_t *ret_value)
{
	const struct marshal_extent *extent = &walk->frame->extents[pointer->param->into];
	if (!extent->base || word - 1 > extent->bytes)
		return walk_fail(walk, pointer->param, -EBADMSG, "points beyond the buffer of parameter %u",
		                 pointer->param->into + 1);
	*ret_value = (uintptr_t)extent->base + (word - 1);
	return 0;
}

static int get_handle(const struct walk *walk, const struct pointer *pointer, uint64_t word, uintptr_t *ret_value)
{
	struct marshal_frame *frame = walk->frame;
	int r = frame->side->handle_in ? frame->side->handle_in(frame, pointer->param, word) : 0;
	if (r == 0)
		*ret_value = (uintptr_t)word;
	return r;
}

static int get_callback(const struct walk *walk, const struct pointer *pointer, uint64_t word, uintptr_t *ret_value)
{
	struct marshal_frame *frame = walk->frame;
	void *callback = NULL;
	int r = frame->side->callback_in(frame, pointer->param, walk->argument, word, &callback);
	if (r == 0)
		*ret_value = (uintptr_t)callback;
	return r;
}

static int get_null(const struct walk *walk, const struct pointer *pointer, uintptr_t *ret_value)
{
	if (!walk->results && !pointer->param->nullable && pointer->mode != CBB__MODE__MODE_USERDATA)
		return walk_fail(walk, pointer->param, -EBADMSG, "is NULL and not [nullable]");
	*ret_value = 0;
	return 0;
}

int get_is_followed(const struct walk *walk, const struct pointer *pointer, uint64_t word)
{
	if (word <= 1 || !pointer->has_blocks)
		return pointer->has_blocks && word == 1;
	if (pointer_is_sentinel(pointer, word))
		return 0;
	return walk_fail(walk, pointer->param, -EBADMSG, "has the word %#llx, which is neither NULL nor memory",
	                 (unsigned long long)word);
}

/* A pointer that is followed, other than one of a parameter. */
static int get_pointed(struct walk *walk, const struct pointer *pointer, uintptr_t *ret_value)
{
	size_t limit = SIZE_MAX, bytes;
	void *elements;
	if (pointer->mode == CBB__MODE__MODE_STRING)
		return get_string(walk, pointer, ret_value, &bytes);
	if (pointer->size) {
		int r = evaluate_size(walk, pointer, pointer->size, &limit);
		if (r < 0)
			return r;
	} else if (!pointer->scanned) {
		limit = pointer->unit;
	}
	int r = get_elements(walk, pointer, limit, 0, &elements, &bytes);
	if (r == 0)
		*ret_value = (uintptr_t)elements;
	return r;
}

int get_pointer(struct walk *walk, const struct pointer *pointer, uint64_t word, uintptr_t *ret_value)
{
	struct marshal_frame *frame = walk->frame;
	if (pointer->param->n_values && pointer_is_sentinel(pointer, word)) {
		*ret_value = (uintptr_t)word;
		return 0;
	}
	if (word == 0)
		return get_null(walk, pointer, ret_value);
	switch (pointer->mode) {
	case CBB__MODE__MODE_HANDLE: return get_handle(walk, pointer, word, ret_value);
	case CBB__MODE__MODE_USERDATA: return frame->side->userdata_in(frame, pointer->param, word, ret_value);
	case CBB__MODE__MODE_CALLBACK: return get_callback(walk, pointer, word, ret_value);
	case CBB__MODE__MODE_INTO: return get_into(walk, pointer, word, ret_value);
	default: break;
	}
	int r = get_is_followed(walk, pointer, word);
	return r < 0 ? r : get_pointed(walk, pointer, ret_value);
}

/* ---- Memory ---- */

static int get_cell(struct walk *walk, const struct cell *cell, uint8_t *at)
{
	if (cell->kind == CELL_SHAPE)
		return get_shape(walk, cell->shape, at, cell->count * cell->stride);
	for (size_t i = 0; i < cell->count; i++, at += cell->stride) {
		if (cell->kind == CELL_BOOL) {
			*at = *at != 0;
		} else if (cell->kind == CELL_LONG_DOUBLE) {
			memset(at + LONG_DOUBLE_BYTES, 0, sizeof(long double) - LONG_DOUBLE_BYTES);
		} else {
			uintptr_t value = 0;
			uint64_t word;
			memcpy(&word, at, sizeof word);
			int r = get_pointer(walk, cell->pointer, le64toh(word), &value);
			if (r < 0)
				return r;
			memcpy(at, &value, sizeof value);
		}
	}
	return 0;
}

/* Makes native what came as a copy of a block. */
static int get_shape(struct walk *walk, const struct shape *shape, uint8_t *base, size_t bytes)
{
	const void *outer = walk->self;
	int r = 0;
	for (size_t at = 0; bytes - at >= shape->bytes && r >= 0; at += shape->bytes) {
		if (shape->is_struct)
			walk->self = base + at;
		for (const struct cell *cell = shape->cells; cell && r >= 0; cell = cell->next)
			r = get_cell(walk, cell, base + at + cell->offset);
	}
	walk->self = outer;
	return r;
}

static int check_size(const struct walk *walk, const struct pointer *pointer, const uint8_t *data, size_t size,
                      size_t limit, size_t *ret_live)
{
	*ret_live = size;
	if (!pointer->scanned) {
		if (size == limit && !(pointer->shape && size % pointer->unit))
			return 0;
		return walk_fail(walk, pointer->param, -EBADMSG, "has a block of %zu bytes where %zu belong", size,
		                 limit);
	}
	size_t n = size / pointer->unit, max = limit / pointer->unit;
	size_t live = scan_elements(pointer, data, n);
	*ret_live = live * pointer->unit;
	if (size % pointer->unit == 0 && n <= max && (live + 1 == n || (live == n && n == max)))
		return 0;
	return walk_fail(walk, pointer->param, -EBADMSG,
	                 "has a block of %zu bytes that does not end with its one terminator", size);
}

int get_elements(struct walk *walk, const struct pointer *pointer, size_t limit, size_t capacity, void **ret_elements,
                 size_t *ret_bytes)
{
	const uint8_t *data;
	size_t size, live = 0;
	int r = get_block(walk, &data, &size);
	if (r == 0)
		r = check_size(walk, pointer, data, size, limit, &live);
	if (r < 0)
		return r;
	if (capacity < size)
		capacity = size;
	uint8_t *copy = take(walk, capacity);
	if (!copy)
		return CBB__STATUS__STATUS_LIMIT;
	memcpy(copy, data, size);
	if (capacity > size)
		memset(copy + size, 0, capacity - size);
	if (pointer->shape)
		r = get_shape(walk, pointer->shape, copy, live);
	*ret_elements = copy;
	*ret_bytes = size;
	return r;
}

int get_object(struct walk *walk, const struct shape *shape, void *to, size_t size)
{
	const uint8_t *data;
	size_t have;
	int r = get_block(walk, &data, &have);
	if (r < 0)
		return r;
	if (have != size)
		return walk_fail(walk, NULL, -EBADMSG, "has a block of %zu bytes where the struct has %zu", have, size);
	memcpy(to, data, size);
	return shape ? get_shape(walk, shape, to, size) : 0;
}
