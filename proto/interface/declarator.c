/* SPDX-License-Identifier: MIT */
#include "interface/declarator.h"

#include "interface/attribute.h"
#include "interface/check.h"
#include "interface/expression.h"
#include "interface/function.h"

#include <string.h>

static int derivation_add(struct declarator *declarator, const struct derivation *derivation)
{
	if (declarator->n == DERIVATIONS_MAX)
		return fail_at(&derivation->token, "use typedefs, or pass it as [handle]", "this type is too deep");
	declarator->items[declarator->n++] = *derivation;
	return 0;
}

static int parse_array(struct parser *parser, struct declarator *declarator)
{
	struct tokens *tokens = &parser->tokens;
	struct derivation array = {.kind = DERIVE_ARRAY, .token = tokens->at};
	struct node *node = NULL;
	int64_t count = 0;
	tokens_next(tokens);
	specifier_take_const(parser);
	if (!token_is_mark(&tokens->at, ']')) {
		int r = expression_parse(parser, &node);
		if (r == 0)
			r = expression_constant(parser, node, "the size of an array", &count);
		if (r < 0)
			return r;
		if (count < 1 || count > INTERFACE_STRUCT_MAX_BYTES)
			return fail_at(&node->token, "fixed arrays have 1 to 65,536 bytes; others are pointers with [size(n)]",
			               "an array of %lld elements is not offered", (long long)count);
	}
	array.count = (uint64_t)count;
	int r = derivation_add(declarator, &array);
	return r < 0 ? r : tokens_expect(tokens, ']', "after the size of the array", "write name[4]");
}

/* What follows the name: parameters and array sizes, as often as they come. */
static int parse_suffixes(struct parser *parser, struct declarator *declarator)
{
	struct tokens *tokens = &parser->tokens;
	int r = 0;
	while (r == 0) {
		if (token_is_mark(&tokens->at, '[')) {
			r = parse_array(parser, declarator);
		} else if (token_is_mark(&tokens->at, '(')) {
			struct derivation function = {.kind = DERIVE_FUNCTION, .token = tokens->at};
			r = function_parse_params(parser, &function.params);
			if (r == 0)
				r = derivation_add(declarator, &function);
		} else {
			break;
		}
	}
	return r;
}

/* Whether the '(' that is next groups, as in (*name)(int), and does not begin parameters. */
static bool is_group(struct parser *parser)
{
	const struct token *after = &parser->tokens.after;
	if (!token_is_mark(&parser->tokens.at, '('))
		return false;
	if (after->kind == TOKEN_NAME)
		return !specifier_is_next(parser, after);
	return token_is_mark(after, '*') || token_is_mark(after, '(');
}

static int parse_inner(struct parser *parser, struct declarator *declarator);

static int parse_core(struct parser *parser, struct declarator *declarator)
{
	struct tokens *tokens = &parser->tokens;
	if (is_group(parser)) {
		tokens_next(tokens);
		int r = parse_inner(parser, declarator);
		return r < 0 ? r : tokens_expect(tokens, ')', "here", "close the parenthesis: (*name)");
	}
	declarator->name = tokens->at;
	if (tokens->at.kind == TOKEN_NAME)
		tokens_next(tokens);
	else
		declarator->name.size = 0;
	return 0;
}

static int parse_inner(struct parser *parser, struct declarator *declarator)
{
	struct tokens *tokens = &parser->tokens;
	struct derivation pointers[DERIVATIONS_MAX];
	unsigned n = 0;
	int r = parser_enter(parser);
	if (r < 0)
		return r;
	while (r == 0 && token_is_mark(&tokens->at, '*')) {
		if (n == DERIVATIONS_MAX)
			return fail_at(&tokens->at, "pass it as [handle]", "this type is too deep");
		pointers[n] = (struct derivation){.kind = DERIVE_POINTER, .token = tokens->at};
		tokens_next(tokens);
		pointers[n++].is_const = specifier_take_const(parser);
		if (token_is_name(&tokens->at, "volatile") || token_is_name(&tokens->at, "__attribute__"))
			r = fail_at(&tokens->at, "take it out: an interface file is plain C", "'%.*s' is not offered",
			            TOKEN_TEXT(&tokens->at));
	}
	if (r == 0)
		r = parse_core(parser, declarator);
	if (r == 0)
		r = parse_suffixes(parser, declarator);
	while (r == 0 && n > 0)
		r = derivation_add(declarator, &pointers[--n]);
	parser_leave(parser);
	return r;
}

int declarator_parse(struct parser *parser, struct declarator *ret_declarator)
{
	memset(ret_declarator, 0, sizeof *ret_declarator);
	int r = parse_inner(parser, ret_declarator);
	if (r == 0)
		ret_declarator->is_unsized = ret_declarator->n > 0 && ret_declarator->items[0].kind == DERIVE_ARRAY &&
		                             ret_declarator->items[0].count == 0;
	return r;
}

