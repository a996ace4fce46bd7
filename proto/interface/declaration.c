/* SPDX-License-Identifier: MIT */
#include "interface/declaration.h"

#include "interface/attribute.h"
#include "interface/declarator.h"
#include "interface/function.h"
#include "interface/lexer.h"
#include "interface/specifier.h"

#include <limits.h>

#define FILE_WORDS (ATTRIBUTE_BIT(WORD_LIBRARY) | ATTRIBUTE_BIT(WORD_HEADER))
#define TYPEDEF_WORDS (ATTRIBUTE_BIT(WORD_HANDLE) | ATTRIBUTE_BIT(WORD_STRING) | ATTRIBUTE_BIT(WORD_NULLABLE))

/* The text in the quotes, escapes resolved. */
static int take_text(struct parser *parser, const struct token *token, ProtobufCBinaryData *ret_text)
{
	char *text = parser_allocate(parser, token->size + 1);
	size_t n = 0, at = 1;
	if (!text)
		return fail_memory();
	while (at < token->size - 1) {
		int c = lexer_character(token->text, token->size - 1, &at);
		if (c <= 0)
			return fail_at(token, "write a name or a path", "this text holds a NUL");
		text[n++] = (char)c;
	}
	if (n == 0 || n >= PATH_MAX)
		return fail_at(token, "write a name or a path", "this text is empty or too long");
	*ret_text = model_bytes(&parser->model, text, n);
	return 0;
}

/* library() and header() speak of the whole text; those of an included text are passed over. */
static int take_file_attribute(struct parser *parser, const struct attribute *attribute)
{
	bool is_library = attribute->word == WORD_LIBRARY;
	bool *has = is_library ? &parser->has_library : &parser->has_header;
	Cbb__Interface *message = parser->model.message;
	if (attribute->token.source != parser->tokens.stack[0].source)
		return 0;
	if (*has)
		return fail_at(&attribute->token, "say it once", "[%s] stands in the text twice",
		               attribute_name(attribute->word));
	*has = true;
	return take_text(parser, &attribute->argument, is_library ? &message->soname : &message->header);
}

static int take_file_attributes(struct parser *parser, struct attribute **attributes)
{
	while (*attributes) {
		if (!(FILE_WORDS & ATTRIBUTE_BIT((*attributes)->word))) {
			attributes = &(*attributes)->next;
			continue;
		}
		int r = take_file_attribute(parser, *attributes);
		if (r < 0)
			return r;
		*attributes = (*attributes)->next;
	}
	return 0;
}

/* Whether the typedef's name is a function type or a pointer to one: then the attributes are the function's. */
static bool is_function(const struct declarator *declarator)
{
	return (declarator->n > 0 && declarator->items[0].kind == DERIVE_FUNCTION) ||
	       (declarator->n > 1 && declarator->items[0].kind == DERIVE_POINTER &&
	        declarator->items[1].kind == DERIVE_FUNCTION);
}

static int declare_type(struct parser *parser, const struct declarator *declarator, const struct specifier *specifier,
                        struct attribute *attributes)
{
	struct declared declared;
	struct symbol *symbol = NULL;
	int r = declarator_build(parser, declarator, specifier, attributes, &declared);
	if (r == 0 && declarator->is_unsized)
		r = fail_at(&declarator->name, "give its size: typedef int name[4]", "an array type without a size");
	if (r == 0 && !is_function(declarator))
		r = attributes_allow(attributes, TYPEDEF_WORDS, "a typedef",
		                     "a typedef can be [handle], [string] or [nullable]");
	if (r == 0 && attributes && !is_function(declarator) &&
	    model_type(&parser->model, declared.type.type)->kind != CBB__KIND__KIND_POINTER)
		r = fail_at(&attributes->token, "only pointers have these attributes", "'%.*s' is no pointer",
		            TOKEN_TEXT(&declarator->name));
	if (r == 0)
		r = symbols_add(&parser->symbols, SYMBOL_TYPEDEF, &declarator->name, &symbol);
	if (r < 0)
		return r;
	symbol->type = declared.type;
	symbol->attributes = is_function(declarator) ? NULL : attributes;
	model_add_typedef(&parser->model, model_name(&parser->model, declarator->name.text, declarator->name.size),
	                  declared.type.type);
	return 0;
}

