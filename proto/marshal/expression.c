/* SPDX-License-Identifier: MIT */
#include "marshal/steps.h"

#include "base/detail.h"
#include "marshal/scalar.h"

#include <errno.h>

static const Cbb__Type *type_of(const struct builder *builder, const Cbb__Param *param)
{
	return builder->interface->types[param->type];
}

static int check_integral(const struct builder *builder, Cbb__Kind kind)
{
	if (scalar_is_integral(kind))
		return 0;
	return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
	                    "its size counts with something that is not an integer");
}

static int build_param(const struct builder *builder, struct expression *expression)
{
	if (expression->param >= builder->plan->n_params)
		return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its size names parameter %u of %u",
		                    expression->param + 1, builder->plan->n_params);
	const Cbb__Param *param = builder->plan->params[expression->param];
	expression->kind = type_of(builder, param)->kind;
	return check_integral(builder, expression->kind);
}

/* *param and param->field: only through a pointer to elements (or into a struct by value), whose memory is at hand. */
static int build_read(const struct builder *builder, struct expression *expression, uint64_t *reads)
{
	if (expression->param >= builder->plan->n_params)
		return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its size names parameter %u of %u",
		                    expression->param + 1, builder->plan->n_params);
	const Cbb__Param *param = builder->plan->params[expression->param];
	bool is_struct = param->mode == CBB__MODE__MODE_VALUE &&
	                 type_of(builder, param)->kind == CBB__KIND__KIND_STRUCT;
	if (param->mode != CBB__MODE__MODE_ELEMENTS && !is_struct)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "its size reads through parameter %u, which does not point to copied elements. "
		                    "Hint: describe that one with in, out, inout or size()", expression->param + 1);
	*reads |= 1ull << expression->param;
	return check_integral(builder, expression->kind);
}

static int build_self(const struct builder *builder, const struct expression *expression)
{
	size_t bytes = scalar_bytes(expression->kind);
	if (bytes > builder->self_bytes || expression->offset_bytes > builder->self_bytes - bytes)
		return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its size reads beyond the struct");
	return check_integral(builder, expression->kind);
}

static int build_return(const struct builder *builder, struct expression *expression, bool *returns)
{
	*returns = true;
	expression->kind = type_of(builder, builder->plan->result)->kind;
	return check_integral(builder, expression->kind);
}

static int build_operands(struct builder *builder, const Cbb__Expression *source, uint32_t index,
                          struct expression *expression, uint64_t *reads, bool *returns)
{
	if (source->op < CBB__OP__OP_ADD || source->op > CBB__OP__OP_GE)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED, "its size uses operator %d",
		                    (int)source->op);
	if (source->left >= index || source->right >= index || builder->depth >= STEPS_DEPTH_MAX)
		return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE,
		                    "its size is an expression that runs in a circle");
	builder->depth++;
	int r = expression_build(builder, source->left + 1, &expression->left, reads, returns);
	if (r == 0)
		r = expression_build(builder, source->right + 1, &expression->right, reads, returns);
	builder->depth--;
	return r;
}

int expression_build(struct builder *builder, uint32_t index, const struct expression **ret_expression,
                     uint64_t *reads, bool *returns)
{
	if (index == 0)
		return 0;
	index--;
	if (index >= builder->interface->n_expressions)
		return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its size is expression %u of %zu", index,
		                    builder->interface->n_expressions);
	const Cbb__Expression *source = builder->interface->expressions[index];
	struct expression *expression = builder_take(builder, sizeof *expression);
	if (!expression)
		return -ENOMEM;
	*expression = (struct expression){
		.op = source->op, .kind = source->kind, .param = source->param, .name = source->name,
		.constant = source->constant, .offset_bytes = source->offset_bytes,
	};
	int r = 0;
	switch (source->op) {
	case CBB__OP__OP_CONSTANT:
	case CBB__OP__OP_CALL_PARAM:
	case CBB__OP__OP_CALL_DEREF: break;
	case CBB__OP__OP_PARAM: r = build_param(builder, expression); break;
	case CBB__OP__OP_DEREF: expression->offset_bytes = 0; /* fall through */
	case CBB__OP__OP_FIELD: r = build_read(builder, expression, reads); break;
	case CBB__OP__OP_SELF: r = build_self(builder, expression); break;
	case CBB__OP__OP_RETURN: r = build_return(builder, expression, returns); break;
	default: r = build_operands(builder, source, index, expression, reads, returns); break;
	}
	if (r == 0)
		*ret_expression = expression;
	return r;
}
