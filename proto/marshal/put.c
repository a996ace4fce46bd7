/* SPDX-License-Identifier: MIT */
/* Native memory -> words and blocks. */
#include "marshal/put.h"

#include "base/detail.h"

#include <endian.h>
#include <string.h>

static int put_into(const struct walk *walk, const struct pointer *pointer, uintptr_t value,
                    uint64_t *ret_word)
{
	const struct marshal_extent *extent = &walk->frame->extents[pointer->param->into];
	uintptr_t base = (uintptr_t)extent->base;
	if (!base || value < base || value - base > extent->bytes)
		return walk_fail(walk, pointer->param, walk->fault,
		                 "does not point into the buffer of parameter %u, as into() says", pointer->param->into + 1);
	*ret_word = value - base + 1;
	return 0;
}

static int put_null(const struct walk *walk, const struct pointer *pointer, uint64_t *ret_word)
{
	if (!walk->results && !pointer->param->nullable && pointer->mode != CBB__MODE__MODE_USERDATA)
		return walk_fail(walk, pointer->param, walk->fault, "is NULL and not [nullable]");
	*ret_word = 0;
	return 0;
}

int put_pointer_word(struct walk *walk, const struct pointer *pointer, uintptr_t value, uint64_t *ret_word)
{
	struct marshal_frame *frame = walk->frame;
	if (pointer->param->n_values && pointer_is_sentinel(pointer, value)) {
		*ret_word = value;
		return 0;
	}
	if (!value)
		return put_null(walk, pointer, ret_word);
	switch (pointer->mode) {
	case CBB__MODE__MODE_HANDLE: *ret_word = value; return 0;
	case CBB__MODE__MODE_USERDATA: return frame->side->userdata_out(frame, pointer->param, value, ret_word);
	case CBB__MODE__MODE_CALLBACK:
		return frame->side->callback_out(frame, pointer->param, walk->argument, (void *)value, ret_word);
	case CBB__MODE__MODE_INTO: return put_into(walk, pointer, value, ret_word);
	default: *ret_word = 1; return 0;
	}
}

static int put_shape(struct walk *walk, const struct shape *shape, const uint8_t *native, size_t bytes, uint8_t *to);

static int put_cell(struct walk *walk, const struct cell *cell, const uint8_t *native, uint8_t *to)
{
	if (cell->kind == CELL_SHAPE)
		return put_shape(walk, cell->shape, native, cell->count * cell->stride, to);
	for (size_t i = 0; i < cell->count; i++, native += cell->stride, to += cell->stride) {
		if (cell->kind == CELL_BOOL) {
			*to = *native != 0;
		} else if (cell->kind == CELL_LONG_DOUBLE) {
			memset(to + LONG_DOUBLE_BYTES, 0, sizeof(long double) - LONG_DOUBLE_BYTES);
		} else {
			uintptr_t value;
			uint64_t word;
			memcpy(&value, native, sizeof value);
			int r = put_pointer_word(walk, cell->pointer, value, &word);
			if (r < 0)
				return r;
			word = htole64(word);
			memcpy(to, &word, sizeof word);
		}
	}
	return 0;
}

/* Rewrites in `to`, a copy of `native`, whatever does not travel as it is. */
static int put_shape(struct walk *walk, const struct shape *shape, const uint8_t *native, size_t bytes, uint8_t *to)
{
	int r = 0;
	for (size_t at = 0; bytes - at >= shape->bytes && r >= 0; at += shape->bytes)
		for (const struct cell *cell = shape->cells; cell && r >= 0; cell = cell->next)
			r = put_cell(walk, cell, native + at + cell->offset, to + at + cell->offset);
	return r;
}

static int put_visited(struct walk *walk, const struct pointer *pointer, void *at, void *context)
{
	(void)context;
	const void *value;
	memcpy(&value, at, sizeof value);
	return put_pointed(walk, pointer, value);
}

int put_memory(struct walk *walk, const struct shape *shape, const void *native, size_t bytes, size_t live_bytes)
{
	uint8_t *to = hot_add_block(walk->writer, bytes);
	if (!to)
		return walk_fail(walk, NULL, CBB__STATUS__STATUS_LIMIT,
		                 "with %zu bytes goes beyond the %zu bytes of a message (option max_payload_bytes)", bytes,
		                 walk->writer->out->limit);
	memcpy(to, native, bytes);
	if (!shape)
		return 0;
	int r = put_shape(walk, shape, native, live_bytes, to);
	return r < 0 ? r : shape_visit(walk, shape, (void *)native, live_bytes, put_visited, NULL);
}

int put_elements(struct walk *walk, const struct pointer *pointer, const void *elements, size_t bytes)
{
	size_t live = bytes;
	if (pointer->scanned && pointer->shape)
		live = scan_elements(pointer, elements, bytes / pointer->unit) * pointer->unit;
	return put_memory(walk, pointer->shape, elements, bytes, live);
}

int put_pointed(struct walk *walk, const struct pointer *pointer, const void *value)
{
	size_t bytes;
	if (pointer->mode == CBB__MODE__MODE_STRING)
		return put_memory(walk, NULL, value, strlen(value) + 1, 0);
	int r = elements_bytes(walk, pointer, value, SIZE_MAX, &bytes);
	return r < 0 ? r : put_elements(walk, pointer, value, bytes);
}
