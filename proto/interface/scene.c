/* SPDX-License-Identifier: MIT */
#include "interface/describe.h"

#include "interface/check.h"
#include "interface/layout.h"

/* How deep pointers and structs go behind a Param. */
static unsigned depth_of(struct parser *parser, uint32_t index, unsigned depth)
{
	const Cbb__Param *param = model_param(&parser->model, index);
	if (depth > INTERFACE_DEPTH_MAX)
		return depth;
	if (param->mode == CBB__MODE__MODE_ELEMENTS)
		return depth_of(parser, param->element, depth + 1);
	const Cbb__Type *type = model_type(&parser->model, param->type);
	uint32_t at = param->type;
	while (type->kind == CBB__KIND__KIND_ARRAY) {
		at = type->target;
		type = model_type(&parser->model, at);
	}
	const struct symbol *symbol = type->kind == CBB__KIND__KIND_STRUCT ? symbols_find_struct(&parser->symbols, at) : NULL;
	return depth + 1 + (symbol ? symbol->depth : 0);
}

static int check_depth(struct scene *scene, const struct described *item)
{
	if (depth_of(scene->parser, item->param, 0) > INTERFACE_DEPTH_MAX)
		return fail_at(&item->declared->name, "at most 8 levels: pass what is deeper as [handle]", "%s goes too deep",
		               describe_subject(scene, item));
	return 0;
}

static int describe_all(struct scene *scene)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < scene->n; i++)
		r = describe_one(scene, &scene->items[i]);
	if (r == 0 && scene->function)
		r = describe_one(scene, &scene->result);
	for (size_t i = 0; r == 0 && i < scene->n; i++)
		r = refer_one(scene, &scene->items[i]);
	if (r == 0 && scene->function)
		r = refer_one(scene, &scene->result);
	for (size_t i = 0; r == 0 && i < scene->n; i++)
		r = check_depth(scene, &scene->items[i]);
	return r == 0 && scene->function ? check_depth(scene, &scene->result) : r;
}

static struct described *items_new(struct scene *scene, const struct declared_list *list, enum role role)
{
	struct described *items = parser_allocate(scene->parser, (list->n + 1) * sizeof *items);
	for (size_t i = 0; items && i < list->n; i++)
		items[i] = (struct described){.declared = &list->items[i], .role = role, .param = scene->first + (uint32_t)i};
	return items;
}

int describe_function(struct parser *parser, const struct function_text *text, uint32_t result_param)
{
	struct scene scene = {.parser = parser, .function = text, .first = result_param + 1, .result_param = result_param,
	                      .n = text->params->n,
	                      .result = {.declared = &text->result, .role = ROLE_RESULT, .param = result_param}};
	scene.items = items_new(&scene, text->params, ROLE_PARAM);
	return scene.items ? describe_all(&scene) : fail_memory();
}

int describe_fields(struct parser *parser, struct symbol *structure, const struct declared_list *fields,
                    uint32_t first)
{
	struct scene scene = {.parser = parser, .structure = structure, .first = first, .n = fields->n};
	scene.items = items_new(&scene, fields, ROLE_FIELD);
	int r = scene.items ? describe_all(&scene) : fail_memory();
	for (size_t i = 0; i < fields->n; i++) {
		unsigned depth = depth_of(parser, first + (uint32_t)i, 0);
		structure->depth = depth > structure->depth ? depth : structure->depth;
	}
	return r;
}
