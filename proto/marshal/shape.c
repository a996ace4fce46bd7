/* SPDX-License-Identifier: MIT */
#include "marshal/steps.h"

#include "marshal/scalar.h"

#include <errno.h>

/*
 * A field that points to const, such as the zone in a struct tm, is replaced or left alone. Any other pointer may
 * also be freed, grown or advanced, and a copy cannot follow that.
 */
static bool is_loose(const struct builder *builder, const struct shape *shape, const struct pointer *pointer)
{
	const Cbb__Type *type = builder->interface->types[pointer->param->type];
	if (!pointer->has_blocks)
		return false;
	return !shape->is_struct || !type->is_const || (pointer->shape && pointer->shape->has_loose);
}

static int add_cell(struct builder *builder, struct shape *shape, const struct cell *cell)
{
	struct cell *copy = builder_take(builder, sizeof *copy);
	if (!copy)
		return -ENOMEM;
	*copy = *cell;
	const struct cell **at = &shape->cells;
	while (*at)
		at = (const struct cell **)&(*at)->next;
	*at = copy;
	if (cell->pointer) {
		shape->has_blocks |= cell->pointer->has_blocks;
		shape->has_loose |= is_loose(builder, shape, cell->pointer);
		shape->releases |= cell->pointer->releases;
		shape->has_callbacks |= cell->pointer->has_callbacks;
		shape->reads |= cell->pointer->size_reads | cell->pointer->below_reads;
		shape->returns |= cell->pointer->size_returns || cell->pointer->below_returns;
		shape->bases |= cell->pointer->bases;
	}
	if (cell->shape) {
		shape->has_blocks |= cell->shape->has_blocks;
		shape->has_loose |= cell->shape->has_loose;
		shape->releases |= cell->shape->releases;
		shape->has_callbacks |= cell->shape->has_callbacks;
		shape->reads |= cell->shape->reads;
		shape->returns |= cell->shape->returns;
		shape->bases |= cell->shape->bases;
	}
	return 0;
}

static int add_inner_shape(struct builder *builder, struct shape *shape, uint32_t type, size_t offset,
                           size_t count)
{
	const struct shape *inner;
	int r = shape_of_type(builder, type, &inner);
	if (r < 0 || !inner)
		return r;
	return add_cell(builder, shape, &(struct cell){.kind = CELL_SHAPE, .offset = offset, .count = count,
	                                               .stride = inner->bytes, .shape = inner});
}

/* `count` values of a type in a row, none of them a pointer that a Param describes. */
static int add_values(struct builder *builder, struct shape *shape, uint32_t index, size_t offset, size_t count)
{
	const Cbb__Type *type = builder->interface->types[index];
	struct cell cell = {.offset = offset, .count = count, .stride = type->size_bytes};
	switch (type->kind) {
	case CBB__KIND__KIND_BOOL:
		cell.kind = CELL_BOOL;
		return add_cell(builder, shape, &cell);
	case CBB__KIND__KIND_LONG_DOUBLE:
		cell.kind = CELL_LONG_DOUBLE;
		return add_cell(builder, shape, &cell);
	case CBB__KIND__KIND_STRUCT:
	case CBB__KIND__KIND_ARRAY: return add_inner_shape(builder, shape, index, offset, count);
	case CBB__KIND__KIND_POINTER:
	case CBB__KIND__KIND_FUNCTION:
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "it holds a pointer that nothing describes. Hint: string, handle, userdata, in, out "
		                    "or size()");
	default: return 0;
	}
}

/* params[index] at `offset`; a pointer mode may also describe each pointer of a fixed array. */
static int add_param(struct builder *builder, struct shape *shape, uint32_t index, const Cbb__Param *lender,
                     size_t offset)
{
	const Cbb__Param *param = builder->interface->params[index];
	const Cbb__Type *type = builder->interface->types[param->type];
	if (param->mode == CBB__MODE__MODE_VALUE)
		return add_values(builder, shape, param->type, offset, 1);
	struct cell cell = {.kind = CELL_POINTER, .offset = offset, .count = 1, .stride = sizeof(void *)};
	for (unsigned depth = 0; type->kind == CBB__KIND__KIND_ARRAY && depth < STEPS_DEPTH_MAX; depth++) {
		cell.count *= type->count;
		type = builder->interface->types[type->target];
	}
	int r = pointer_build(builder, index, lender, &cell.pointer);
	if (r < 0)
		return r;
	if (type->size_bytes != sizeof(void *))
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "it holds user data in %u bytes, and a token needs %zu",
		                    (unsigned)type->size_bytes, sizeof(void *));
	return add_cell(builder, shape, &cell);
}

static int add_fields(struct builder *builder, struct shape *shape, const Cbb__Type *type)
{
	size_t outer = builder->self_bytes;
	int r = 0;
	shape->is_struct = true;
	for (uint32_t i = 0; i < type->n && r == 0; i++) {
		uint32_t index = type->first + i;
		builder->self_bytes = type->size_bytes;
		r = add_param(builder, shape, index, NULL, builder->interface->params[index]->offset_bytes);
	}
	builder->self_bytes = outer;
	return r;
}

static struct shape *new_shape(struct builder *builder, size_t bytes)
{
	struct shape *shape = builder_take(builder, sizeof *shape);
	if (shape)
		shape->bytes = bytes;
	return shape;
}

int shape_of_type(struct builder *builder, uint32_t index, const struct shape **ret_shape)
{
	const Cbb__Type *type = builder->interface->types[index];
	if (type->is_union)
		builder->shape_known[index] = true; /* its bytes pass as they are */
	if (!builder->shape_known[index]) {
		if (builder->depth >= STEPS_DEPTH_MAX)
			return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its types are nested too deep");
		struct shape *shape = new_shape(builder, type->size_bytes);
		if (!shape)
			return -ENOMEM;
		builder->depth++;
		int r = type->kind == CBB__KIND__KIND_STRUCT
		                ? add_fields(builder, shape, type)
		                : add_values(builder, shape, type->target, 0, type->count);
		builder->depth--;
		if (r < 0)
			return r;
		builder->shapes[index] = shape->cells && shape->bytes ? shape : NULL;
		builder->shape_known[index] = true;
	}
	*ret_shape = builder->shapes[index];
	return 0;
}

int shape_of_param(struct builder *builder, uint32_t index, const Cbb__Param *lender, const struct shape **ret_shape)
{
	const Cbb__Param *param = builder->interface->params[index];
	const Cbb__Type *type = builder->interface->types[param->type];
	bool is_aggregate = type->kind == CBB__KIND__KIND_STRUCT || type->kind == CBB__KIND__KIND_ARRAY;
	if (param->mode == CBB__MODE__MODE_VALUE && is_aggregate)
		return shape_of_type(builder, param->type, ret_shape);
	struct shape *shape = new_shape(builder, type->size_bytes);
	if (!shape)
		return -ENOMEM;
	int r = add_param(builder, shape, index, lender, 0);
	if (r == 0)
		*ret_shape = shape->cells && shape->bytes ? shape : NULL;
	return r;
}
