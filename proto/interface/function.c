/* SPDX-License-Identifier: MIT */
#include "interface/function.h"

#include "interface/attribute.h"
#include "interface/check.h"
#include "interface/declarator.h"
#include "interface/delivery.h"
#include "interface/describe.h"
#include "interface/error_value.h"
#include "interface/expression.h"
#include "interface/format.h"
#include "interface/order.h"
#include "interface/specifier.h"
#include "interface/variadic.h"

#define TIMEOUT_MAX_MS 86400000000 /* a thousand days: more is a mistake */

/* Arrays and functions as parameters are pointers. */
static void decay(struct parser *parser, struct declared *param)
{
	const Cbb__Type *type = model_type(&parser->model, param->type.type);
	if (type->kind == CBB__KIND__KIND_ARRAY) {
		param->is_array = true;
		param->array_count = type->count;
		param->type.type = model_pointer(&parser->model, (struct qualified){type->target, param->type.is_const});
	} else if (type->kind == CBB__KIND__KIND_FUNCTION) {
		param->type.type = model_pointer(&parser->model, (struct qualified){param->type.type, false});
	}
}

static int check_param(struct parser *parser, const struct declared_list *params, const struct declared *param)
{
	if (model_type(&parser->model, param->type.type)->kind == CBB__KIND__KIND_VOID)
		return fail_at(&param->name, "write (void) if there are no parameters", "a parameter cannot be void");
	if (params->n == INTERFACE_PARAMS_MAX)
		return fail_at(&param->name, "at most 64 parameters", "this function has too many parameters");
	for (size_t i = 0; param->name.size > 0 && i < params->n; i++)
		if (token_same(&params->items[i].name, &param->name))
			return fail_at(&param->name, "give it another name", "the parameter '%.*s' is declared twice",
			               TOKEN_TEXT(&param->name));
	return 0;
}

/* `...`, with or without attributes, is the last. */
static int take_ellipsis(struct parser *parser, struct declared_list *params, struct attribute *attributes)
{
	if (params->n == 0)
		return fail_at(&parser->tokens.at, "in C at least one parameter stands before it",
		               "a function has more parameters than ...");
	params->ellipsis = parser->tokens.at;
	params->variadic = attributes;
	tokens_next(&parser->tokens);
	return 0;
}

int function_parse_param(struct parser *parser, struct declared_list *params)
{
	struct specifier specifier = {.may_define = false};
	struct attribute *attributes = NULL;
	struct declarator declarator;
	struct declared param;
	int r = attributes_parse(parser, &attributes);
	if (r == 0 && token_is_mark(&parser->tokens.at, MARK_ELLIPSIS))
		return take_ellipsis(parser, params, attributes);
	if (r == 0)
		r = specifier_parse(parser, &specifier);
	if (r == 0)
		r = declarator_parse(parser, &declarator);
	if (r == 0)
		r = declarator_build(parser, &declarator, &specifier, NULL, &param);
	if (r < 0)
		return r;
	declared_inherit(parser, &param, attributes, &specifier, &declarator);
	decay(parser, &param);
	if (declarator.is_unsized)
		param.array_count = 0;
	r = check_param(parser, params, &param);
	return r < 0 ? r : declared_append(parser, params, &param);
}

int function_parse_params(struct parser *parser, struct declared_list *ret_params)
{
	static const char hint[] = "parameters are listed as (int first, const char *second)";
	struct tokens *tokens = &parser->tokens;
	*ret_params = (struct declared_list){0};
	tokens_next(tokens);
	if (token_is_mark(&tokens->at, ')'))
		return fail_at(&tokens->at, "write (void)", "a function without parameters says so");
	if (token_is_name(&tokens->at, "void") && token_is_mark(&tokens->after, ')')) {
		tokens_next(tokens);
		tokens_next(tokens);
		return 0;
	}
	int r = parser_enter(parser);
	if (r < 0)
		return r;
	do
		r = function_parse_param(parser, ret_params);
	while (r == 0 && ret_params->ellipsis.size == 0 && tokens_take(tokens, ','));
	parser_leave(parser);
	return r < 0 ? r : tokens_expect(tokens, ')', "after the parameters", hint);
}

