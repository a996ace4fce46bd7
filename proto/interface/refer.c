/* SPDX-License-Identifier: MIT */
#include "interface/describe.h"

#include "interface/case.h"
#include "interface/choice.h"
#include "interface/emit.h"
#include "interface/expression.h"
#include "interface/format.h"
#include "interface/scope.h"
#include "interface/transfer.h"

#define LIFETIMES "write lifetime(next), lifetime(owner(handle)) or lifetime(forever), or leave it out"

static Cbb__Param *param_of(struct scene *scene, uint32_t index)
{
	return model_param(&scene->parser->model, index);
}

/* The Param that words about modes speak of. */
static Cbb__Param *mode_param(struct scene *scene, const struct described *item)
{
	return param_of(scene, item->inner ? item->inner : item->param);
}

/* The Param that transfer and lifetime speak of: of an array result the array itself. */
static Cbb__Param *kept_param(struct scene *scene, const struct described *item)
{
	return item->role == ROLE_RESULT ? param_of(scene, item->param) : mode_param(scene, item);
}

static int refer_size(struct scene *scene, struct described *item)
{
	const struct attribute *size = item->words[WORD_SIZE] ? item->words[WORD_SIZE] : item->words[WORD_BYTES];
	Cbb__Param *param = item->inner_is_sized ? mode_param(scene, item) : param_of(scene, item->param);
	bool is_late = item->role == ROLE_RESULT || item->inner_is_sized;
	if (!size && item->declared->array_count > 0 && param->mode == CBB__MODE__MODE_ELEMENTS && !param->zero)
		return emit_constant(scene, (int64_t)item->declared->array_count, &param->size);
	if (!size)
		return 0;
	uint32_t reference = 0;
	int r = emit_expression(scene, size->expression, is_late ? PHASE_AFTER : PHASE_BEFORE, &reference);
	if (r < 0)
		return r;
	r = parser_check_tables(scene->parser, &size->token);
	if (r < 0)
		return r;
	const Cbb__Expression *expression = scene->parser->model.message->expressions[reference - 1];
	if (expression->op == CBB__OP__OP_CONSTANT && expression->constant < 1)
		return fail_at(&size->token, "sizes are expressions such as size(n), or numbers from 1", "%s has no size",
		               describe_subject(scene, item));
	param->size = reference;
	return 0;
}

static int refer_filled(struct scene *scene, struct described *item)
{
	uint32_t reference = 0;
	if (!item->words[WORD_FILLED])
		return 0;
	int r = emit_expression(scene, item->words[WORD_FILLED]->expression, PHASE_AFTER, &reference);
	param_of(scene, item->param)->filled = reference;
	return r;
}

static int refer_closes(struct scene *scene, struct described *item)
{
	uint32_t reference = 0;
	if (!item->words[WORD_CLOSES] || !item->words[WORD_CLOSES]->expression)
		return 0;
	int r = emit_expression(scene, item->words[WORD_CLOSES]->expression, PHASE_AFTER, &reference);
	param_of(scene, item->param)->closes_when = reference;
	return r;
}

static int refer_scope(struct scene *scene, struct described *item)
{
	return scope_refer(scene, item, mode_param(scene, item));
}

/* userdata(VALUE) in a case of a `...`: as long as the callback that the case of VALUE passes. */
static int refer_case(struct scene *scene, struct described *item, const struct token *name)
{
	const struct symbol *symbol = symbols_find(&scene->parser->symbols, name);
	bool is_constant = symbol && symbol->kind == SYMBOL_CONSTANT;
	const struct choice *choice = is_constant ? choice_find(scene->function->choices, symbol->value) : NULL;
	const struct attribute *scope = NULL;
	bool has_callback = false;
	for (size_t i = 0; choice && i < choice->params.n && !has_callback; i++) {
		const struct declared *param = &choice->params.items[i];
		const Cbb__Type *type = model_type(&scene->parser->model, param->type.type);
		has_callback = type->kind == CBB__KIND__KIND_POINTER &&
		               model_type(&scene->parser->model, type->target)->kind == CBB__KIND__KIND_FUNCTION;
		scope = has_callback ? attribute_find(param->attributes, WORD_SCOPE) : NULL;
	}
	if (!has_callback)
		return fail_at(name, "name a callback parameter, or a value whose case passes one", "'%.*s' names no callback",
		               TOKEN_TEXT(name));
	if (item->words[WORD_SCOPE])
		return 0;
	Cbb__Param *param = mode_param(scene, item);
	param->scope = scope ? scope->scope : CBB__SCOPE__SCOPE_CALL;
	if (param->scope > CBB__SCOPE__SCOPE_FOREVER)
		param->scope = CBB__SCOPE__SCOPE_FOREVER;
	return param->scope == CBB__SCOPE__SCOPE_OWNER ? scope_find_owner(scene, scope, &param->owner) : 0;
}

/* userdata(callback) lives as long as the callback, unless it says otherwise. */
static int refer_userdata(struct scene *scene, struct described *item)
{
	const struct attribute *userdata = item->words[WORD_USERDATA];
	if (!userdata || userdata->argument.size == 0)
		return 0;
	struct described *callback = scene->function ? scene_find(scene, &userdata->argument) : NULL;
	if (!callback && item->role == ROLE_PARAM && scene->function && scene->function->choices)
		return refer_case(scene, item, &userdata->argument);
	if (!callback || item->role != ROLE_PARAM)
		return fail_at(&userdata->argument, "name the callback among the parameters of the same function",
		               "'%.*s' is no parameter here", TOKEN_TEXT(&userdata->argument));
	const Cbb__Param *from = param_of(scene, callback->param);
	Cbb__Param *param = mode_param(scene, item);
	if (from->mode != CBB__MODE__MODE_CALLBACK)
		return fail_at(&userdata->argument, "name the callback whose userdata it is", "%s is no callback",
		               describe_subject(scene, callback));
	param->userdata_of = scene_number(scene, callback) + 1;
	if (item->words[WORD_SCOPE])
		return 0;
	const struct attribute *scope = callback->words[WORD_SCOPE];
	param->scope = from->scope > CBB__SCOPE__SCOPE_FOREVER ? CBB__SCOPE__SCOPE_FOREVER : from->scope;
	return scope && scope->scope == CBB__SCOPE__SCOPE_OWNER ? scope_find_owner(scene, scope, &param->owner) : 0;
}

