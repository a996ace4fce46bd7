/* SPDX-License-Identifier: MIT */
#include "interface/verify.h"

#include "interface/layout.h"

static bool is_operator(Cbb__Op op)
{
	return (op >= CBB__OP__OP_ADD && op <= CBB__OP__OP_MAX) || (op >= CBB__OP__OP_EQ && op <= CBB__OP__OP_GE);
}

int verify_expression_table(const Cbb__Interface *message)
{
	for (size_t i = 0; i < message->n_expressions; i++) {
		const Cbb__Expression *expression = message->expressions[i];
		if (expression->op < CBB__OP__OP_CONSTANT || expression->op > CBB__OP__OP_CALL_DEREF)
			return verify_fail("expression %zu has the unknown operator %d", i, (int)expression->op);
		if (is_operator(expression->op) && (expression->left >= i || expression->right >= i))
			return verify_fail("expression %zu does not refer backwards", i);
	}
	return 0;
}

/* The field that holds this offset; fields are in order of their places. */
static const Cbb__Param *field_at(const Cbb__Interface *message, const Cbb__Type *type, uint64_t offset)
{
	uint32_t low = 0, high = type->n;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (message->params[type->first + middle]->offset_bytes <= offset)
			low = middle;
		else
			high = middle;
	}
	return high > low ? message->params[type->first + low] : NULL;
}

/* Whether an integer of that kind is at that place of the struct, or of a struct in it. */
static bool has_integer(const Cbb__Interface *message, const Cbb__Type *type, uint64_t offset, Cbb__Kind kind)
{
	for (unsigned depth = 0; depth < INTERFACE_DEPTH_MAX && type->kind == CBB__KIND__KIND_STRUCT && !type->is_union;
	     depth++) {
		const Cbb__Param *field = field_at(message, type, offset);
		if (!field || field->mode != CBB__MODE__MODE_VALUE || field->offset_bytes > offset)
			return false;
		offset -= field->offset_bytes;
		type = message->types[field->type];
	}
	return offset == 0 && type->kind == kind && layout_is_integer(kind);
}

static const Cbb__Type *element_type(const struct verify *verify, const Cbb__Param *param)
{
	const Cbb__Param *element = verify->message->params[param->element];
	return element->mode == CBB__MODE__MODE_VALUE ? verify->message->types[element->type] : verify->message->types[0];
}

static int verify_param_operand(const struct verify *verify, const Cbb__Expression *expression, bool is_late)
{
	const Cbb__Interface *message = verify->message;
	if (!verify->function || expression->param >= verify->function->n)
		return verify_fail("an expression refers to a parameter that is not there");
	const Cbb__Param *param = message->params[verify->function->first + expression->param];
	if (expression->op == CBB__OP__OP_PARAM)
		return param->mode == CBB__MODE__MODE_VALUE && layout_is_integer(message->types[param->type]->kind)
		           ? 0
		           : verify_fail("an expression uses a parameter that is no integer");
	if (param->mode != CBB__MODE__MODE_ELEMENTS || (!is_late && param->direction == CBB__DIRECTION__DIRECTION_OUT))
		return verify_fail("an expression follows a pointer that is not known then");
	const Cbb__Type *type = element_type(verify, param);
	bool is_there = expression->op == CBB__OP__OP_DEREF
	                    ? type->kind == expression->kind && layout_is_integer(expression->kind)
	                    : type->kind == CBB__KIND__KIND_STRUCT &&
	                          has_integer(message, type, expression->offset_bytes, expression->kind);
	return is_there ? 0 : verify_fail("an expression follows a pointer to something that is no integer");
}

static int verify_operand(const struct verify *verify, const Cbb__Expression *expression, bool is_late)
{
	const Cbb__Interface *message = verify->message;
	const Cbb__Param *result;
	switch (expression->op) {
	case CBB__OP__OP_CONSTANT:
		return 0;
	case CBB__OP__OP_PARAM: case CBB__OP__OP_DEREF: case CBB__OP__OP_FIELD:
		return verify_param_operand(verify, expression, is_late);
	case CBB__OP__OP_SELF:
		return verify->structure && has_integer(message, verify->structure, expression->offset_bytes, expression->kind)
		           ? 0
		           : verify_fail("an expression uses a field that is no integer");
	case CBB__OP__OP_RETURN:
		if (!verify->function || !is_late)
			return verify_fail("an expression uses a result that is not known then");
		result = message->params[verify->function->result];
		return result->mode == CBB__MODE__MODE_VALUE && layout_is_integer(message->types[result->type]->kind)
		           ? 0
		           : verify_fail("an expression uses a result that is no integer");
	default: /* CALL_PARAM, CALL_DEREF */
		if (!verify->function || !verify->function->is_type || expression->name == 0 ||
		    expression->name >= message->n_names)
			return verify_fail("an expression uses a call that is not there");
		return 0;
	}
}

static int verify_tree(const struct verify *verify, uint32_t index, bool is_late, unsigned depth)
{
	const Cbb__Expression *expression = verify->message->expressions[index];
	if (depth > INTERFACE_DEPTH_MAX)
		return verify_fail("expression %u is deeper than %d", index, INTERFACE_DEPTH_MAX);
	if (!is_operator(expression->op))
		return verify_operand(verify, expression, is_late);
	int r = verify_tree(verify, expression->left, is_late, depth + 1);
	return r < 0 ? r : verify_tree(verify, expression->right, is_late, depth + 1);
}

static bool is_of_values(const Cbb__Interface *message, uint32_t index)
{
	const Cbb__Expression *expression = message->expressions[index];
	if (!is_operator(expression->op))
		return expression->op == CBB__OP__OP_CONSTANT || expression->op == CBB__OP__OP_PARAM;
	return is_of_values(message, expression->left) && is_of_values(message, expression->right);
}

int verify_selector(const struct verify *verify, uint32_t reference)
{
	int r = reference ? verify_expression(verify, reference, false) : verify_fail("nothing chooses a case");
	return r < 0 || is_of_values(verify->message, reference - 1) ? r : verify_fail("a case is chosen by what is not known");
}

int verify_expression(const struct verify *verify, uint32_t reference, bool is_late)
{
	if (reference == 0)
		return 0;
	if (reference > verify->message->n_expressions)
		return verify_fail("expression %u is not there", reference - 1);
	return verify_tree(verify, reference - 1, is_late, 1);
}
