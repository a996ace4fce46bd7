/* SPDX-License-Identifier: MIT */
#include "marshal/walk.h"

#include "base/detail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const ProtobufCBinaryData *name_of(const struct walk *walk, const Cbb__Param *param)
{
	return &walk->frame->plan->interface->names[param->name];
}

int walk_fail(const struct walk *walk, const Cbb__Param *param, int code, const char *format, ...)
{
	char words[DETAIL_SIZE], inside[128] = "";
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	const struct plan *plan = walk->frame->plan;
	bool is_result = walk->argument >= plan->n_params;
	const Cbb__Param *outer = is_result ? plan->result : plan->params[walk->argument];
	if (param && param->n_labels)
		param = NULL; /* an alternative of it */
	if (param && param != outer && name_of(walk, param)->len)
		snprintf(inside, sizeof inside, ", in it '%.*s'", (int)name_of(walk, param)->len,
		         (const char *)name_of(walk, param)->data);
	else if (param && param != outer)
		snprintf(inside, sizeof inside, ", an element of it");
	if (is_result)
		return detail_set(code, "function %s: the result%s %s", plan->name, inside, words);
	return detail_set(code, "function %s: parameter %u '%.*s'%s %s", plan->name, walk->argument + 1,
	                  (int)name_of(walk, outer)->len, (const char *)name_of(walk, outer)->data, inside, words);
}

void *walk_take(const struct walk *walk, size_t size)
{
	struct arena *arena = walk->frame->arena;
	void *at = arena_take(arena, size);
	if (!at)
		walk_fail(walk, NULL, CBB__STATUS__STATUS_LIMIT, "needs %zu bytes, with %zu of at most %zu in use", size,
		          arena->taken_bytes, arena->limit_bytes);
	return at;
}

static bool is_zero(const uint8_t *at, size_t size)
{
	while (size && *at == 0) {
		at++;
		size--;
	}
	return size == 0;
}

size_t scan_elements(const struct pointer *pointer, const void *elements, size_t max)
{
	if (pointer->unit == 1)
		return strnlen(elements, max);
	const uint8_t *at = elements;
	size_t n = 0;
	while (n < max && !is_zero(at, pointer->zero_bytes)) {
		n++;
		at += pointer->unit;
	}
	return n;
}

int elements_bytes(struct walk *walk, const struct pointer *pointer, const void *elements, size_t limit,
                   size_t *ret_bytes)
{
	if (pointer->size && limit == SIZE_MAX) {
		int r = evaluate_size(walk, pointer, pointer->size, &limit);
		if (r < 0)
			return r;
	}
	if (pointer->scanned) {
		size_t max = limit / pointer->unit;
		size_t n = scan_elements(pointer, elements, max);
		*ret_bytes = (n < max ? n + 1 : n) * pointer->unit;
		return 0;
	}
	if (!pointer->size && limit == SIZE_MAX)
		limit = pointer->unit;
	if (pointer->shape && limit % pointer->unit)
		return walk_fail(walk, pointer->param, walk->fault,
		                 "has %zu bytes, which is not a whole number of elements of %zu bytes", limit,
		                 pointer->unit);
	*ret_bytes = limit;
	return 0;
}

int out_bytes(struct walk *walk, const struct step *step, const void *elements, size_t *ret_bytes)
{
	const struct pointer *pointer = step->pointer;
	size_t capacity = walk->frame->extents[step->argument].bytes;
	if (!pointer->filled)
		return elements_bytes(walk, pointer, elements, capacity, ret_bytes);
	size_t bytes;
	int r = evaluate_size(walk, pointer, pointer->filled, &bytes);
	if (r < 0)
		return r;
	if (bytes > capacity)
		return walk_fail(walk, pointer->param, walk->fault, "is filled with %zu of %zu bytes, says filled()",
		                 bytes, capacity);
	*ret_bytes = bytes;
	return 0;
}

static int visit_cells(struct walk *walk, const struct shape *shape, uint8_t *base, shape_visitor *visit,
                       void *context)
{
	const void *outer = walk->self;
	if (shape->is_struct)
		walk->self = base;
	int r = 0;
	for (const struct cell *cell = shape->cells; cell && r >= 0; cell = cell->next) {
		uint8_t *at = base + cell->offset;
		if (cell->kind == CELL_SHAPE && cell->shape->has_blocks)
			r = shape_visit(walk, cell->shape, at, cell->count * cell->stride, visit, context);
		if (cell->kind != CELL_POINTER || !cell->pointer->has_blocks)
			continue;
		for (size_t i = 0; i < cell->count && r >= 0; i++, at += cell->stride) {
			void *value;
			memcpy(&value, at, sizeof value);
			if (pointer_is_followed(cell->pointer, value))
				r = visit(walk, cell->pointer, at, context);
		}
	}
	walk->self = outer;
	return r;
}

int shape_visit(struct walk *walk, const struct shape *shape, void *base, size_t bytes, shape_visitor *visit,
                void *context)
{
	if (!shape || !shape->has_blocks)
		return 0;
	uint8_t *at = base;
	for (size_t left = bytes; left >= shape->bytes; left -= shape->bytes, at += shape->bytes) {
		int r = visit_cells(walk, shape, at, visit, context);
		if (r < 0)
			return r;
	}
	return 0;
}
