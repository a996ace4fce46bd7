/* SPDX-License-Identifier: MIT */
#include "marshal/steps.h"

#include "base/detail.h"
#include "marshal/format.h"
#include "marshal/scalar.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *builder_take(struct builder *builder, size_t size)
{
	void *at = arena_take(builder->arena, size);
	if (at)
		memset(at, 0, size);
	return at;
}

int builder_fail(const struct builder *builder, int code, const char *format, ...)
{
	char words[DETAIL_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	const struct plan *plan = builder->plan;
	if (builder->argument >= plan->n_params)
		return detail_set(code, "function %s: the result: %s", plan->name, words);
	const Cbb__Param *param = plan->params[builder->argument];
	const ProtobufCBinaryData *name = &builder->interface->names[param->name];
	return detail_set(code, "function %s: parameter %u '%.*s': %s", plan->name, builder->argument + 1,
	                  (int)name->len, (const char *)name->data, words);
}

/* ---- Pointers ---- */

static bool is_own(const Cbb__Param *param)
{
	return param->free_function || param->lifetime != CBB__LIFETIME__LIFETIME_RECENT;
}

/* Outlives the call: `lifetime(call)` does not. */
static bool is_kept(const Cbb__Param *param)
{
	return param->free_function || (is_own(param) && param->lifetime != CBB__LIFETIME__LIFETIME_CALL);
}

static int build_elements(struct builder *builder, const Cbb__Param *param, struct pointer *pointer)
{
	const Cbb__Param *element = builder->interface->params[param->element];
	const Cbb__Type *type = builder->interface->types[element->type];
	bool is_value = element->mode == CBB__MODE__MODE_VALUE;
	pointer->unit = type->size_bytes;
	if (is_value && type->kind == CBB__KIND__KIND_VOID)
		pointer->unit = 1;
	if (pointer->unit == 0)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "it points to a type whose size is not known. Hint: handle");
	pointer->zero_bytes = type->kind == CBB__KIND__KIND_LONG_DOUBLE ? LONG_DOUBLE_BYTES : pointer->unit;
	if (is_value && scalar_bytes(type->kind))
		pointer->scalar = type->kind;
	const Cbb__Param *lender = param->direction & CBB__DIRECTION__DIRECTION_OUT ? param : NULL;
	int r = shape_of_param(builder, param->element, lender, &pointer->shape);
	if (r == 0)
		r = expression_build(builder, param->size, &pointer->size, &pointer->size_reads, &pointer->size_returns);
	if (r == 0)
		r = expression_build(builder, param->filled, &pointer->filled, &pointer->filled_reads,
		                     &pointer->filled_returns);
	pointer->size_in_bytes = param->size_in_bytes;
	pointer->scanned = (param->zero || param->text) && !pointer->filled;
	if (pointer->shape) {
		pointer->below_reads = pointer->shape->reads;
		pointer->bases = pointer->shape->bases;
		pointer->below_returns = pointer->shape->returns;
		pointer->releases = pointer->shape->releases;
		pointer->has_callbacks = pointer->shape->has_callbacks;
	}
	return r;
}

/* The word 1 says that a block follows: it cannot also be a sentinel. */
static int check_values(const struct builder *builder, const Cbb__Param *param)
{
	for (size_t i = 0; i < param->n_values; i++) {
		if (param->values[i] == 1)
			return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
			                    "values(1) cannot be told from copied memory. Hint: handle, if it is an address");
	}
	return 0;
}

/* The target of into(p) must be memory whose place and extent are known here. */
static int build_into(const struct builder *builder, struct pointer *pointer)
{
	uint32_t into = pointer->param->into;
	const struct plan *plan = builder->plan;
	if (into >= plan->n_params || (plan->params[into]->mode != CBB__MODE__MODE_ELEMENTS &&
	                               plan->params[into]->mode != CBB__MODE__MODE_STRING))
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "into() needs a parameter with a copied buffer or a string");
	pointer->bases |= 1ull << into;
	return 0;
}

static int build_kind(const struct builder *builder, struct pointer *pointer)
{
	const Cbb__Type *type = builder->interface->types[pointer->param->type];
	while (type->kind == CBB__KIND__KIND_ARRAY)
		type = builder->interface->types[type->target];
	pointer->kind = type->kind;
	if (type->kind == CBB__KIND__KIND_POINTER)
		return 0;
	if (pointer->mode == CBB__MODE__MODE_USERDATA && scalar_is_integral(type->kind) &&
	    scalar_bytes(type->kind) == sizeof(void *))
		return 0;
	return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
	                    "user data must be a pointer or an integer of its size");
}

static int pointer_fill(struct builder *builder, const Cbb__Param *param, const Cbb__Param *lender,
                        struct pointer *pointer)
{
	const Cbb__Param *keep = lender && !is_own(param) ? lender : param;
	*pointer = (struct pointer){
		.param = param, .keep = keep, .mode = param->mode,
		.has_blocks = param->mode == CBB__MODE__MODE_ELEMENTS || param->mode == CBB__MODE__MODE_STRING,
	};
	int r = build_kind(builder, pointer);
	if (r == 0 && pointer->has_blocks)
		r = check_values(builder, param);
	if (r == 0 && param->mode == CBB__MODE__MODE_ELEMENTS)
		r = build_elements(builder, param, pointer);
	else if (r == 0 && param->mode == CBB__MODE__MODE_INTO)
		r = build_into(builder, pointer);
	pointer->releases |= pointer->has_blocks && keep->free_function;
	pointer->has_callbacks |= param->mode == CBB__MODE__MODE_CALLBACK;
	pointer->is_kept = pointer->has_blocks && param->direction == CBB__DIRECTION__DIRECTION_IN && is_kept(param);
	return r;
}

