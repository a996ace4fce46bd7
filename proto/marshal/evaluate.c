/* SPDX-License-Identifier: MIT */
#include "marshal/evaluate.h"

#include "marshal/walk.h"

#include <string.h>

typedef __int128 number;

#define NUMBER_MIN ((number)INT64_MIN)
#define NUMBER_MAX ((number)UINT64_MAX)

static int fail(const struct walk *walk, const char *words)
{
	return walk_fail(walk, NULL, walk->fault, "cannot be sized: %s", words);
}

/* Pointers count as NULL or not, sentinels as themselves: addresses differ between the two ends. */
static number load_pointer(const Cbb__Param *param, const void *at)
{
	uintptr_t value;
	memcpy(&value, at, sizeof value);
	for (size_t i = 0; i < param->n_values; i++)
		if (param->values[i] == value)
			return (int64_t)value;
	return value != 0;
}

static inline number load(Cbb__Kind kind, const void *at)
{
	uint64_t word = scalar_load(kind, at);
	bool is_signed = kind == CBB__KIND__KIND_I8 || kind == CBB__KIND__KIND_I16 || kind == CBB__KIND__KIND_I32 ||
	                 kind == CBB__KIND__KIND_I64;
	return is_signed ? (number)(int64_t)word : (number)word;
}

/* A scalar `offset` into what a parameter points to. */
static int read_through(const struct walk *walk, const struct marshal_extent *extent, Cbb__Kind kind, size_t offset,
                        number *ret_value)
{
	size_t bytes = scalar_bytes(kind);
	if (!extent || !extent->now)
		return fail(walk, "its size is read through a pointer that is NULL or not copied");
	if (bytes > extent->now_bytes || offset > extent->now_bytes - bytes)
		return fail(walk, "its size is read beyond the end of what a pointer points to");
	*ret_value = load(kind, (const uint8_t *)extent->now + offset);
	return 0;
}

/* The same name is mostly the same index; two interfaces number names each for itself. */
static int find_call_param(const struct plan *plan, const Cbb__Interface *interface, uint32_t name)
{
	if (plan->interface == interface) {
		const uint32_t *names = plan->steps->names;
		for (uint32_t i = 0; i < plan->n_params; i++)
			if (names[i] == name)
				return (int)i;
	}
	const ProtobufCBinaryData *wanted = &interface->names[name];
	for (uint32_t i = 0; i < plan->n_params; i++) {
		const ProtobufCBinaryData *have = &plan->interface->names[plan->params[i]->name];
		if (have->len == wanted->len && memcmp(have->data, wanted->data, have->len) == 0)
			return (int)i;
	}
	return -1;
}

static int read_call(const struct walk *walk, const struct expression *expression, number *ret_value)
{
	const struct marshal_frame *call = walk->frame->call;
	if (!call)
		return fail(walk, "it is sized by a parameter of the native call it runs under, and there is none");
	const Cbb__Interface *interface = walk->frame->plan->interface;
	int index = find_call_param(call->plan, interface, expression->name);
	if (index < 0) {
		const ProtobufCBinaryData *name = &interface->names[expression->name];
		return walk_fail(walk, NULL, walk->fault, "cannot be sized: call.%.*s, but %s has no such parameter",
		                 (int)name->len, (const char *)name->data, call->plan->name);
	}
	const struct step *step = &call->plan->steps->parameters[index];
	if (expression->op == CBB__OP__OP_CALL_PARAM && step->what == STEP_SCALAR && scalar_is_integral(step->kind)) {
		*ret_value = load(step->kind, call->arguments[index]);
		return 0;
	}
	/* What native code writes meanwhile, only the host sees. */
	if (expression->op == CBB__OP__OP_CALL_DEREF && step->out)
		return fail(walk, "what sizes it may change during the native call it runs under");
	if (expression->op == CBB__OP__OP_CALL_DEREF && step->pointer && scalar_is_integral(step->pointer->scalar))
		return read_through(walk, call->extents ? &call->extents[index] : NULL, step->pointer->scalar, 0,
		                    ret_value);
	return fail(walk, "the parameter of the native call that sizes it is not an integer");
}

