/* SPDX-License-Identifier: MIT */
#include "interface/attribute.h"

#include "interface/choice.h"
#include "interface/expression.h"
#include "interface/vocabulary.h"

#include <stdio.h>

#define SCOPE_HINT \
	"write scope(call), scope(async), scope(notified(callback)), scope(owner(handle)), scope(owner(return)) or " \
	"scope(forever)"
#define LIFETIME_HINT "write lifetime(call), lifetime(next), lifetime(owner(handle)) or lifetime(forever)"
#define TRANSFER_HINT "write transfer(none) or transfer(full(function that frees))"
#define OVERFLOW_HINT \
	"write listener(wait), listener(reject_newest) or listener(drop_oldest); latest is a word of its own, and key " \
	"makes the listener coalesce"
#define FORMAT_HINT "write format(printf, ap), with the va_list parameter, or format(printf, ...)"
#define VALUES_MAX 64
#define NAMES_MAX 64

struct attribute *attribute_find(struct attribute *attributes, enum word word)
{
	while (attributes && attributes->word != word)
		attributes = attributes->next;
	return attributes;
}

const char *attribute_name(enum word word)
{
	return vocabulary_word(word)->name;
}

int attributes_allow(const struct attribute *attributes, word_set allowed, const char *what, const char *hint)
{
	for (; attributes; attributes = attributes->next)
		if (!(allowed & ATTRIBUTE_BIT(attributes->word)))
			return fail_at(&attributes->token, hint, "[%s] has no meaning on %s", attribute_name(attributes->word),
			               what);
	return 0;
}

static int take_name(struct parser *parser, const char *hint, struct token *ret_name)
{
	struct tokens *tokens = &parser->tokens;
	if (tokens->at.kind != TOKEN_NAME)
		return fail_at(&tokens->at, hint, "a name is expected, not '%.*s'", TOKEN_TEXT(&tokens->at));
	*ret_name = tokens->at;
	tokens_next(tokens);
	return 0;
}

/* word(name), of which `word` was read: owner(parser). */
static int take_inner(struct parser *parser, const char *hint, struct token *ret_name)
{
	int r = tokens_expect(&parser->tokens, '(', "here", hint);
	if (r == 0)
		r = take_name(parser, hint, ret_name);
	return r < 0 ? r : tokens_expect(&parser->tokens, ')', "after the name", hint);
}

/* owner(handle), or owner(*pointer): the handle that comes back through it. */
static int take_owner(struct parser *parser, const char *hint, struct attribute *attribute)
{
	int r = tokens_expect(&parser->tokens, '(', "here", hint);
	if (r == 0) {
		attribute->is_indirect = tokens_take(&parser->tokens, '*');
		r = take_name(parser, hint, &attribute->argument);
	}
	return r < 0 ? r : tokens_expect(&parser->tokens, ')', "after the name", hint);
}

static int parse_scope(struct parser *parser, struct attribute *attribute)
{
	struct token word;
	int r = take_name(parser, SCOPE_HINT, &word);
	if (r < 0)
		return r;
	if (token_is_name(&word, "call"))
		attribute->scope = CBB__SCOPE__SCOPE_CALL;
	else if (token_is_name(&word, "forever"))
		attribute->scope = CBB__SCOPE__SCOPE_FOREVER;
	else if (token_is_name(&word, "owner"))
		attribute->scope = CBB__SCOPE__SCOPE_OWNER;
	else if (token_is_name(&word, "async"))
		attribute->scope = CBB__SCOPE__SCOPE_ASYNC;
	else if (token_is_name(&word, "notified"))
		attribute->scope = CBB__SCOPE__SCOPE_NOTIFIED;
	else
		return fail_at(&word, SCOPE_HINT, "'%.*s' is no scope", TOKEN_TEXT(&word));
	if (attribute->scope == CBB__SCOPE__SCOPE_OWNER)
		return take_owner(parser, SCOPE_HINT, attribute);
	return attribute->scope == CBB__SCOPE__SCOPE_NOTIFIED ? take_inner(parser, SCOPE_HINT, &attribute->argument) : 0;
}