int pointer_build(struct builder *builder, uint32_t index, const Cbb__Param *lender,
                  const struct pointer **ret_pointer)
{
	if (!builder->pointers[index]) {
		if (builder->depth >= STEPS_DEPTH_MAX)
			return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its pointers are nested too deep");
		struct pointer *pointer = builder_take(builder, sizeof *pointer);
		if (!pointer)
			return -ENOMEM;
		builder->depth++;
		int r = pointer_fill(builder, builder->interface->params[index], lender, pointer);
		builder->depth--;
		if (r < 0)
			return r;
		builder->pointers[index] = pointer;
	}
	*ret_pointer = builder->pointers[index];
	return 0;
}

/* ---- Parameters and the result ---- */

static int refuse(const struct builder *builder, const char *words)
{
	return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED, "%s", words);
}

/* What has no clear meaning in this direction. */
static int check_direction(const struct builder *builder, const struct step *step)
{
	const struct pointer *pointer = step->pointer;
	if (!pointer->has_blocks)
		return 0;
	if (step->in && step->out && pointer->shape && pointer->shape->has_loose)
		return refuse(builder, "inout with pointers inside that are not fields and to const is not carried: a copy "
		                       "cannot follow what is done to them. Hint: in, or out");
	if (step->out && pointer->scanned && !pointer->size)
		return refuse(builder, "out needs to know how large the buffer is. Hint: size(n)");
	if (pointer->mode == CBB__MODE__MODE_STRING && pointer->param->direction > CBB__DIRECTION__DIRECTION_IN)
		return refuse(builder, "a string that comes back needs the size of its buffer. Hint: out, string, size(n)");
	if (!step->out && pointer->param->free_function)
		return refuse(builder, "transfer of memory that goes in is not carried. Hint: lifetime(owner(handle)), if "
		                       "native code only keeps it");
	return 0;
}

static int build_pointer_step(struct builder *builder, uint32_t index, struct step *step)
{
	step->what = STEP_POINTER;
	int r = pointer_build(builder, index, NULL, &step->pointer);
	if (r < 0)
		return r;
	const Cbb__Param *param = step->pointer->param;
	step->kind = step->pointer->kind;
	if (param->mode == CBB__MODE__MODE_ELEMENTS && param->direction != CBB__DIRECTION__DIRECTION_NONE) {
		step->in = param->direction & CBB__DIRECTION__DIRECTION_IN;
		step->out = param->direction & CBB__DIRECTION__DIRECTION_OUT;
	}
	bool is_result = step->argument == builder->plan->n_params;
	return is_result ? 0 : check_direction(builder, step);
}

int step_build(struct builder *builder, uint32_t index, uint32_t argument, struct step *step)
{
	const Cbb__Param *param = builder->interface->params[index];
	const Cbb__Type *type = builder->interface->types[param->type];
	builder->argument = argument;
	*step = (struct step){.kind = type->kind, .argument = argument, .bytes = type->size_bytes, .in = true};
	uint64_t reads = 0;
	bool returns = false;
	if (param->mode == CBB__MODE__MODE_VA_LIST) {
		step->what = STEP_VOID; /* its format passes it */
		return format_check_machine(builder);
	}
	if (param->mode == CBB__MODE__MODE_CASE)
		return choices_build(builder, index, step);
	if (param->mode != CBB__MODE__MODE_VALUE) {
		int r = build_pointer_step(builder, index, step);
		return r < 0 ? r : expression_build(builder, param->closes_when, &step->closes_when, &reads, &returns);
	}
	switch (type->kind) {
	case CBB__KIND__KIND_VOID: step->what = STEP_VOID; break;
	case CBB__KIND__KIND_LONG_DOUBLE: step->what = STEP_LONG_DOUBLE; break;
	case CBB__KIND__KIND_STRUCT: step->what = STEP_STRUCT; break;
	case CBB__KIND__KIND_POINTER:
	case CBB__KIND__KIND_ARRAY:
	case CBB__KIND__KIND_FUNCTION:
		return refuse(builder, "nothing describes this pointer. Hint: handle, in, out, size()");
	default: step->what = STEP_SCALAR; break;
	}
	if (step->what == STEP_VOID && argument < builder->plan->n_params)
		return refuse(builder, "a parameter cannot be void");
	return step->what == STEP_STRUCT ? shape_of_type(builder, param->type, &step->shape) : 0;
}

int steps_build(struct builder *builder, struct steps *steps)
{
	const struct plan *plan = builder->plan;
	steps->parameters = builder_take(builder, plan->n_params * sizeof *steps->parameters);
	steps->names = builder_take(builder, plan->n_params * sizeof *steps->names);
	if (!steps->parameters || !steps->names)
		return -ENOMEM;
	for (uint32_t i = 0; i < plan->n_params; i++) {
		steps->names[i] = plan->params[i]->name;
		int r = step_build(builder, plan->function->first + i, i, &steps->parameters[i]);
		if (r < 0)
			return r;
		const struct pointer *pointer = steps->parameters[i].pointer;
		steps->has_extents |= steps->parameters[i].what == STEP_STRUCT || (pointer && pointer->has_blocks);
		steps->has_extents |= steps->parameters[i].what == STEP_CASE;
		steps->releases |= steps->parameters[i].out && (!pointer || pointer->releases);
	}
	int r = step_build(builder, plan->function->result, plan->n_params, &steps->result);
	if (r < 0)
		return r;
	const struct step *result = &steps->result;
	steps->releases |= (result->pointer && result->pointer->releases) || (result->shape && result->shape->releases);
	return 0;
}
