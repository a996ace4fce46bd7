/* SPDX-License-Identifier: MIT */
#include "interface/emit.h"

#include "interface/check.h"
#include "interface/expression.h"
#include "interface/layout.h"

#define OPERANDS "parameters, *parameter, parameter->field, return, call.parameter, constants"

struct described *scene_find(struct scene *scene, const struct token *name)
{
	for (size_t i = 0; i < scene->n; i++)
		if (token_same(&scene->items[i].declared->name, name))
			return &scene->items[i];
	return NULL;
}

uint32_t scene_number(const struct scene *scene, const struct described *item)
{
	return (uint32_t)(item - scene->items);
}

static Cbb__Expression *add(struct scene *scene, Cbb__Op op, uint32_t *ret_reference)
{
	uint32_t index = 0;
	Cbb__Expression *expression = model_add_expression(&scene->parser->model, &index);
	expression->op = op;
	*ret_reference = index + 1;
	return expression;
}

int emit_constant(struct scene *scene, int64_t value, uint32_t *ret_reference)
{
	add(scene, CBB__OP__OP_CONSTANT, ret_reference)->constant = value;
	return 0;
}

static int fail_unknown(struct scene *scene, const struct token *name)
{
	bool is_field = scene->structure != NULL;
	return fail_at(name,
	               is_field ? "an expression in a struct is made of its fields and constants"
	                        : "an expression is made of " OPERANDS "; call.name is a parameter of the native call that "
	                          "a callback runs under",
	               "'%.*s' is no %s here", TOKEN_TEXT(name), is_field ? "field" : "parameter");
}

/* The parameter that a node names; fails if there is none. */
static int find_param(struct scene *scene, const struct node *node, struct described **ret_item)
{
	struct described *item = scene_find(scene, &node->token);
	if (!item)
		return fail_unknown(scene, &node->token);
	*ret_item = item;
	return 0;
}

static int fail_type(struct scene *scene, const struct node *node, const struct described *item, const char *hint)
{
	return fail_at(&node->token, hint, "%s has no whole number to give", describe_subject(scene, item));
}

static int emit_name(struct scene *scene, const struct node *node, uint32_t *ret_reference)
{
	struct model *model = &scene->parser->model;
	struct described *item = NULL;
	int r = find_param(scene, node, &item);
	if (r < 0)
		return r;
	const Cbb__Param *param = model_param(model, item->param);
	Cbb__Kind kind = model_type(model, param->type)->kind;
	if (param->mode != CBB__MODE__MODE_VALUE || !layout_is_integer(kind))
		return fail_type(scene, node, item, "name an integer, or follow a pointer: *parameter, parameter->field");
	if (scene->structure) {
		Cbb__Expression *self = add(scene, CBB__OP__OP_SELF, ret_reference);
		self->offset_bytes = param->offset_bytes;
		self->kind = kind;
	} else {
		add(scene, CBB__OP__OP_PARAM, ret_reference)->param = scene_number(scene, item);
	}
	return 0;
}

/* A parameter that points to elements which are known at that moment. */
static int find_pointer(struct scene *scene, const struct node *node, enum phase phase, struct described **ret_item)
{
	int r = find_param(scene, node, ret_item);
	if (r < 0)
		return r;
	if (scene->structure)
		return fail_at(&node->token, "an expression in a struct is made of its own integer fields",
		               "a pointer cannot be followed here");
	const Cbb__Param *param = model_param(&scene->parser->model, (*ret_item)->param);
	if (param->mode != CBB__MODE__MODE_ELEMENTS)
		return fail_at(&node->token, "it needs [in], [out] or [inout], or const", "%s cannot be followed",
		               describe_subject(scene, *ret_item));
	if (phase == PHASE_BEFORE && param->direction == CBB__DIRECTION__DIRECTION_OUT)
		return fail_at(&node->token, "make that parameter [inout], or use what is known before the call",
		               "the size is needed before the call, and %s is out", describe_subject(scene, *ret_item));
	return 0;
}

static int emit_deref(struct scene *scene, const struct node *node, enum phase phase, uint32_t *ret_reference)
{
	struct model *model = &scene->parser->model;
	struct described *item = NULL;
	int r = find_pointer(scene, node->left, phase, &item);
	if (r < 0)
		return r;
	const Cbb__Param *element = model_param(model, model_param(model, item->param)->element);
	Cbb__Kind kind = model_type(model, element->type)->kind;
	if (element->mode != CBB__MODE__MODE_VALUE || !layout_is_integer(kind))
		return fail_type(scene, node, item, "it must point to an integer");
	Cbb__Expression *expression = add(scene, CBB__OP__OP_DEREF, ret_reference);
	expression->param = scene_number(scene, item);
	expression->kind = kind;
	return 0;
}

