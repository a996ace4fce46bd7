/* SPDX-License-Identifier: MIT */
/*
 * Unions by value. The calling convention of x86-64 looks at each eight bytes of them: if only floating numbers can lie
 * there they pass in a float register, else in a general one. A struct of numbers with the same outcome, size and
 * alignment stands for the union.
 */
#include "marshal/steps.h"

#include "marshal/scalar.h"

#include <errno.h>

#define HALF_BYTES 8

/* Of what lies in registers, which halves hold integers too. */
struct contents {
	bool integer[2];
	bool long_double;
};

static int look_at(struct builder *builder, uint32_t index, uint64_t offset, struct contents *contents);

static int look_at_array(struct builder *builder, const Cbb__Type *type, uint64_t offset, struct contents *contents)
{
	uint64_t stride = builder->interface->types[type->target]->size_bytes;
	int r = 0;
	/* what is larger goes to memory, whatever lies in it; but a long double must be seen */
	for (uint64_t i = 0; r == 0 && i < type->count && (i == 0 || offset + i * stride < 2 * HALF_BYTES); i++)
		r = look_at(builder, type->target, offset + i * stride, contents);
	return r;
}

static int look_at_fields(struct builder *builder, const Cbb__Type *type, uint64_t offset, struct contents *contents)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < type->n; i++) {
		const Cbb__Param *field = builder->interface->params[type->first + i];
		r = look_at(builder, field->type, offset + field->offset_bytes, contents);
	}
	return r;
}

static int look_at(struct builder *builder, uint32_t index, uint64_t offset, struct contents *contents)
{
	const Cbb__Type *type = builder->interface->types[index];
	int r = 0;
	if (builder->depth >= STEPS_DEPTH_MAX)
		return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its unions are nested too deep");
	builder->depth++;
	if (type->kind == CBB__KIND__KIND_STRUCT)
		r = look_at_fields(builder, type, offset, contents);
	else if (type->kind == CBB__KIND__KIND_ARRAY)
		r = look_at_array(builder, type, offset, contents);
	else if (type->kind == CBB__KIND__KIND_LONG_DOUBLE)
		contents->long_double = true;
	else if (scalar_is_integral(type->kind) && offset < 2 * HALF_BYTES)
		contents->integer[offset / HALF_BYTES] = true;
	builder->depth--;
	return r;
}

static ffi_type *unit_type(uint32_t bytes, bool is_integer)
{
	switch (bytes) {
	case 1: return &ffi_type_uint8;
	case 2: return &ffi_type_uint16;
	case 4: return is_integer ? &ffi_type_uint32 : &ffi_type_float;
	default: return is_integer ? &ffi_type_uint64 : &ffi_type_double;
	}
}

int native_union(struct builder *builder, uint32_t index, ffi_type **ret_type)
{
	const Cbb__Type *type = builder->interface->types[index];
	struct contents contents = {0};
	int r = look_at_fields(builder, type, 0, &contents);
	if (r < 0)
		return r;
	if (contents.long_double || type->align_bytes == 0 || type->align_bytes > HALF_BYTES)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "a union with a long double cannot be passed by value");
	size_t n = type->size_bytes / type->align_bytes;
	ffi_type *aggregate = builder_take(builder, sizeof *aggregate);
	ffi_type **elements = builder_take(builder, (n + 1) * sizeof *elements);
	if (!aggregate || !elements)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		size_t half = i * type->align_bytes / HALF_BYTES;
		bool in_memory = type->size_bytes > 2 * HALF_BYTES;
		elements[i] = unit_type(type->align_bytes, in_memory || contents.integer[half]);
	}
	aggregate->type = FFI_TYPE_STRUCT;
	aggregate->elements = elements;
	*ret_type = aggregate;
	return 0;
}