static int parse_lifetime(struct parser *parser, struct attribute *attribute)
{
	struct token word;
	int r = take_name(parser, LIFETIME_HINT, &word);
	if (r < 0)
		return r;
	if (token_is_name(&word, "next"))
		attribute->lifetime = CBB__LIFETIME__LIFETIME_NEXT;
	else if (token_is_name(&word, "forever"))
		attribute->lifetime = CBB__LIFETIME__LIFETIME_FOREVER;
	else if (token_is_name(&word, "owner"))
		attribute->lifetime = CBB__LIFETIME__LIFETIME_OWNER;
	else if (token_is_name(&word, "call"))
		attribute->lifetime = CBB__LIFETIME__LIFETIME_CALL;
	else
		return fail_at(&word, LIFETIME_HINT, "'%.*s' is no lifetime", TOKEN_TEXT(&word));
	return attribute->lifetime == CBB__LIFETIME__LIFETIME_OWNER ? take_owner(parser, LIFETIME_HINT, attribute) : 0;
}

static int parse_transfer(struct parser *parser, struct attribute *attribute)
{
	struct token word;
	int r = take_name(parser, TRANSFER_HINT, &word);
	if (r < 0 || token_is_name(&word, "none"))
		return r;
	if (!token_is_name(&word, "full"))
		return fail_at(&word, TRANSFER_HINT, "'%.*s' is no transfer", TOKEN_TEXT(&word));
	return take_inner(parser, TRANSFER_HINT, &attribute->argument);
}

static int parse_elements(struct parser *parser, struct attribute *attribute)
{
	int r = take_name(parser, "write elements(nullable)", &attribute->argument);
	if (r == 0 && !token_is_name(&attribute->argument, "nullable"))
		return fail_at(&attribute->argument, "write elements(nullable)", "elements(%.*s) is not known",
		               TOKEN_TEXT(&attribute->argument));
	return r;
}

static int parse_values(struct parser *parser, struct attribute *attribute)
{
	attribute->values = parser_allocate(parser, VALUES_MAX * sizeof *attribute->values);
	if (!attribute->values)
		return fail_memory();
	do {
		if (attribute->n_values == VALUES_MAX)
			return fail_at(&parser->tokens.at, "at most 64 values", "[values] has too many values");
		int r = expression_parse(parser, &attribute->values[attribute->n_values]);
		if (r < 0)
			return r;
		attribute->n_values++;
	} while (tokens_take(&parser->tokens, ','));
	return 0;
}

static int parse_overflow(struct parser *parser, struct attribute *attribute)
{
	static const struct {
		const char *name;
		Cbb__Overflow overflow;
	} rules[] = {
	    {"wait", CBB__OVERFLOW__OVERFLOW_WAIT},
	    {"reject_newest", CBB__OVERFLOW__OVERFLOW_REJECT_NEWEST},
	    {"drop_oldest", CBB__OVERFLOW__OVERFLOW_DROP_OLDEST},
	};
	int r = take_name(parser, OVERFLOW_HINT, &attribute->argument);
	for (size_t i = 0; r == 0 && i < sizeof rules / sizeof *rules; i++) {
		if (!token_is_name(&attribute->argument, rules[i].name))
			continue;
		attribute->overflow = rules[i].overflow;
		return 0;
	}
	return r < 0 ? r : fail_at(&attribute->argument, OVERFLOW_HINT, "'%.*s' is no rule for events without room",
	                           TOKEN_TEXT(&attribute->argument));
}

static int parse_names(struct parser *parser, struct attribute *attribute)
{
	attribute->names = parser_allocate(parser, NAMES_MAX * sizeof *attribute->names);
	if (!attribute->names)
		return fail_memory();
	do {
		if (attribute->n_names == NAMES_MAX)
			return fail_at(&parser->tokens.at, "at most 64 names", "[%s] has too many names",
			               attribute_name(attribute->word));
		int r = take_name(parser, "name parameters of the same function", &attribute->names[attribute->n_names]);
		if (r < 0)
			return r;
		attribute->n_names++;
	} while (tokens_take(&parser->tokens, ','));
	return 0;
}

/* format(printf, ap); of `...` the argument stays empty. */
static int parse_format(struct parser *parser, struct attribute *attribute)
{
	struct token word;
	int r = take_name(parser, FORMAT_HINT, &word);
	if (r < 0)
		return r;
	if (!token_is_name(&word, "printf"))
		return fail_at(&word, FORMAT_HINT, "'%.*s' is no kind of format that is offered", TOKEN_TEXT(&word));
	if (!tokens_take(&parser->tokens, ',') || tokens_take(&parser->tokens, MARK_ELLIPSIS))
		return 0;
	return take_name(parser, FORMAT_HINT, &attribute->argument);
}

