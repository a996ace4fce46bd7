/* SPDX-License-Identifier: MIT */
#include "interface/scope.h"

#include "interface/emit.h"

static Cbb__Param *param_of(struct scene *scene, const struct described *item)
{
	return model_param(&scene->parser->model, item->param);
}

/* A pointer that one handle comes back through. */
static bool brings_handle(struct scene *scene, const Cbb__Param *param)
{
	return param->mode == CBB__MODE__MODE_ELEMENTS &&
	       (param->direction == CBB__DIRECTION__DIRECTION_OUT || param->direction == CBB__DIRECTION__DIRECTION_INOUT) &&
	       param->size == 0 && !param->zero &&
	       model_param(&scene->parser->model, param->element)->mode == CBB__MODE__MODE_HANDLE;
}

static int check_owner(struct scene *scene, const struct attribute *attribute, const struct described *owner)
{
	const struct token *name = &attribute->argument;
	const Cbb__Param *param = param_of(scene, owner);
	bool is_handle = param->mode == CBB__MODE__MODE_HANDLE, is_brought = brings_handle(scene, param);
	if (attribute->is_indirect ? is_brought : is_handle)
		return 0;
	if (is_brought)
		return fail_at(name, "write owner(*name): the handle that comes back through it", "%s is no handle itself",
		               describe_subject(scene, owner));
	return fail_at(name, "an owner is a handle: a pointer to an incomplete struct, or one with [handle]",
	               "%s is no handle", describe_subject(scene, owner));
}

int scope_find_owner(struct scene *scene, const struct attribute *attribute, uint32_t *ret_owner)
{
	const struct token *name = &attribute->argument;
	bool is_result = token_is_name(name, "return");
	if (scene->structure)
		return fail_at(name, "say it where the struct is passed: [in, scope(owner(handle))] const struct name *s",
		               "a field knows no owner");
	struct described *owner = is_result ? &scene->result : scene_find(scene, name);
	if (!owner)
		return fail_at(name, "name a handle among the parameters, or return", "'%.*s' is no parameter here",
		               TOKEN_TEXT(name));
	int r = check_owner(scene, attribute, owner);
	if (r == 0)
		*ret_owner = is_result ? (uint32_t)scene->n + 1 : scene_number(scene, owner) + 1;
	return r;
}

/* Another callback among the parameters of the same function. */
static int find_callback(struct scene *scene, const struct described *item, const struct token *name,
                         struct described **ret_callback)
{
	struct described *callback = scene->function && !scene->function->is_type ? scene_find(scene, name) : NULL;
	if (!callback || callback == item)
		return fail_at(name, "name another callback among the parameters of the same function",
		               "'%.*s' is no other parameter of a function here", TOKEN_TEXT(name));
	if (param_of(scene, callback)->mode != CBB__MODE__MODE_CALLBACK)
		return fail_at(name, "name a callback among the parameters", "%s is no callback",
		               describe_subject(scene, callback));
	*ret_callback = callback;
	return 0;
}

/* `notifier` is called when native code lets go of `callback`. */
static int set_notified(struct scene *scene, const struct token *name, struct described *callback,
                        struct described *notifier)
{
	Cbb__Param *param = param_of(scene, callback), *from = param_of(scene, notifier);
	uint32_t number = scene_number(scene, notifier) + 1;
	if (param->notified_by && param->notified_by != number)
		return fail_at(name, "keep one", "two callbacks tell that native code lets go of %s",
		               describe_subject(scene, callback));
	param->notified_by = number;
	if (!callback->words[WORD_SCOPE])
		param->scope = CBB__SCOPE__SCOPE_NOTIFIED;
	if (!notifier->words[WORD_SCOPE])
		from->scope = CBB__SCOPE__SCOPE_ASYNC;
	return 0;
}

int scope_refer_destroy(struct scene *scene, struct described *item)
{
	const struct attribute *destroy = item->words[WORD_DESTROY], *scope = item->words[WORD_SCOPE];
	struct described *other = NULL;
	int r = 0;
	for (size_t i = 0; r == 0 && destroy && i < destroy->n_names; i++) {
		r = find_callback(scene, item, &destroy->names[i], &other);
		if (r == 0)
			r = set_notified(scene, &destroy->names[i], other, item);
	}
	if (r < 0 || !scope || scope->scope != CBB__SCOPE__SCOPE_NOTIFIED)
		return r;
	if (item->role != ROLE_PARAM || param_of(scene, item)->mode != CBB__MODE__MODE_CALLBACK)
		return fail_at(&scope->token, "it goes on callbacks among the parameters",
		               "%s is no callback that another parameter could speak of", describe_subject(scene, item));
	r = find_callback(scene, item, &scope->argument, &other);
	return r < 0 ? r : set_notified(scene, &scope->argument, item, other);
}

int scope_refer(struct scene *scene, struct described *item, Cbb__Param *param)
{
	const struct attribute *scope = item->words[WORD_SCOPE];
	if (!scope || scope->scope != CBB__SCOPE__SCOPE_OWNER)
		return 0;
	return scope_find_owner(scene, scope, &param->owner);
}
