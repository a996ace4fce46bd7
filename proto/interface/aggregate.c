/* SPDX-License-Identifier: MIT */
#include "interface/aggregate.h"

#include "interface/attribute.h"
#include "interface/declarator.h"
#include "interface/describe.h"
#include "interface/expression.h"
#include "interface/layout.h"
#include "interface/specifier.h"

#define FIELDS_MAX 1024

static int refuse_special_field(const struct token *at)
{
	if (token_is_mark(at, ':'))
		return fail_at(at, "describe the whole integer that holds the bits as one field", "bit-fields are not offered");
	return 0;
}

static int check_field_type(struct parser *parser, const struct declared *field, const struct declarator *declarator)
{
	const Cbb__Type *type = model_type(&parser->model, field->type.type);
	if (declarator->is_unsized)
		return fail_at(&field->name, "pass the rest as an array parameter of its own",
		               "the field '%.*s' has no fixed size", TOKEN_TEXT(&field->name));
	if (type->kind == CBB__KIND__KIND_FUNCTION || type->size_bytes == 0)
		return fail_at(&field->name, "a field has a complete type, or is a pointer",
		               "the type of the field '%.*s' has no size", TOKEN_TEXT(&field->name));
	return 0;
}

static int check_field_name(const struct declared_list *fields, const struct token *name)
{
	if (name->size == 0)
		return fail_at(name, "give the field a name; members of structs without name are not offered",
		               "a field without name");
	for (size_t i = 0; i < fields->n; i++)
		if (token_same(&fields->items[i].name, name))
			return fail_at(name, "give it another name", "the field '%.*s' is declared twice", TOKEN_TEXT(name));
	return fields->n < FIELDS_MAX ? 0 : fail_at(name, "at most 1,024 fields", "this struct has too many fields");
}

/* One declaration of fields: `[attributes] type name, *name[4];` */
static int parse_fields(struct parser *parser, struct declared_list *fields)
{
	struct tokens *tokens = &parser->tokens;
	struct specifier specifier = {.may_define = true};
	struct attribute *attributes = NULL;
	int r = attributes_parse(parser, &attributes);
	if (r == 0)
		r = specifier_parse(parser, &specifier);
	if (r < 0)
		return r;
	do {
		struct declarator declarator;
		struct declared field;
		r = declarator_parse(parser, &declarator);
		if (r == 0)
			r = refuse_special_field(&tokens->at);
		if (r == 0)
			r = check_field_name(fields, &declarator.name);
		if (r == 0)
			r = declarator_build(parser, &declarator, &specifier, NULL, &field);
		if (r == 0)
			r = check_field_type(parser, &field, &declarator);
		if (r < 0)
			return r;
		declared_inherit(parser, &field, attributes, &specifier, &declarator);
		r = declared_append(parser, fields, &field);
		if (r < 0)
			return r;
	} while (tokens_take(tokens, ','));
	return tokens_expect(tokens, ';', "after the field", "each field ends with ';'");
}

static int place_fields(struct parser *parser, struct symbol *symbol, const struct declared_list *fields,
                        uint32_t first)
{
	struct layout layout = {0, 1};
	for (size_t i = 0; i < fields->n; i++) {
		const struct declared *field = &fields->items[i];
		const Cbb__Type *type = model_type(&parser->model, field->type.type);
		Cbb__Param *param = model_param(&parser->model, first + (uint32_t)i);
		struct layout *place = symbol->kind == SYMBOL_UNION ? &(struct layout){0, 1} : &layout;
		if (!layout_add(place, type->size_bytes, type->align_bytes, &param->offset_bytes))
			return fail_at(&field->name, "a struct has at most 65,536 bytes; pass a pointer to it as [handle]",
			               "the struct '%.*s' is too large", TOKEN_TEXT(&symbol->token));
		layout_cover(&layout, place);
	}
	layout_finish(&layout);
	Cbb__Type *type = model_type(&parser->model, symbol->type.type);
	type->first = first;
	type->n = (uint32_t)fields->n;
	type->size_bytes = layout.size_bytes;
	type->align_bytes = layout.align_bytes;
	return 0;
}