static unsigned type_depth(struct parser *parser, uint32_t index)
{
	unsigned depth = 0;
	const Cbb__Type *type = model_type(&parser->model, index);
	while (depth <= INTERFACE_DEPTH_MAX &&
	       (type->kind == CBB__KIND__KIND_POINTER || type->kind == CBB__KIND__KIND_ARRAY)) {
		type = model_type(&parser->model, type->target);
		depth++;
	}
	return depth;
}

static int derive_array(struct parser *parser, const struct derivation *array, struct qualified *type)
{
	const Cbb__Type *element = model_type(&parser->model, type->type);
	if (element->size_bytes == 0)
		return fail_at(&array->token, "elements have a complete type", "an array of something without a size");
	if (array->count * element->size_bytes > INTERFACE_STRUCT_MAX_BYTES)
		return fail_at(&array->token, "fixed arrays have at most 65,536 bytes; larger ones are pointers with [size(n)]",
		               "this array is too large");
	type->type = model_array(&parser->model, type->type, array->count ? array->count : 1);
	return 0;
}

/* `specifier`: of the result, if the function's result is just what the declaration begins with; else NULL. */
static int derive_function(struct parser *parser, const struct derivation *function, const struct token *name,
                           struct attribute *attributes, const struct specifier *specifier, struct qualified *type)
{
	struct declared result = {.type = *type, .name = function->token, .attributes = attributes};
	uint32_t index = 0;
	if (specifier)
		declared_inherit(parser, &result, attributes, specifier, NULL);
	int r = function_emit(parser, &(struct function_text){.name = *name, .result = result, .params = &function->params,
	                                                      .is_type = true}, &index);
	if (r == 0)
		*type = (struct qualified){.type = model_function_type(&parser->model, index)};
	return r;
}

int declarator_build_from(struct parser *parser, const struct declarator *declarator, unsigned begin,
                          const struct specifier *specifier, struct attribute *attributes,
                          struct qualified *ret_type)
{
	struct qualified type = specifier->type;
	int r = 0;
	for (unsigned i = declarator->n; r == 0 && i-- > begin;) {
		const struct derivation *derivation = &declarator->items[i];
		bool is_named = i == 0 || (i == 1 && declarator->items[0].kind == DERIVE_POINTER);
		if (derivation->kind == DERIVE_ARRAY)
			r = derive_array(parser, derivation, &type);
		else if (derivation->kind == DERIVE_FUNCTION)
			r = derive_function(parser, derivation, &declarator->name, is_named ? attributes : NULL,
			                    i == declarator->n - 1 ? specifier : NULL, &type);
		else
			type = (struct qualified){.type = model_pointer(&parser->model, type), .is_const = derivation->is_const};
		if (r == 0 && type_depth(parser, type.type) > INTERFACE_DEPTH_MAX)
			r = fail_at(&derivation->token, "types are at most 8 deep: pass it as [handle]", "this type is too deep");
	}
	*ret_type = type;
	return r;
}

int declarator_build(struct parser *parser, const struct declarator *declarator, const struct specifier *specifier,
                     struct attribute *attributes, struct declared *ret_declared)
{
	*ret_declared = (struct declared){.name = declarator->name};
	return declarator_build_from(parser, declarator, 0, specifier, attributes, &ret_declared->type);
}

/* Whether these say what a pointer to a pointer is, so that the typedef's attributes describe the inner one. */
static bool describes_outer(const struct attribute *attributes)
{
	for (; attributes; attributes = attributes->next)
		if (attributes->word <= WORD_ZERO)
			return true;
	return false;
}

void declared_inherit(struct parser *parser, struct declared *declared, struct attribute *attributes,
                      const struct specifier *specifier, const struct declarator *declarator)
{
	declared->attributes = attributes;
	bool is_plain = !declarator || declarator->n == 0;
	bool is_pointer = !is_plain && declarator->n == 1 && declarator->items[0].kind != DERIVE_FUNCTION;
	if (!specifier->alias || (!is_plain && !(is_pointer && describes_outer(attributes))))
		return;
	for (const struct attribute *from = specifier->alias->attributes; from; from = from->next) {
		struct attribute *copy = attribute_find(attributes, from->word) ? NULL : parser_allocate(parser, sizeof *copy);
		if (!copy)
			continue;
		*copy = *from;
		copy->token = attributes ? attributes->token : declared->name;
		copy->next = declared->attributes;
		declared->attributes = copy;
	}
}

int declared_append(struct parser *parser, struct declared_list *list, const struct declared *declared)
{
	if (list->n == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		struct declared *items = parser_allocate(parser, capacity * sizeof *items);
		if (!items)
			return fail_memory();
		if (list->n > 0)
			memcpy(items, list->items, list->n * sizeof *items);
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->n++] = *declared;
	return 0;
}
