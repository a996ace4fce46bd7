/* SPDX-License-Identifier: MIT */
#include "interface/describe.h"

#include "interface/check.h"
#include "interface/layout.h"
#include "interface/scope.h"

/* How deep pointers and structs go behind a Param, and how many values there are in all. */
struct measure {
	unsigned depth, weight;
};

static unsigned add_weight(unsigned a, unsigned b)
{
	return b > INTERFACE_VALUES_MAX - a ? INTERFACE_VALUES_MAX : a + b;
}

static struct measure measure(struct parser *parser, uint32_t index);

static struct measure measure_cases(struct parser *parser, const Cbb__Param *param)
{
	struct measure all = {1, 1};
	for (uint32_t i = 0; i < param->n_cases; i++) {
		struct measure one = measure(parser, param->first_case + i);
		all.depth = one.depth + 1 > all.depth ? one.depth + 1 : all.depth;
		all.weight = add_weight(all.weight, one.weight);
	}
	return all;
}

static struct measure measure(struct parser *parser, uint32_t index)
{
	const Cbb__Param *param = model_param(&parser->model, index);
	uint32_t at = param->type;
	if (param->mode == CBB__MODE__MODE_ELEMENTS && param->element > index) {
		struct measure behind = measure(parser, param->element);
		return (struct measure){behind.depth + 1, add_weight(behind.weight, 1)};
	}
	if (param->mode == CBB__MODE__MODE_CASE)
		return measure_cases(parser, param);
	while (model_type(&parser->model, at)->kind == CBB__KIND__KIND_ARRAY)
		at = model_type(&parser->model, at)->target;
	const struct symbol *symbol =
		param->mode == CBB__MODE__MODE_VALUE ? symbols_find_struct(&parser->symbols, at) : NULL;
	return symbol ? (struct measure){symbol->depth + 1, add_weight(symbol->weight, 2)} : (struct measure){1, 1};
}

static int check_measure(struct scene *scene, const struct described *item)
{
	struct measure found = measure(scene->parser, item->param);
	if (found.depth > INTERFACE_DEPTH_MAX)
		return fail_at(&item->declared->name, "at most 8 levels: pass what is deeper as [handle]", "%s goes too deep",
		               describe_subject(scene, item));
	if (scene->structure)
		return 0;
	scene->parser->weight = add_weight(scene->parser->weight, found.weight);
	if (scene->parser->weight == INTERFACE_VALUES_MAX)
		return fail_at(&item->declared->name, "pass large structs that nobody looks into as [handle]",
		               "with %s all functions together have more than %d values", describe_subject(scene, item),
		               INTERFACE_VALUES_MAX);
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
		r = scope_refer_destroy(scene, &scene->items[i]);
	for (size_t i = 0; r == 0 && i < scene->n; i++)
		r = refer_one(scene, &scene->items[i]);
	if (r == 0 && scene->function)
		r = refer_one(scene, &scene->result);
	for (size_t i = 0; r == 0 && i < scene->n; i++)
		r = check_measure(scene, &scene->items[i]);
	return r == 0 && scene->function ? check_measure(scene, &scene->result) : r;
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

static void measure_fields(struct parser *parser, struct symbol *structure, uint32_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct measure found = measure(parser, first + (uint32_t)i);
		structure->depth = found.depth > structure->depth ? found.depth : structure->depth;
		structure->weight = add_weight(structure->weight, found.weight);
	}
}

int describe_fields(struct parser *parser, struct symbol *structure, const struct declared_list *fields,
                    uint32_t first)
{
	struct scene scene = {.parser = parser, .structure = structure, .first = first, .n = fields->n};
	scene.items = items_new(&scene, fields, ROLE_FIELD);
	int r = scene.items ? describe_all(&scene) : fail_memory();
	measure_fields(parser, structure, first, fields->n);
	return r;
}

int describe_members(struct parser *parser, struct symbol *structure, const struct declared_list *members,
                     uint32_t first)
{
	struct scene scene = {.parser = parser, .structure = structure, .first = first};
	int r = 0;
	for (size_t i = 0; r == 0 && i < members->n; i++) {
		const struct declared *member = &members->items[i];
		Cbb__Param *param = model_param(&parser->model, first + (uint32_t)i);
		param->type = member->type.type;
		param->name = model_name(&parser->model, member->name.text, member->name.size);
		param->line = member->name.line;
		bool inherits = member->attributes && member->attributes->token.text == member->name.text;
		r = attributes_allow(inherits ? NULL : member->attributes, 0, "a member of a union",
		                     "its bytes pass as they are: pointers in it are addresses in the host");
		if (r == 0)
			r = check_measure(&scene, &(struct described){.declared = member, .role = ROLE_FIELD,
			                                               .param = first + (uint32_t)i});
	}
	measure_fields(parser, structure, first, members->n);
	return r;
}
