/* SPDX-License-Identifier: MIT */
/* C types as libffi describes them. */
#include "marshal/steps.h"

#include <errno.h>

static int ffi_of_type(struct builder *builder, uint32_t index, ffi_type **ret_type);

static ffi_type *ffi_of_scalar(Cbb__Kind kind)
{
	switch (kind) {
	case CBB__KIND__KIND_VOID: return &ffi_type_void;
	case CBB__KIND__KIND_BOOL:
	case CBB__KIND__KIND_U8: return &ffi_type_uint8;
	case CBB__KIND__KIND_I8: return &ffi_type_sint8;
	case CBB__KIND__KIND_I16: return &ffi_type_sint16;
	case CBB__KIND__KIND_U16: return &ffi_type_uint16;
	case CBB__KIND__KIND_I32: return &ffi_type_sint32;
	case CBB__KIND__KIND_U32: return &ffi_type_uint32;
	case CBB__KIND__KIND_I64: return &ffi_type_sint64;
	case CBB__KIND__KIND_U64: return &ffi_type_uint64;
	case CBB__KIND__KIND_F32: return &ffi_type_float;
	case CBB__KIND__KIND_F64: return &ffi_type_double;
	case CBB__KIND__KIND_LONG_DOUBLE: return &ffi_type_longdouble;
	case CBB__KIND__KIND_POINTER: return &ffi_type_pointer;
	default: return NULL;
	}
}

/* libffi knows no arrays: as many elements in a row. */
static int fill_array(struct builder *builder, const Cbb__Type *type, ffi_type **elements)
{
	ffi_type *element;
	int r = ffi_of_type(builder, type->target, &element);
	for (uint64_t i = 0; i < type->count && r == 0; i++)
		elements[i] = element;
	return r;
}

static int fill_struct(struct builder *builder, const Cbb__Type *type, ffi_type **elements)
{
	int r = 0;
	for (uint32_t i = 0; i < type->n && r == 0; i++)
		r = ffi_of_type(builder, builder->interface->params[type->first + i]->type, &elements[i]);
	return r;
}

static int ffi_of_aggregate(struct builder *builder, uint32_t index, ffi_type **ret_type)
{
	const Cbb__Type *type = builder->interface->types[index];
	if (type->is_union)
		return native_union(builder, index, ret_type);
	bool is_array = type->kind == CBB__KIND__KIND_ARRAY;
	size_t n = is_array ? type->count : type->n;
	ffi_type *aggregate = builder_take(builder, sizeof *aggregate);
	ffi_type **elements = builder_take(builder, (n + 1) * sizeof *elements);
	if (!aggregate || !elements)
		return -ENOMEM;
	if (builder->depth >= STEPS_DEPTH_MAX)
		return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its structs are nested too deep");
	aggregate->type = FFI_TYPE_STRUCT;
	aggregate->elements = elements;
	builder->depth++;
	int r = is_array ? fill_array(builder, type, elements) : fill_struct(builder, type, elements);
	builder->depth--;
	/* The ABI passes and returns it like what it holds; libffi returns it in the wrong registers. */
	bool is_long_double = n == 1 && elements[0] == &ffi_type_longdouble;
	if (r == 0)
		*ret_type = is_long_double ? &ffi_type_longdouble : aggregate;
	return r;
}

static int ffi_of_type(struct builder *builder, uint32_t index, ffi_type **ret_type)
{
	const Cbb__Type *type = builder->interface->types[index];
	if (type->kind == CBB__KIND__KIND_STRUCT || type->kind == CBB__KIND__KIND_ARRAY)
		return ffi_of_aggregate(builder, index, ret_type);
	ffi_type *scalar = ffi_of_scalar(type->kind);
	if (!scalar)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED, "type kind %d cannot be passed",
		                    (int)type->kind);
	*ret_type = scalar;
	return 0;
}

/* Both must lay a struct out alike; they differ for packed structs and bit-fields. */
static int check_layout(struct builder *builder, uint32_t argument, const ffi_type *native, const Cbb__Param *param)
{
	const Cbb__Type *type = builder->interface->types[param->type];
	if (native->type != FFI_TYPE_STRUCT || native->size == type->size_bytes)
		return 0;
	builder->argument = argument;
	return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
	                    "the struct has %zu bytes by the C ABI, and %u as described: it cannot be passed by value",
	                    native->size, (unsigned)type->size_bytes);
}

/* Behind `...` other registers may be used; what the case of a `...` passes there begins at n_fixed. */
static ffi_status prepare(struct plan *plan)
{
	bool is_printed = plan->function->variadic == CBB__VARIADIC__VARIADIC_FORMAT;
	uint32_t n_fixed = is_printed ? plan->n_params - 1 : plan->function->n_fixed;
	if (n_fixed)
		return ffi_prep_cif_var(&plan->cif, FFI_DEFAULT_ABI, n_fixed, plan->n_params, plan->ffi_result,
		                        plan->ffi_arguments);
	return ffi_prep_cif(&plan->cif, FFI_DEFAULT_ABI, plan->n_params, plan->ffi_result, plan->ffi_arguments);
}

int native_build(struct builder *builder)
{
	struct plan *plan = builder->plan;
	plan->ffi_arguments = builder_take(builder, plan->n_params * sizeof *plan->ffi_arguments);
	if (!plan->ffi_arguments)
		return -ENOMEM;
	for (builder->argument = 0; builder->argument < plan->n_params; builder->argument++) {
		int r = ffi_of_type(builder, plan->params[builder->argument]->type,
		                    &plan->ffi_arguments[builder->argument]);
		if (r < 0)
			return r;
	}
	int r = ffi_of_type(builder, plan->result->type, &plan->ffi_result);
	if (r < 0)
		return r;
	if (prepare(plan) != FFI_OK)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "libffi cannot pass this function's types (an empty struct?)");
	for (uint32_t i = 0; i < plan->n_params && r == 0; i++)
		r = check_layout(builder, i, plan->ffi_arguments[i], plan->params[i]);
	return r < 0 ? r : check_layout(builder, plan->n_params, plan->ffi_result, plan->result);
}