static const Cbb__Param *find_field(struct model *model, const Cbb__Type *type, const struct token *name)
{
	for (uint32_t i = 0; i < type->n; i++) {
		const Cbb__Param *field = model_param(model, type->first + i);
		const ProtobufCBinaryData *text = &model->message->names[field->name];
		if (token_same(&(struct token){.text = (const char *)text->data, .size = (uint32_t)text->len}, name))
			return field;
	}
	return NULL;
}

/* param->a.b: the struct that a node stands for, and where in it; follows the tree down to the parameter. */
static int walk_members(struct scene *scene, const struct node *node, enum phase phase, struct described **ret_item,
                        uint32_t *ret_type, uint64_t *ret_offset)
{
	struct model *model = &scene->parser->model;
	int r;
	if (node->kind == NODE_NAME) {
		r = find_pointer(scene, node, phase, ret_item);
		if (r < 0)
			return r;
		*ret_type = model_param(model, model_param(model, (*ret_item)->param)->element)->type;
		*ret_offset = 0;
		return 0;
	}
	r = walk_members(scene, node->left, phase, ret_item, ret_type, ret_offset);
	if (r < 0)
		return r;
	const Cbb__Type *type = model_type(model, *ret_type);
	if (type->is_union)
		return fail_at(&node->token, "use a field beside the union, or another parameter",
		               "members of unions have no place in expressions");
	const Cbb__Param *field = type->kind == CBB__KIND__KIND_STRUCT ? find_field(model, type, &node->token) : NULL;
	if (!field)
		return fail_at(&node->token, "the struct must be complete and have that field", "there is no field '%.*s'",
		               TOKEN_TEXT(&node->token));
	if ((node->operator_mark == MARK_ARROW) != (node->left->kind == NODE_NAME))
		return fail_at(&node->token, "only the parameter itself is followed: parameter->field.part",
		               "'->' stands behind a parameter, '.' behind a field");
	*ret_type = field->type;
	*ret_offset += field->offset_bytes;
	return 0;
}

static int emit_member(struct scene *scene, const struct node *node, enum phase phase, uint32_t *ret_reference)
{
	struct described *item = NULL;
	uint32_t type = 0;
	uint64_t offset = 0;
	int r = walk_members(scene, node, phase, &item, &type, &offset);
	if (r < 0)
		return r;
	Cbb__Kind kind = model_type(&scene->parser->model, type)->kind;
	if (!layout_is_integer(kind))
		return fail_at(&node->token, "name an integer field", "the field '%.*s' is no whole number",
		               TOKEN_TEXT(&node->token));
	Cbb__Expression *expression = add(scene, CBB__OP__OP_FIELD, ret_reference);
	expression->param = scene_number(scene, item);
	expression->offset_bytes = offset;
	expression->kind = kind;
	return 0;
}

static int emit_call(struct scene *scene, const struct node *node, uint32_t *ret_reference)
{
	const struct token *name = node->kind == NODE_DEREF ? &node->left->token : &node->token;
	if (!scene->function || !scene->function->is_type)
		return fail_at(name, "in a function, name the parameter itself",
		               "call.%.*s is of the call that a callback runs under, and this is no function type",
		               TOKEN_TEXT(name));
	Cbb__Expression *expression = add(scene, node->kind == NODE_DEREF ? CBB__OP__OP_CALL_DEREF : CBB__OP__OP_CALL_PARAM,
	                                  ret_reference);
	expression->name = model_name(&scene->parser->model, name->text, name->size);
	return 0;
}

static int emit_return(struct scene *scene, const struct node *node, enum phase phase, uint32_t *ret_reference)
{
	struct model *model = &scene->parser->model;
	if (!scene->function)
		return fail_unknown(scene, &node->token);
	const Cbb__Param *result = model_param(model, scene->result_param);
	if (phase == PHASE_BEFORE)
		return fail_at(&node->token, "give the room there is before the call; filled(return) says how much is valid",
		               "the size is needed before the call, and the result is not known then");
	if (result->mode != CBB__MODE__MODE_VALUE || !layout_is_integer(model_type(model, result->type)->kind))
		return fail_type(scene, node, &scene->result, "compare a result that is an integer");
	add(scene, CBB__OP__OP_RETURN, ret_reference);
	return 0;
}

