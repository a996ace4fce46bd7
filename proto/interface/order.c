/* SPDX-License-Identifier: MIT */
#include "interface/order.h"

#include "interface/layout.h"

#include <stddef.h>

_Static_assert(INTERFACE_PARAMS_MAX <= 64, "a parameter is a bit of a uint64_t");

/* The parameters that an expression follows. `reference` is an index + 1, or 0. */
static uint64_t followed_by(const Cbb__Interface *message, uint32_t reference, unsigned depth)
{
	if (reference == 0 || reference > message->n_expressions || depth > INTERFACE_DEPTH_MAX)
		return 0;
	const Cbb__Expression *expression = message->expressions[reference - 1];
	if (expression->op == CBB__OP__OP_DEREF || expression->op == CBB__OP__OP_FIELD)
		return expression->param < INTERFACE_PARAMS_MAX ? (uint64_t)1 << expression->param : 0;
	if (expression->op < CBB__OP__OP_ADD || expression->op > CBB__OP__OP_GE)
		return 0;
	return followed_by(message, expression->left + 1, depth + 1) |
	       followed_by(message, expression->right + 1, depth + 1);
}

/* Those that a parameter and the pointers behind it need. */
static uint64_t needed_by(const Cbb__Interface *message, uint32_t index)
{
	uint64_t needed = 0;
	for (unsigned depth = 0; depth <= INTERFACE_DEPTH_MAX && index < message->n_params; depth++) {
		const Cbb__Param *param = message->params[index];
		needed |= followed_by(message, param->size, 0) | followed_by(message, param->filled, 0);
		for (uint32_t i = 0; param->mode == CBB__MODE__MODE_CASE && i < param->n_cases; i++)
			needed |= needed_by(message, param->first_case + i);
		if (param->mode != CBB__MODE__MODE_ELEMENTS || param->element <= index)
			break;
		index = param->element;
	}
	return needed;
}

int order_find_circle(const Cbb__Interface *message, const Cbb__Function *function)
{
	uint64_t needs[INTERFACE_PARAMS_MAX], known = 0;
	for (uint32_t i = 0; i < function->n; i++)
		needs[i] = needed_by(message, function->first + i);
	for (;;) {
		uint64_t before = known;
		int stuck = -1;
		for (uint32_t i = 0; i < function->n; i++) {
			if ((needs[i] & ~known) == 0)
				known |= (uint64_t)1 << i;
			else if (stuck < 0)
				stuck = (int)i;
		}
		if (stuck < 0 || known == before)
			return stuck;
	}
}

static bool says_call(const Cbb__Interface *message, uint32_t reference, unsigned depth)
{
	if (reference == 0 || depth > INTERFACE_DEPTH_MAX)
		return false;
	const Cbb__Expression *expression = message->expressions[reference - 1];
	if (expression->op < CBB__OP__OP_ADD || expression->op > CBB__OP__OP_GE)
		return expression->op == CBB__OP__OP_CALL_PARAM || expression->op == CBB__OP__OP_CALL_DEREF;
	return says_call(message, expression->left + 1, depth + 1) || says_call(message, expression->right + 1, depth + 1);
}

bool order_uses_call(const Cbb__Interface *message, uint32_t index)
{
	for (;;) {
		const Cbb__Param *param = message->params[index];
		if (says_call(message, param->size, 0) || says_call(message, param->filled, 0))
			return true;
		for (uint32_t i = 0; param->mode == CBB__MODE__MODE_CASE && i < param->n_cases; i++)
			if (order_uses_call(message, param->first_case + i))
				return true;
		if (param->mode != CBB__MODE__MODE_ELEMENTS)
			return false;
		index = param->element;
	}
}

static bool has_name(const Cbb__Interface *message, const Cbb__Function *function, const Cbb__Expression *expression)
{
	for (uint32_t i = 0; i < function->n; i++) {
		const Cbb__Param *param = message->params[function->first + i];
		if (param->name != expression->name)
			continue;
		/* What may change during the call, its two ends do not know alike. */
		if (expression->op == CBB__OP__OP_CALL_DEREF && param->mode == CBB__MODE__MODE_ELEMENTS &&
		    param->direction == CBB__DIRECTION__DIRECTION_IN)
			param = message->params[param->element];
		else if (expression->op == CBB__OP__OP_CALL_DEREF)
			return false;
		return param->mode == CBB__MODE__MODE_VALUE && layout_is_integer(message->types[param->type]->kind);
	}
	return false;
}

static const char *missing_in(const Cbb__Interface *message, const Cbb__Function *function, uint32_t reference,
                              unsigned depth)
{
	if (reference == 0 || depth > INTERFACE_DEPTH_MAX)
		return NULL;
	const Cbb__Expression *expression = message->expressions[reference - 1];
	if (expression->op == CBB__OP__OP_CALL_PARAM || expression->op == CBB__OP__OP_CALL_DEREF)
		return has_name(message, function, expression) ? NULL : interface_name(message, expression->name);
	if (expression->op < CBB__OP__OP_ADD || expression->op > CBB__OP__OP_GE)
		return NULL;
	const char *missing = missing_in(message, function, expression->left + 1, depth + 1);
	return missing ? missing : missing_in(message, function, expression->right + 1, depth + 1);
}

/* Of a parameter or result and the pointers behind it. */
static const char *missing_behind(const Cbb__Interface *message, const Cbb__Function *function, uint32_t index)
{
	for (;;) {
		const Cbb__Param *param = message->params[index];
		const char *missing = missing_in(message, function, param->size, 0);
		if (!missing)
			missing = missing_in(message, function, param->filled, 0);
		for (uint32_t i = 0; param->mode == CBB__MODE__MODE_CASE && !missing && i < param->n_cases; i++)
			missing = missing_behind(message, function, param->first_case + i);
		if (missing || param->mode != CBB__MODE__MODE_ELEMENTS)
			return missing;
		index = param->element;
	}
}

static const char *missing_for(const Cbb__Interface *message, const Cbb__Function *function, const Cbb__Param *callback)
{
	const Cbb__Type *type = message->types[message->types[callback->type]->target];
	const Cbb__Function *taken = message->functions[type->function];
	const char *missing = missing_behind(message, function, taken->result);
	for (uint32_t i = 0; i < taken->n && !missing; i++)
		missing = missing_behind(message, function, taken->first + i);
	return missing;
}

static const char *missing_within(const Cbb__Interface *message, const Cbb__Function *function, uint32_t index,
                                  unsigned depth)
{
	const Cbb__Param *param = message->params[index];
	const Cbb__Type *type = message->types[param->type];
	const char *missing = NULL;
	if (depth > 2 * INTERFACE_DEPTH_MAX || param->scope > CBB__SCOPE__SCOPE_CALL)
		return NULL;
	if (param->mode == CBB__MODE__MODE_CALLBACK)
		return missing_for(message, function, param);
	if (param->mode == CBB__MODE__MODE_ELEMENTS)
		return missing_within(message, function, param->element, depth + 1);
	while (param->mode == CBB__MODE__MODE_VALUE && type->kind == CBB__KIND__KIND_ARRAY)
		type = message->types[type->target];
	bool is_struct = param->mode == CBB__MODE__MODE_VALUE && type->kind == CBB__KIND__KIND_STRUCT;
	for (uint32_t i = 0; is_struct && !missing && i < type->n; i++)
		missing = missing_within(message, function, type->first + i, depth + 1);
	return missing;
}

const char *order_missing_name(const Cbb__Interface *message, const Cbb__Function *function, uint32_t param)
{
	return missing_within(message, function, param, 0);
}