static int refer_into(struct scene *scene, struct described *item)
{
	const struct attribute *into = item->words[WORD_INTO];
	if (!into)
		return 0;
	struct described *buffer = scene_find(scene, &into->argument);
	if (!scene->function || !buffer || buffer == item)
		return fail_at(&into->argument, "name the parameter whose buffer it points into",
		               "'%.*s' is no other parameter here", TOKEN_TEXT(&into->argument));
	const Cbb__Param *param = param_of(scene, buffer->param);
	bool is_buffer = param->mode == CBB__MODE__MODE_STRING || param->mode == CBB__MODE__MODE_ELEMENTS;
	if (!is_buffer)
		return fail_at(&into->argument, "name a parameter that is a string or an array", "%s is no buffer",
		               describe_subject(scene, buffer));
	mode_param(scene, item)->into = scene_number(scene, buffer);
	return 0;
}

/* A copy that goes in is kept by the receiver: one among the parameters, a text or elements. */
static bool is_kept_argument(struct scene *scene, const struct described *item)
{
	const Cbb__Param *param = param_of(scene, item->param);
	return item->role == ROLE_PARAM && param->direction == CBB__DIRECTION__DIRECTION_IN &&
	       (param->mode == CBB__MODE__MODE_STRING || param->mode == CBB__MODE__MODE_ELEMENTS);
}

static int refer_lifetime(struct scene *scene, struct described *item)
{
	const struct attribute *lifetime = item->words[WORD_LIFETIME];
	if (!lifetime)
		return 0;
	bool is_argument = is_kept_argument(scene, item);
	Cbb__Param *param = is_argument ? param_of(scene, item->param) : kept_param(scene, item);
	bool comes_back = item->role == ROLE_RESULT || (item->inner && !is_argument);
	bool is_type = scene->function && scene->function->is_type;
	if (item->role == ROLE_FIELD || (!is_argument && !comes_back))
		return fail_at(&lifetime->token,
		               "it goes on pointer results, on [out] pointers to a pointer, and on [in] pointers that are kept",
		               "%s has no copy that outlives the call", describe_subject(scene, item));
	if (lifetime->lifetime == CBB__LIFETIME__LIFETIME_CALL && comes_back && !is_type)
		return fail_at(&lifetime->token, LIFETIMES, "the call is over when its result is there");
	param->lifetime = lifetime->lifetime;
	if (lifetime->lifetime != CBB__LIFETIME__LIFETIME_OWNER)
		return 0;
	return scope_find_owner(scene, lifetime, &param->lifetime_owner);
}

static int refer_transfer(struct scene *scene, struct described *item)
{
	const struct attribute *transfer = item->words[WORD_TRANSFER];
	if (!transfer)
		return 0;
	Cbb__Param *param = kept_param(scene, item);
	bool is_given = item->role == ROLE_RESULT ||
	                (item->inner && param_of(scene, item->param)->direction != CBB__DIRECTION__DIRECTION_IN);
	if (!is_given)
		return fail_at(&transfer->token, "it goes on pointer results, and on [out] pointers to a pointer",
		               "%s is not given away", describe_subject(scene, item));
	if (transfer->argument.size == 0)
		return 0;
	if (scene->function->is_type)
		return fail_at(&transfer->token,
		               "lifetime(next), lifetime(owner(handle)) or lifetime(forever) say how long the "
		               "host keeps what a handler returns",
		               "a handler cannot give memory away to native code");
	param->free_function = model_name(&scene->parser->model, transfer->argument.text, transfer->argument.size);
	return transfer_remember(scene->parser, &transfer->argument);
}

static int constant_value(struct scene *scene, const struct node *node, uint64_t *ret_value)
{
	int64_t value = 0;
	int r = node->kind == NODE_NULL ? 0 : expression_constant(scene->parser, node, "a value", &value);
	*ret_value = (uint64_t)value;
	return r;
}

static int refer_values(struct scene *scene, struct described *item)
{
	const struct attribute *values = item->words[WORD_VALUES];
	if (!values)
		return 0;
	Cbb__Param *param = mode_param(scene, item);
	uint64_t *list = memory_allocate(scene->parser->model.memory, values->n_values * sizeof *list);
	if (!list)
		return fail_memory();
	for (size_t i = 0; i < values->n_values; i++) {
		int r = constant_value(scene, values->values[i], &list[i]);
		if (r < 0)
			return r;
	}
	param->n_values = values->n_values;
	param->values = list;
	return 0;
}

int refer_one(struct scene *scene, struct described *item)
{
	static int (*const steps[])(struct scene *, struct described *) = {
	    refer_size, refer_filled,   refer_closes,   refer_scope, refer_userdata,
	    refer_into, refer_lifetime, refer_transfer, refer_values, case_refer,
	    format_refer,
	};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int r = steps[i](scene, item);
		if (r < 0)
			return r;
	}
	return 0;
}
