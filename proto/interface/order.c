/* SPDX-License-Identifier: MIT */
#include "interface/order.h"

#include "interface/layout.h"

#include <stdbool.h>
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
		if (missing || param->mode != CBB__MODE__MODE_ELEMENTS)
			return missing;
		index = param->element;
	}
}

const char *order_missing_name(const Cbb__Interface *message, const Cbb__Function *function, const Cbb__Param *callback)
{
	const Cbb__Type *type = message->types[message->types[callback->type]->target];
	const Cbb__Function *taken = message->functions[type->function];
	const char *missing = missing_behind(message, function, taken->result);
	for (uint32_t i = 0; i < taken->n && !missing; i++)
		missing = missing_behind(message, function, taken->first + i);
	return missing;
}