static int declare_function(struct parser *parser, const struct declarator *declarator,
                            const struct specifier *specifier, struct attribute *attributes)
{
	struct function_text text = {.name = declarator->name, .params = &declarator->items[0].params,
	                             .result = {.name = declarator->name, .attributes = attributes}};
	struct symbol *symbol = NULL;
	if (declarator->n == 1)
		declared_inherit(parser, &text.result, attributes, specifier, NULL);
	int r = declarator_build_from(parser, declarator, 1, specifier, NULL, &text.result.type);
	if (r == 0)
		r = symbols_add(&parser->symbols, SYMBOL_FUNCTION, &declarator->name, &symbol);
	return r < 0 ? r : function_emit(parser, &text, &symbol->function);
}

static int declare_one(struct parser *parser, bool is_typedef, const struct specifier *specifier,
                       struct attribute *attributes)
{
	struct tokens *tokens = &parser->tokens;
	struct declarator declarator;
	int r = declarator_parse(parser, &declarator);
	if (r < 0)
		return r;
	if (declarator.name.size == 0)
		return fail_at(&declarator.name, "a declaration is a type, a name, and ';'", "a name is expected, not '%.*s'",
		               TOKEN_TEXT(&tokens->at));
	if (is_typedef)
		return declare_type(parser, &declarator, specifier, attributes);
	if (declarator.n == 0 || declarator.items[0].kind != DERIVE_FUNCTION)
		return fail_at(&declarator.name, "leave it out: functions can be called, variables cannot be reached",
		               "'%.*s' is a variable", TOKEN_TEXT(&declarator.name));
	if (token_is_mark(&tokens->at, '{'))
		return fail_at(&tokens->at, "end the prototype with ';'", "a function has no body here");
	return declare_function(parser, &declarator, specifier, attributes);
}

static int parse_declaration(struct parser *parser, struct attribute *attributes)
{
	struct tokens *tokens = &parser->tokens;
	struct specifier specifier = {.may_define = true};
	bool is_typedef = token_is_name(&tokens->at, "typedef");
	struct token begin = tokens->at;
	if (is_typedef || token_is_name(&tokens->at, "extern"))
		tokens_next(tokens);
	int r = specifier_parse(parser, &specifier);
	if (r < 0)
		return r;
	if (!is_typedef && tokens_take(tokens, ';')) {
		if (!token_is_name(&begin, "struct") && !token_is_name(&begin, "union") && !token_is_name(&begin, "enum"))
			return fail_at(&begin, "a declaration is a type, a name, and ';'", "nothing is declared");
		return attributes_allow(attributes, 0, "a struct, union or enum", "attributes stand in front of its fields");
	}
	do {
		r = declare_one(parser, is_typedef, &specifier, attributes);
		if (r < 0)
			return r;
	} while (tokens_take(tokens, ','));
	return tokens_expect(tokens, ';', "after the declaration", "each declaration ends with ';'");
}

int declaration_parse(struct parser *parser)
{
	struct attribute *attributes = NULL;
	int r = attributes_parse(parser, &attributes);
	if (r == 0)
		r = take_file_attributes(parser, &attributes);
	if (r < 0)
		return r;
	if (parser->tokens.at.kind == TOKEN_END)
		return attributes_allow(attributes, 0, "nothing", "attributes stand in front of a declaration");
	if (tokens_take(&parser->tokens, ';'))
		return attributes_allow(attributes, 0, "nothing", "attributes stand in front of a declaration");
	return parse_declaration(parser, attributes);
}
