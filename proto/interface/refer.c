/* SPDX-License-Identifier: MIT */
#include "interface/describe.h"

#include "interface/emit.h"
#include "interface/expression.h"
#include "interface/transfer.h"

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

/* owner(name): a handle among the parameters, or the result. Number + 1. */
static int find_owner(struct scene *scene, const struct token *name, uint32_t *ret_owner)
{
	bool is_result = token_is_name(name, "return");
	struct described *owner = is_result ? &scene->result : scene_find(scene, name);
	if (!scene->function || !owner)
		return fail_at(name, "name a handle among the parameters, or return", "'%.*s' is no parameter here",
		               TOKEN_TEXT(name));
	if (param_of(scene, owner->param)->mode != CBB__MODE__MODE_HANDLE)
		return fail_at(name, "an owner is a handle: a pointer to an incomplete struct, or one with [handle]",
		               "%s is no handle", describe_subject(scene, owner));
	*ret_owner = is_result ? (uint32_t)scene->n + 1 : scene_number(scene, owner) + 1;
	return 0;
}

static int refer_scope(struct scene *scene, struct described *item)
{
	const struct attribute *scope = item->words[WORD_SCOPE];
	if (!scope || scope->scope != CBB__SCOPE__SCOPE_OWNER)
		return 0;
	uint32_t owner = 0;
	int r = find_owner(scene, &scope->argument, &owner);
	mode_param(scene, item)->owner = owner;
	return r;
}

/* userdata(callback) lives as long as the callback, unless it says otherwise. */
static int refer_userdata(struct scene *scene, struct described *item)
{
	const struct attribute *userdata = item->words[WORD_USERDATA];
	if (!userdata || userdata->argument.size == 0)
		return 0;
	struct described *callback = scene->function ? scene_find(scene, &userdata->argument) : NULL;
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
	param->scope = from->scope;
	return scope && scope->scope == CBB__SCOPE__SCOPE_OWNER ? find_owner(scene, &scope->argument, &param->owner) : 0;
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

static int refer_lifetime(struct scene *scene, struct described *item)
{
	const struct attribute *lifetime = item->words[WORD_LIFETIME];
	if (!lifetime)
		return 0;
	Cbb__Param *param = kept_param(scene, item);
	bool is_kept = item->role == ROLE_RESULT ||
	               (item->inner && param_of(scene, item->param)->direction != CBB__DIRECTION__DIRECTION_IN);
	if (!is_kept || item->role == ROLE_FIELD)
		return fail_at(&lifetime->token, "it goes on pointer results, and on [out] pointers to a pointer",
		               "%s has no copy that outlives the call", describe_subject(scene, item));
	param->lifetime = lifetime->lifetime;
	if (lifetime->lifetime != CBB__LIFETIME__LIFETIME_OWNER)
		return 0;
	return find_owner(scene, &lifetime->argument, &param->lifetime_owner);
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
	    refer_into, refer_lifetime, refer_transfer, refer_values,
	};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int r = steps[i](scene, item);
		if (r < 0)
			return r;
	}
	return 0;
}