/* CONSTANT: the operator has no place in an expression over a call. */
static Cbb__Op operator_of(const struct node *node)
{
	if (node->kind != NODE_BINARY)
		return node->kind == NODE_MIN ? CBB__OP__OP_MIN : CBB__OP__OP_MAX;
	switch (node->operator_mark) {
	case '+': return CBB__OP__OP_ADD;
	case '-': return CBB__OP__OP_SUB;
	case '*': return CBB__OP__OP_MUL;
	case '/': return CBB__OP__OP_DIV;
	case MARK_EQUAL: return CBB__OP__OP_EQ;
	case MARK_UNEQUAL: return CBB__OP__OP_NE;
	case '<': return CBB__OP__OP_LT;
	case MARK_AT_MOST: return CBB__OP__OP_LE;
	case '>': return CBB__OP__OP_GT;
	case MARK_AT_LEAST: return CBB__OP__OP_GE;
	default: return CBB__OP__OP_CONSTANT;
	}
}

static int emit(struct scene *scene, const struct node *node, enum phase phase, unsigned depth,
                uint32_t *ret_reference);

static int emit_operator(struct scene *scene, const struct node *node, enum phase phase, unsigned depth,
                         uint32_t *ret_reference)
{
	uint32_t left = 0, right = 0;
	Cbb__Op op = operator_of(node);
	if (op == CBB__OP__OP_CONSTANT)
		return fail_at(&node->token, "over parameters there are + - * / min max and comparisons",
		               "'%.*s' cannot be computed from a call", TOKEN_TEXT(&node->token));
	int r = emit(scene, node->left, phase, depth + 1, &left);
	if (r == 0)
		r = emit(scene, node->right, phase, depth + 1, &right);
	if (r < 0)
		return r;
	Cbb__Expression *expression = add(scene, op, ret_reference);
	expression->left = left - 1;
	expression->right = right - 1;
	return 0;
}

static int emit_unary(struct scene *scene, const struct node *node, enum phase phase, unsigned depth,
                      uint32_t *ret_reference)
{
	uint32_t zero = 0, value = 0;
	if (node->operator_mark != '-' && node->operator_mark != '+')
		return fail_at(&node->token, "over parameters there are + - * / min max and comparisons",
		               "'%.*s' cannot be computed from a call", TOKEN_TEXT(&node->token));
	int r = emit_constant(scene, 0, &zero);
	if (r == 0)
		r = emit(scene, node->left, phase, depth + 1, &value);
	if (r < 0)
		return r;
	Cbb__Expression *expression =
		add(scene, node->operator_mark == '-' ? CBB__OP__OP_SUB : CBB__OP__OP_ADD, ret_reference);
	expression->left = zero - 1;
	expression->right = value - 1;
	return 0;
}

/* A parameter hides a constant of its name. */
static bool names_param(struct scene *scene, const struct node *node)
{
	return node && ((node->kind == NODE_NAME && scene_find(scene, &node->token)) || names_param(scene, node->left) ||
	                names_param(scene, node->right) || names_param(scene, node->condition));
}

static int emit(struct scene *scene, const struct node *node, enum phase phase, unsigned depth,
                uint32_t *ret_reference)
{
	if (depth > INTERFACE_DEPTH_MAX)
		return fail_at(&node->token, "expressions over a call are at most 8 deep", "this expression is too deep");
	if (expression_is_constant(scene->parser, node) && !names_param(scene, node)) {
		int64_t value = 0;
		int r = expression_constant(scene->parser, node, "this", &value);
		return r < 0 ? r : emit_constant(scene, value, ret_reference);
	}
	switch (node->kind) {
	case NODE_NAME: return emit_name(scene, node, ret_reference);
	case NODE_RETURN: return emit_return(scene, node, phase, ret_reference);
	case NODE_CALL: return emit_call(scene, node, ret_reference);
	case NODE_DEREF:
		return node->left->kind == NODE_CALL ? emit_call(scene, node, ret_reference)
		                                     : emit_deref(scene, node, phase, ret_reference);
	case NODE_MEMBER: return emit_member(scene, node, phase, ret_reference);
	case NODE_UNARY: return emit_unary(scene, node, phase, depth, ret_reference);
	case NODE_BINARY: case NODE_MIN: case NODE_MAX: return emit_operator(scene, node, phase, depth, ret_reference);
	default:
		return fail_at(&node->token, "an expression is made of whole numbers: " OPERANDS, "this is no whole number");
	}
}

int emit_expression(struct scene *scene, const struct node *node, enum phase phase, uint32_t *ret_reference)
{
	return emit(scene, node, phase, 1, ret_reference);
}