static int parse_string(struct parser *parser, struct attribute *attribute)
{
	if (parser->tokens.at.kind != TOKEN_STRING)
		return fail_at(&parser->tokens.at, "write library(\"libname.so.1\") and header(\"name.h\")",
		               "a text in quotes is expected, not '%.*s'", TOKEN_TEXT(&parser->tokens.at));
	attribute->argument = parser->tokens.at;
	tokens_next(&parser->tokens);
	return 0;
}

static int parse_argument(struct parser *parser, enum shape shape, struct attribute *attribute)
{
	switch (shape) {
	case SHAPE_EXPRESSION: case SHAPE_OPTIONAL_EXPRESSION: return expression_parse(parser, &attribute->expression);
	case SHAPE_NAME: case SHAPE_OPTIONAL_NAME:
		return take_name(parser, "name a parameter of the same function", &attribute->argument);
	case SHAPE_SCOPE: return parse_scope(parser, attribute);
	case SHAPE_LIFETIME: return parse_lifetime(parser, attribute);
	case SHAPE_TRANSFER: return parse_transfer(parser, attribute);
	case SHAPE_ELEMENTS: return parse_elements(parser, attribute);
	case SHAPE_VALUES: return parse_values(parser, attribute);
	case SHAPE_OVERFLOW: return parse_overflow(parser, attribute);
	case SHAPE_NAMES: return parse_names(parser, attribute);
	case SHAPE_FORMAT: return parse_format(parser, attribute);
	case SHAPE_CASE: return choice_parse_case(parser, attribute);
	case SHAPE_SELECT: return choice_parse_select(parser, attribute);
	case SHAPE_SENTINEL: return choice_parse_sentinel(parser, attribute);
	default: return parse_string(parser, attribute); /* SHAPE_STRING */
	}
}

static int parse_arguments(struct parser *parser, const struct vocabulary *entry, struct attribute *attribute)
{
	struct tokens *tokens = &parser->tokens;
	char where[64];
	snprintf(where, sizeof where, "after [%s", entry->name);
	bool is_optional = entry->shape == SHAPE_OPTIONAL_EXPRESSION || entry->shape == SHAPE_OPTIONAL_NAME ||
	                   entry->shape == SHAPE_OVERFLOW;
	if (entry->shape == SHAPE_NONE || (is_optional && !token_is_mark(&tokens->at, '(')))
		return 0;
	int r = tokens_expect(tokens, '(', where, entry->example);
	if (r == 0)
		r = parse_argument(parser, entry->shape, attribute);
	return r < 0 ? r : tokens_expect(tokens, ')', "after the argument of the attribute", entry->example);
}

/* One attribute, appended at *tail. */
static int parse_one(struct parser *parser, struct attribute *all, struct attribute **tail)
{
	struct tokens *tokens = &parser->tokens;
	const struct vocabulary *entry = NULL;
	int r = vocabulary_find(&tokens->at, &entry);
	if (r < 0)
		return r;
	if (attribute_find(all, entry->word))
		return fail_at(&tokens->at, "say it once", "[%s] stands here twice", entry->name);
	struct attribute *attribute = parser_allocate(parser, sizeof *attribute);
	if (!attribute)
		return fail_memory();
	attribute->word = entry->word;
	attribute->token = tokens->at;
	tokens_next(tokens);
	*tail = attribute;
	return parse_arguments(parser, entry, attribute);
}

int attributes_parse(struct parser *parser, struct attribute **ret_attributes)
{
	struct attribute *all = NULL, **tail = &all;
	while (tokens_take(&parser->tokens, '[')) {
		do {
			int r = parse_one(parser, all, tail);
			if (r < 0)
				return r;
			tail = &(*tail)->next;
		} while (tokens_take(&parser->tokens, ','));
		int r = tokens_expect(&parser->tokens, ']', "after the attributes", "attributes are listed as [in, size(n)]");
		if (r < 0)
			return r;
	}
	*ret_attributes = all;
	return 0;
}
