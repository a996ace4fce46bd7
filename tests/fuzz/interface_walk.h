/* SPDX-License-Identifier: MIT */
/*
 * Walks over a checked interface as those do who rely on it: each name, type, parameter and expression. What
 * interface_check() let through must not lead it astray, nor far.
 */
#ifndef CBB_FUZZ_INTERFACE_WALK_H
#define CBB_FUZZ_INTERFACE_WALK_H

#include "interface/check.h"

#include <stdlib.h>

#define WALK_STEPS_MAX (1u << 24)

struct walk {
	const Cbb__Interface *message;
	unsigned steps;
};

static inline void walk_step(struct walk *walk, unsigned depth)
{
	if (++walk->steps > WALK_STEPS_MAX || depth > INTERFACE_DEPTH_MAX)
		abort();
}

static inline void walk_expression(struct walk *walk, uint32_t reference, unsigned depth)
{
	if (reference == 0)
		return;
	const Cbb__Expression *expression = walk->message->expressions[reference - 1];
	walk_step(walk, depth);
	if (expression->op >= CBB__OP__OP_ADD && expression->op <= CBB__OP__OP_GE) {
		walk_expression(walk, expression->left + 1, depth + 1);
		walk_expression(walk, expression->right + 1, depth + 1);
	}
}

static inline void walk_param(struct walk *walk, uint32_t index, unsigned depth)
{
	const Cbb__Param *param = walk->message->params[index];
	const Cbb__Type *type = walk->message->types[param->type];
	walk_step(walk, depth);
	walk_expression(walk, param->size, 1);
	walk_expression(walk, param->filled, 1);
	walk_expression(walk, param->closes_when, 1);
	walk_expression(walk, param->selector, 1);
	if (param->mode == CBB__MODE__MODE_ELEMENTS)
		walk_param(walk, param->element, depth + 1);
	for (uint32_t i = 0; param->mode == CBB__MODE__MODE_CASE && i < param->n_cases; i++)
		walk_param(walk, param->first_case + i, depth + 1);
	while (type->kind == CBB__KIND__KIND_ARRAY)
		type = walk->message->types[type->target];
	for (uint32_t i = 0; param->mode == CBB__MODE__MODE_VALUE && type->kind == CBB__KIND__KIND_STRUCT && i < type->n;
	     i++)
		walk_param(walk, type->first + i, depth + 1);
}

static inline void walk_interface(const Cbb__Interface *message)
{
	struct walk walk = {.message = message};
	for (uint32_t i = 0; i < message->n_names; i++)
		if (!interface_name(message, i))
			abort();
	for (uint32_t i = 0; i < message->n_types && i < 64; i++)
		if (!*interface_type_name(message, i))
			abort();
	for (uint32_t i = 0; i < message->n_functions; i++) {
		const Cbb__Function *function = message->functions[i];
		walk_param(&walk, function->result, 1);
		for (uint32_t j = 0; j < function->n; j++)
			walk_param(&walk, function->first + j, 1);
		if (i < 16 && !function->is_type &&
		    interface_find_function(message, interface_name(message, function->name)) < 0)
			abort();
	}
	for (uint32_t i = 0; i < message->n_typedefs && i < 16; i++)
		(void)interface_find_callback_type(message, interface_name(message, message->typedefs[i]->name));
}

#endif
