/* SPDX-License-Identifier: MIT */
#include "interface/format.h"

#include "interface/declarator.h"
#include "interface/emit.h"
#include "interface/layout.h"

#define LIST_HINT "write [format(printf, ap)] in front of the text, with the name of the va_list"

bool format_is_list(const struct parser *parser, uint32_t type)
{
	return parser->symbols.va_list != 0 && type == parser->symbols.va_list;
}

static const struct attribute *find_format(const struct declared_list *params)
{
	for (size_t i = 0; i < params->n; i++) {
		const struct attribute *format = attribute_find(params->items[i].attributes, WORD_FORMAT);
		if (format && format->argument.size == 0)
			return format;
	}
	return NULL;
}

/* What a function that stands for all of that type can take from its registers. */
static int check_shape(struct parser *parser, const struct function_text *text)
{
	Cbb__Kind result = model_type(&parser->model, text->result.type.type)->kind;
	if (result != CBB__KIND__KIND_VOID && result != CBB__KIND__KIND_POINTER && !layout_is_integer(result))
		return fail_at(&text->name, "leave the function out",
		               "a callback with ... returns an integer, a pointer or nothing");
	for (size_t i = 0; i < text->params->n; i++) {
		const struct declared *param = &text->params->items[i];
		Cbb__Kind kind = model_type(&parser->model, param->type.type)->kind;
		bool is_word = kind == CBB__KIND__KIND_POINTER || layout_is_integer(kind);
		if (!is_word && (i == 0 || !layout_is_scalar(kind) || kind == CBB__KIND__KIND_LONG_DOUBLE))
			return fail_at(&param->name, "leave the function out",
			               "before ... a callback takes integers and pointers, and behind the first also double");
	}
	return 0;
}

int format_open(struct parser *parser, const struct function_text *text, struct declared_list *ret_params)
{
	static const struct token name = {.kind = TOKEN_NAME, .text = "va_list", .size = 7};
	const struct attribute *format = find_format(text->params);
	if (!format)
		return 0;
	if (text->params->ellipsis.size == 0)
		return fail_at(&format->token, "name the va_list: format(printf, ap)", "'%.*s' has no ...",
		               TOKEN_TEXT(&text->name));
	if (!text->is_type)
		return fail_at(&format->token,
		               "declare the variant with a va_list: [format(printf, ap)] const char *format, va_list ap",
		               "functions with ... that is printed are not offered, callbacks are");
	int r = check_shape(parser, text);
	const struct symbol *symbol = symbols_find(&parser->symbols, &name);
	if (r < 0 || !symbol)
		return r < 0 ? r : fail_memory();
	struct declared list = {.type = symbol->type, .name = text->params->ellipsis};
	list.name.size = 0;
	*ret_params = *text->params;
	ret_params->capacity = ret_params->n; /* the array is the text's */
	ret_params->ellipsis.size = 0;
	ret_params->variadic = NULL;
	r = declared_append(parser, ret_params, &list);
	return r < 0 ? r : 1;
}

int format_refer(struct scene *scene, struct described *item)
{
	const struct attribute *format = item->words[WORD_FORMAT];
	if (!format)
		return 0;
	Cbb__Param *param = model_param(&scene->parser->model, item->param);
	struct described *list = &scene->items[scene->n - 1]; /* of a `...` */
	if (format->argument.size > 0)
		list = scene->function ? scene_find(scene, &format->argument) : NULL;
	if (!list || item->role != ROLE_PARAM)
		return fail_at(&format->argument, LIST_HINT, "'%.*s' is no parameter here", TOKEN_TEXT(&format->argument));
	if (model_param(&scene->parser->model, list->param)->mode != CBB__MODE__MODE_VA_LIST)
		return fail_at(&format->argument, LIST_HINT, "%s is no va_list", describe_subject(scene, list));
	param->format = scene_number(scene, list) + 1;
	return 0;
}

int format_check(struct parser *parser, const struct function_text *text, const Cbb__Function *function)
{
	for (uint32_t i = 0; i < function->n; i++) {
		unsigned n = 0;
		if (model_param(&parser->model, function->first + i)->mode != CBB__MODE__MODE_VA_LIST)
			continue;
		for (uint32_t j = 0; j < function->n; j++)
			n += model_param(&parser->model, function->first + j)->format == i + 1;
		if (n != 1)
			return fail_at(&text->params->items[i].name, LIST_HINT,
			               n ? "two texts are printed with '%.*s'" : "nothing says what is in the va_list '%.*s'",
			               TOKEN_TEXT(&text->params->items[i].name));
	}
	return 0;
}