/* The fields between the braces, of which the first was read. */
static int define_struct(struct parser *parser, struct symbol *symbol)
{
	struct tokens *tokens = &parser->tokens;
	struct declared_list fields = {0};
	int r = parser_enter(parser);
	if (r < 0)
		return r;
	symbol->is_open = true;
	while (r == 0 && !tokens_take(tokens, '}'))
		r = tokens->at.kind == TOKEN_END ? tokens_expect(tokens, '}', "after the fields", "close the struct with '}'")
		                                 : parse_fields(parser, &fields);
	parser_leave(parser);
	if (r == 0 && fields.n == 0)
		r = fail_at(&symbol->token, "write 'struct name;' if nobody looks inside", "a struct or union without fields");
	if (r < 0)
		return r;
	uint32_t first = model_add_params(&parser->model, fields.n);
	r = place_fields(parser, symbol, &fields, first);
	if (r == 0)
		r = symbol->kind == SYMBOL_UNION ? describe_members(parser, symbol, &fields, first)
		                                 : describe_fields(parser, symbol, &fields, first);
	symbol->is_open = false;
	symbol->is_complete = true;
	return r;
}

static int check_definition(struct parser *parser, const struct symbol *symbol, bool may_define)
{
	const struct token *at = &parser->tokens.at;
	if (!may_define)
		return fail_at(at, "define it before, in a declaration of its own", "a type is defined among the parameters");
	if (symbol->is_complete || symbol->is_open)
		return fail_at(at, "take one of the two out", "'%.*s' is defined twice (first in %.80s:%u)",
		               TOKEN_TEXT(&symbol->token), symbol->token.source->name, symbol->token.line);
	if (symbol->handle_use.size > 0)
		return fail_at(at, "define it before it is used, or write [handle] there",
		               "'%.*s' is defined after a pointer to it became a handle (%.80s:%u)", TOKEN_TEXT(&symbol->token),
		               symbol->handle_use.source->name, symbol->handle_use.line);
	return 0;
}

static const char *tag_kind(enum symbol_kind kind)
{
	return kind == SYMBOL_ENUM ? "an enum" : kind == SYMBOL_UNION ? "a union" : "a struct";
}

/* The symbol for the tag that is next, or for none in front of '{'; made if it is new. */
static int find_tag(struct parser *parser, enum symbol_kind kind, struct symbol **ret_symbol)
{
	struct tokens *tokens = &parser->tokens;
	struct token name = tokens->at;
	bool has_name = name.kind == TOKEN_NAME;
	if (!has_name && !token_is_mark(&name, '{'))
		return fail_at(&name, "write 'struct name' or 'enum name'", "a name is expected, not '%.*s'",
		               TOKEN_TEXT(&name));
	if (has_name)
		tokens_next(tokens);
	else
		name.size = 0;
	struct symbol *symbol = has_name ? symbols_find_tag(&parser->symbols, &name) : NULL;
	if (symbol && symbol->kind != kind)
		return fail_at(&name, "structs, unions and enums share their names", "'%.*s' is declared as %s in %.80s:%u",
		               TOKEN_TEXT(&name), tag_kind(symbol->kind), symbol->token.source->name, symbol->token.line);
	if (!symbol) {
		uint32_t text = model_name(&parser->model, name.text, name.size);
		uint32_t type = kind == SYMBOL_ENUM ? model_enum(&parser->model, CBB__KIND__KIND_U32, text)
		                                    : model_struct(&parser->model, text, kind == SYMBOL_UNION);
		int r = symbols_add_tag(&parser->symbols, kind, &name, type, &symbol);
		if (r < 0)
			return r;
	}
	*ret_symbol = symbol;
	return 0;
}