static int check_result(struct parser *parser, const struct function_text *text)
{
	const Cbb__Type *type = model_type(&parser->model, text->result.type.type);
	if (type->kind == CBB__KIND__KIND_ARRAY || type->kind == CBB__KIND__KIND_FUNCTION)
		return fail_at(&text->name, "return a pointer, or a struct", "a function cannot return that");
	if (type->kind == CBB__KIND__KIND_STRUCT && type->size_bytes == 0)
		return fail_at(&text->name, "define the struct above, or return a pointer to it",
		               "the result of '%.*s' is an incomplete struct", TOKEN_TEXT(&text->name));
	return 0;
}

static int set_timeout(struct parser *parser, const struct attribute *attribute, Cbb__Function *function)
{
	int64_t value = 0;
	if (!attribute)
		return 0;
	int r = expression_constant(parser, attribute->expression, "a timeout", &value);
	if (r == 0 && (value < 1 || value > TIMEOUT_MAX_MS))
		return fail_at(&attribute->token, "milliseconds, from 1; without timeout there is no deadline",
		               "this is no timeout");
	function->timeout_ms = (uint64_t)value;
	return r;
}

static int check_order(struct parser *parser, const struct function_text *text, const Cbb__Function *function)
{
	int number = order_find_circle(parser->model.message, function);
	if (number < 0)
		return 0;
	return fail_at(&text->params->items[number].name, "use a size that is known before: a number, or another parameter",
	               "the size of '%.*s' depends on itself", TOKEN_TEXT(&text->params->items[number].name));
}

/* A callback of scope(call) says call.x: the function that takes it has such a parameter. */
static int check_call_names(struct parser *parser, const struct function_text *text, const Cbb__Function *function)
{
	for (uint32_t i = 0; i < function->n && !text->is_type; i++) {
		const char *missing = order_missing_name(parser->model.message, function, function->first + i);
		if (missing)
			return fail_at(&text->params->items[i].name,
			               "call.name is an integer parameter of the function that takes the callback, *call.name one "
			               "that points to an integer and only goes in",
			               "a callback, '%.*s', uses call.%s, which '%.*s' does not have",
			               TOKEN_TEXT(&text->params->items[i].name), missing, TOKEN_TEXT(&text->name));
	}
	return 0;
}

static int emit(struct parser *parser, const struct function_text *text, uint32_t *ret_index)
{
	struct attribute *attributes = text->result.attributes;
	int r = check_result(parser, text);
	if (r < 0)
		return r;
	uint32_t result = model_add_params(&parser->model, 1 + text->params->n);
	r = describe_function(parser, text, result);
	if (r < 0)
		return r;
	Cbb__Function *function = model_add_function(&parser->model, ret_index);
	function->name = text->name.kind == TOKEN_NAME ? model_name(&parser->model, text->name.text, text->name.size) : 0;
	function->result = result;
	function->first = result + 1;
	function->n = (uint32_t)text->params->n;
	function->is_type = text->is_type;
	function->line = text->name.line;
	r = error_value(parser, attribute_find(attributes, WORD_ON_ERROR),
	                model_type(&parser->model, text->result.type.type), &function->on_error);
	if (r == 0)
		r = set_timeout(parser, attribute_find(attributes, WORD_TIMEOUT), function);
	if (r == 0)
		r = delivery_set(parser, text, function);
	if (r == 0)
		r = format_check(parser, text, function);
	if (r == 0)
		r = parser_check_tables(parser, &text->name);
	if (r == 0)
		r = check_order(parser, text, function);
	if (r == 0)
		r = check_call_names(parser, text, function);
	return r < 0 ? r : variadic_emit(parser, text, *ret_index);
}

int function_emit(struct parser *parser, const struct function_text *text, uint32_t *ret_index)
{
	struct function_text printed = *text;
	struct declared_list params;
	int r = format_open(parser, text, &params);
	if (r < 0)
		return r;
	if (r == 0)
		return emit(parser, text, ret_index);
	printed.params = &params;
	r = emit(parser, &printed, ret_index);
	if (r == 0)
		parser->model.message->functions[*ret_index]->variadic = CBB__VARIADIC__VARIADIC_FORMAT;
	return r;
}
