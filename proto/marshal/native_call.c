/* SPDX-License-Identifier: MIT */
/*
 * ffi_call, and around one fault of it: libffi (3.4.4 at least) copies a whole struct where it should copy its first
 * eight bytes. If that is an integer half in the last general register and the other half is float, the other half also
 * lands in the first float register, over an earlier argument. Passing the two halves as two arguments is the same to
 * the function called, and right.
 */
#include "marshal/steps.h"

#include <errno.h>
#include <string.h>

/* Of the calling convention of x86-64. */
#define GENERAL_REGISTERS 6
#define FLOAT_REGISTERS 8
#define HALF_BYTES 8

/* What of a struct's halves is passed as integers; the rest is float. */
struct halves {
	bool integer[2];
	bool in_memory;
};

static void classify(const ffi_type *type, size_t offset, struct halves *halves)
{
	if (type->type == FFI_TYPE_LONGDOUBLE) {
		halves->in_memory = true;
	} else if (type->type == FFI_TYPE_STRUCT) {
		for (ffi_type **element = type->elements; *element; element++) {
			offset = (offset + (*element)->alignment - 1) / (*element)->alignment * (*element)->alignment;
			classify(*element, offset, halves);
			offset += (*element)->size;
		}
	} else if (type->type != FFI_TYPE_FLOAT && type->type != FFI_TYPE_DOUBLE) {
		halves->integer[offset / HALF_BYTES] = true;
	}
}

/* The halves that go to registers: 0 for what goes to memory. */
static size_t count_halves(const ffi_type *type, struct halves *ret_halves)
{
	*ret_halves = (struct halves){0};
	if (type->size == 0 || type->size > 2 * HALF_BYTES)
		return 0;
	classify(type, 0, ret_halves);
	return ret_halves->in_memory ? 0 : (type->size + HALF_BYTES - 1) / HALF_BYTES;
}

/* The number of the parameter that libffi would spoil others with, + 1; 0: none. There is at most one. */
static uint32_t find_split(const struct plan *plan)
{
	struct halves halves;
	bool by_pointer = plan->ffi_result->type == FFI_TYPE_STRUCT && count_halves(plan->ffi_result, &halves) == 0;
	size_t general = by_pointer, floats = 0;
	for (uint32_t i = 0; i < plan->n_params; i++) {
		size_t n = count_halves(plan->ffi_arguments[i], &halves);
		size_t n_general = n ? halves.integer[0] + (n > 1 && halves.integer[1]) : 0;
		if (general + n_general > GENERAL_REGISTERS || floats + n - n_general > FLOAT_REGISTERS)
			continue;
		if (n == 2 && halves.integer[0] && !halves.integer[1] && general == GENERAL_REGISTERS - 1)
			return i + 1;
		general += n_general;
		floats += n - n_general;
	}
	return 0;
}

int native_call_build(struct builder *builder)
{
	struct plan *plan = builder->plan;
#if defined(__x86_64__)
	plan->split = find_split(plan);
#endif
	if (!plan->split)
		return 0;
	uint32_t n = plan->n_params, at = plan->split - 1;
	ffi_type **types = builder_take(builder, (n + 1) * sizeof *types);
	if (!types)
		return -ENOMEM;
	memcpy(types, plan->ffi_arguments, at * sizeof *types);
	types[at] = &ffi_type_uint64;
	types[at + 1] = plan->ffi_arguments[at]->size - HALF_BYTES == sizeof(float) ? &ffi_type_float : &ffi_type_double;
	memcpy(types + at + 2, plan->ffi_arguments + at + 1, (n - at - 1) * sizeof *types);
	if (ffi_prep_cif(&plan->split_cif, FFI_DEFAULT_ABI, n + 1, plan->ffi_result, types) != FFI_OK)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED, "libffi cannot pass this function's types");
	return 0;
}

void plan_call(const struct plan *plan, void (*function)(void), void *result, void *const *arguments)
{
	if (!plan->split) {
		ffi_call((ffi_cif *)(uintptr_t)&plan->cif, function, result, (void **)(uintptr_t)arguments);
		return;
	}
	void *halves[INTERFACE_PARAMS_MAX + 1];
	uint32_t n = plan->n_params, at = plan->split - 1;
	memcpy(halves, arguments, (at + 1) * sizeof *halves);
	halves[at + 1] = (char *)arguments[at] + HALF_BYTES;
	memcpy(halves + at + 2, arguments + at + 1, (n - at - 1) * sizeof *halves);
	ffi_call((ffi_cif *)(uintptr_t)&plan->split_cif, function, result, halves);
}