static int parse_aggregate(struct parser *parser, enum symbol_kind kind, bool may_define, uint32_t *ret_type)
{
	struct symbol *symbol = NULL;
	tokens_next(&parser->tokens);
	int r = find_tag(parser, kind, &symbol);
	if (r < 0)
		return r;
	*ret_type = symbol->type.type;
	if (!token_is_mark(&parser->tokens.at, '{'))
		return 0;
	r = check_definition(parser, symbol, may_define);
	if (r < 0)
		return r;
	tokens_next(&parser->tokens);
	return define_struct(parser, symbol);
}

int aggregate_parse_struct(struct parser *parser, bool may_define, uint32_t *ret_type)
{
	return parse_aggregate(parser, SYMBOL_STRUCT, may_define, ret_type);
}

int aggregate_parse_union(struct parser *parser, bool may_define, uint32_t *ret_type)
{
	return parse_aggregate(parser, SYMBOL_UNION, may_define, ret_type);
}

struct enum_range {
	int64_t next, least, most;
};

static int parse_constant(struct parser *parser, struct enum_range *range)
{
	struct tokens *tokens = &parser->tokens;
	struct token name = tokens->at;
	struct symbol *symbol = NULL;
	struct node *node = NULL;
	int r = 0;
	if (name.kind != TOKEN_NAME)
		return fail_at(&name, "an enum lists names: enum name { ONE = 1, TWO };", "a name is expected, not '%.*s'",
		               TOKEN_TEXT(&name));
	tokens_next(tokens);
	if (tokens_take(tokens, '=')) {
		r = expression_parse(parser, &node);
		if (r == 0)
			r = expression_constant(parser, node, "the value of an enum constant", &range->next);
	}
	if (r == 0)
		r = symbols_add(&parser->symbols, SYMBOL_CONSTANT, &name, &symbol);
	if (r < 0)
		return r;
	symbol->value = range->next;
	range->least = range->next < range->least ? range->next : range->least;
	range->most = range->next > range->most ? range->next : range->most;
	if (range->next == INT64_MAX)
		return fail_at(&name, "constants are below 2 to the 63, less one", "this constant is too large");
	range->next++;
	return 0;
}

/* As gcc and clang choose: unsigned int, int if some are negative, and 64 bits if they do not fit. */
static Cbb__Kind enum_kind(const struct enum_range *range)
{
	if (range->least < 0)
		return range->least >= INT32_MIN && range->most <= INT32_MAX ? CBB__KIND__KIND_I32 : CBB__KIND__KIND_I64;
	return range->most <= UINT32_MAX ? CBB__KIND__KIND_U32 : CBB__KIND__KIND_U64;
}

static int define_enum(struct parser *parser, struct symbol *symbol)
{
	struct tokens *tokens = &parser->tokens;
	struct enum_range range = {0};
	do {
		if (token_is_mark(&tokens->at, '}') && range.next != 0)
			break;
		int r = parse_constant(parser, &range);
		if (r < 0)
			return r;
	} while (tokens_take(tokens, ','));
	Cbb__Type *type = model_type(&parser->model, symbol->type.type);
	type->kind = enum_kind(&range);
	type->size_bytes = layout_scalar_bytes(type->kind);
	type->align_bytes = layout_scalar_bytes(type->kind);
	symbol->is_complete = true;
	return tokens_expect(tokens, '}', "after the constants", "close the enum with '}'");
}

int aggregate_parse_enum(struct parser *parser, bool may_define, uint32_t *ret_type)
{
	struct symbol *symbol = NULL;
	tokens_next(&parser->tokens);
	int r = find_tag(parser, SYMBOL_ENUM, &symbol);
	if (r < 0)
		return r;
	*ret_type = symbol->type.type;
	if (!token_is_mark(&parser->tokens.at, '{'))
		return symbol->is_complete ? 0
		                           : fail_at(&symbol->token, "write its constants: enum name { ONE, TWO };",
		                                     "the enum '%.*s' is not defined", TOKEN_TEXT(&symbol->token));
	r = check_definition(parser, symbol, may_define);
	if (r < 0)
		return r;
	tokens_next(&parser->tokens);
	return define_enum(parser, symbol);
}
