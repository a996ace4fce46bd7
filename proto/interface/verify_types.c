/* SPDX-License-Identifier: MIT */
#include "interface/verify.h"

#include "interface/layout.h"

static int verify_target(const Cbb__Interface *message, size_t index)
{
	const Cbb__Type *type = message->types[index];
	if (type->target >= message->n_types)
		return verify_fail("type %zu has no target", index);
	for (unsigned depth = 0; type->kind == CBB__KIND__KIND_POINTER || type->kind == CBB__KIND__KIND_ARRAY; depth++) {
		if (depth == INTERFACE_DEPTH_MAX)
			return verify_fail("type %zu is deeper than %d", index, INTERFACE_DEPTH_MAX);
		if (type->target >= message->n_types)
			return verify_fail("type %zu has no target", index);
		type = message->types[type->target];
	}
	return 0;
}

static int verify_array(const Cbb__Interface *message, size_t index)
{
	const Cbb__Type *type = message->types[index], *element = message->types[type->target];
	bool has_size = element->size_bytes > 0 && element->size_bytes <= INTERFACE_STRUCT_MAX_BYTES;
	if (!has_size || type->count < 1 || type->count > INTERFACE_STRUCT_MAX_BYTES / element->size_bytes ||
	    type->size_bytes != type->count * element->size_bytes || type->align_bytes != element->align_bytes)
		return verify_fail("type %zu is an array of a wrong size", index);
	return 0;
}

/* A number: its size is its kind's. */
static int verify_number(const Cbb__Interface *message, size_t index)
{
	const Cbb__Type *type = message->types[index];
	uint32_t size = layout_scalar_bytes(type->kind);
	if (type->kind < CBB__KIND__KIND_VOID || type->kind > CBB__KIND__KIND_FUNCTION)
		return verify_fail("type %zu is of unknown kind %d", index, (int)type->kind);
	if (type->size_bytes != size || type->align_bytes != size)
		return verify_fail("type %zu has a wrong size", index);
	if (type->is_enum && !layout_is_integer(type->kind))
		return verify_fail("type %zu is an enum but no integer", index);
	return 0;
}

static int verify_type(const Cbb__Interface *message, size_t index)
{
	const Cbb__Type *type = message->types[index];
	int r = 0;
	if (type->name >= message->n_names)
		return verify_fail("type %zu has no name", index);
	switch (type->kind) {
	case CBB__KIND__KIND_STRUCT:
		return type->first > message->n_params || type->n > message->n_params - type->first
		           ? verify_fail("type %zu has no fields", index)
		           : 0;
	case CBB__KIND__KIND_ARRAY:
		r = verify_target(message, index);
		return r < 0 ? r : verify_array(message, index);
	case CBB__KIND__KIND_POINTER:
		r = verify_target(message, index);
		return r < 0 ? r : verify_number(message, index);
	case CBB__KIND__KIND_FUNCTION:
		if (type->function >= message->n_functions || !message->functions[type->function]->is_type)
			return verify_fail("type %zu is no function type", index);
		return verify_number(message, index);
	default:
		return verify_number(message, index);
	}
}

static int verify_layout(const Cbb__Interface *message, size_t index)
{
	const Cbb__Type *type = message->types[index];
	struct layout layout = {0, 1};
	if (type->n == 0)
		return type->size_bytes || type->align_bytes ? verify_fail("struct type %zu has a size but no fields", index)
		                                             : 0;
	for (uint32_t i = 0; i < type->n; i++) {
		const Cbb__Param *field = message->params[type->first + i];
		struct layout *place = type->is_union ? &(struct layout){0, 1} : &layout;
		uint64_t offset = 0;
		if (field->type >= message->n_types || message->types[field->type]->size_bytes == 0)
			return verify_fail("field %u of type %zu has no size", i, index);
		const Cbb__Type *of = message->types[field->type];
		if (of->align_bytes == 0 || of->align_bytes > 16 ||
		    !layout_add(place, of->size_bytes, of->align_bytes, &offset))
			return verify_fail("struct type %zu is too large", index);
		if (offset != field->offset_bytes)
			return verify_fail("field %u of type %zu is at a wrong place", i, index);
		layout_cover(&layout, place);
	}
	layout_finish(&layout);
	if (type->size_bytes != layout.size_bytes || type->align_bytes != layout.align_bytes)
		return verify_fail("struct type %zu has a wrong size", index);
	return 0;
}

int verify_types(const Cbb__Interface *message)
{
	if (message->n_types == 0 || message->types[0]->kind != CBB__KIND__KIND_VOID)
		return verify_fail("type 0 is not void");
	for (size_t i = 0; i < message->n_types; i++) {
		int r = verify_type(message, i);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < message->n_types; i++) {
		int r = message->types[i]->kind == CBB__KIND__KIND_STRUCT ? verify_layout(message, i) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