static int operate(const struct walk *walk, Cbb__Op op, number left, number right, number *ret_value)
{
	number value;
	switch (op) {
	case CBB__OP__OP_ADD: value = left + right; break;
	case CBB__OP__OP_SUB: value = left - right; break;
	case CBB__OP__OP_MUL:
		if (__builtin_mul_overflow(left, right, &value))
			return fail(walk, "a product wraps around");
		break;
	case CBB__OP__OP_DIV:
		if (right == 0)
			return fail(walk, "a division by zero");
		value = left / right;
		break;
	case CBB__OP__OP_MIN: value = left < right ? left : right; break;
	case CBB__OP__OP_MAX: value = left > right ? left : right; break;
	case CBB__OP__OP_EQ: value = left == right; break;
	case CBB__OP__OP_NE: value = left != right; break;
	case CBB__OP__OP_LT: value = left < right; break;
	case CBB__OP__OP_LE: value = left <= right; break;
	case CBB__OP__OP_GT: value = left > right; break;
	default: value = left >= right; break;
	}
	if (value < NUMBER_MIN || value > NUMBER_MAX)
		return fail(walk, "a number beyond 64 bits: it would wrap around");
	*ret_value = value;
	return 0;
}

static int read_return(const struct walk *walk, const struct expression *expression, number *ret_value)
{
	if (!walk->result)
		return fail(walk, "it depends on the result, which is not there");
	const struct plan *plan = walk->frame->plan;
	*ret_value = expression->kind == CBB__KIND__KIND_POINTER ? load_pointer(plan->result, walk->result)
	                                                         : load(expression->kind, walk->result);
	return 0;
}

static int read_self(const struct walk *walk, const struct expression *expression, number *ret_value)
{
	if (!walk->self)
		return fail(walk, "it is sized by a field of a struct, and is in none");
	*ret_value = load(expression->kind, (const uint8_t *)walk->self + expression->offset_bytes);
	return 0;
}

int evaluate(struct walk *walk, const struct expression *expression, __int128 *ret_value)
{
	const struct marshal_frame *frame = walk->frame;
	uint32_t param = expression->param;
	switch (expression->op) {
	case CBB__OP__OP_CONSTANT: *ret_value = expression->constant; return 0;
	case CBB__OP__OP_PARAM:
		*ret_value = expression->kind == CBB__KIND__KIND_POINTER
		                     ? load_pointer(frame->plan->params[param], frame->arguments[param])
		                     : load(expression->kind, frame->arguments[param]);
		return 0;
	case CBB__OP__OP_DEREF:
	case CBB__OP__OP_FIELD:
		return read_through(walk, frame->extents ? &frame->extents[param] : NULL, expression->kind,
		                    expression->offset_bytes, ret_value);
	case CBB__OP__OP_SELF: return read_self(walk, expression, ret_value);
	case CBB__OP__OP_CALL_PARAM:
	case CBB__OP__OP_CALL_DEREF: return read_call(walk, expression, ret_value);
	case CBB__OP__OP_RETURN: return read_return(walk, expression, ret_value);
	default: break;
	}
	number left, right;
	int r = evaluate(walk, expression->left, &left);
	if (r == 0)
		r = evaluate(walk, expression->right, &right);
	return r < 0 ? r : operate(walk, expression->op, left, right, ret_value);
}

int evaluate_size(struct walk *walk, const struct pointer *pointer, const struct expression *expression,
                  size_t *ret_bytes)
{
	number n;
	int r = evaluate(walk, expression, &n);
	if (r < 0)
		return r;
	size_t bytes, unit = pointer->size_in_bytes ? 1 : pointer->unit;
	if (n < 0)
		return walk_fail(walk, pointer->param, walk->fault, "has a negative size: %lld", (long long)n);
	if (__builtin_mul_overflow((uint64_t)n, unit, &bytes) || bytes > PTRDIFF_MAX)
		return walk_fail(walk, pointer->param, walk->fault,
		                 "has a size that wraps around: %llu elements of %zu bytes", (unsigned long long)n, unit);
	*ret_bytes = bytes;
	return 0;
}

bool marshal_condition(struct marshal_frame *frame, uint32_t closes_when)
{
	if (closes_when == 0)
		return true;
	struct walk walk = {.frame = frame, .fault = CBB__STATUS__STATUS_INTERFACE, .result = frame->result};
	for (; walk.argument < frame->plan->n_params; walk.argument++) {
		number value;
		if (frame->plan->params[walk.argument]->closes_when != closes_when)
			continue;
		const struct step *step = &frame->plan->steps->parameters[walk.argument];
		return step->closes_when && evaluate(&walk, step->closes_when, &value) == 0 && value != 0;
	}
	return false;
}
