/* SPDX-License-Identifier: MIT */
#include "interface/choice.h"

#include "interface/expression.h"
#include "interface/function.h"
#include "interface/specifier.h"

#include <string.h>

#define LABELS_TOTAL_MAX 4096 /* of one list of cases */
#define CASE_HINT "write case(kind, 1: const char *; 2, 3: const struct item *)"
#define SELECT_HINT "write select(parameter, case 1: const char *; case 2: int, int)"
#define OPTION_HINT "write sentinel(0), select(int, case 1: const char *; case 2: int, int)"

static int parse_label(struct parser *parser, struct choice *choice)
{
	struct node *node = NULL;
	struct token at = parser->tokens.at;
	int r = expression_parse(parser, &node);
	if (r == 0 && choice->n_labels == LABELS_MAX)
		r = fail_at(&at, "write two cases with the same types", "a case has more than %d values", LABELS_MAX);
	if (r == 0)
		r = expression_constant(parser, node, "the value of a case", &choice->labels[choice->n_labels]);
	choice->n_labels += r == 0;
	return r;
}

/* `1, 2:` */
static int parse_labels(struct parser *parser, struct choice *choice, const char *hint)
{
	choice->labels = parser_allocate(parser, LABELS_MAX * sizeof *choice->labels);
	if (!choice->labels)
		return fail_memory();
	do {
		int r = parse_label(parser, choice);
		if (r < 0)
			return r;
	} while (tokens_take(&parser->tokens, ','));
	return tokens_expect(&parser->tokens, ':', "after the values of a case", hint);
}

/* The types of a case, or void. */
static int parse_types(struct parser *parser, struct declared_list *ret_types)
{
	struct tokens *tokens = &parser->tokens;
	if (token_is_name(&tokens->at, "void") && !token_is_mark(&tokens->after, '*') &&
	    !token_is_name(&tokens->after, "const")) {
		tokens_next(tokens);
		return 0;
	}
	do {
		int r = function_parse_param(parser, ret_types);
		if (r < 0)
			return r;
	} while (tokens_take(tokens, ','));
	return ret_types->ellipsis.size ? fail_at(&ret_types->ellipsis, "list the types that follow",
	                                          "a case says what follows, and not ...")
	                                : 0;
}

/* Cases up to the closing parenthesis; `word` stands in front of each, if there is one. */
static int parse_choices(struct parser *parser, const char *word, const char *hint, struct choice **ret_choices)
{
	struct tokens *tokens = &parser->tokens;
	int r = parser_enter(parser);
	if (r < 0)
		return r;
	do {
		struct choice *choice = parser_allocate(parser, sizeof *choice);
		if (!choice)
			return fail_memory();
		choice->token = tokens->at;
		if (word && !token_is_name(&tokens->at, word))
			return fail_at(&tokens->at, hint, "'%s' is expected, not '%.*s'", word, TOKEN_TEXT(&tokens->at));
		if (word)
			tokens_next(tokens);
		r = parse_labels(parser, choice, hint);
		if (r == 0)
			r = parse_types(parser, &choice->params);
		if (r < 0)
			return r;
		*ret_choices = choice;
		ret_choices = &choice->next;
	} while (tokens_take(tokens, ';') && !token_is_mark(&tokens->at, ')'));
	parser_leave(parser);
	return 0;
}

int choice_parse_case(struct parser *parser, struct attribute *attribute)
{
	int r = expression_parse(parser, &attribute->expression);
	if (r == 0)
		r = tokens_expect(&parser->tokens, ',', "after what chooses the case", CASE_HINT);
	return r < 0 ? r : parse_choices(parser, NULL, CASE_HINT, &attribute->choices);
}

/* The name of a parameter, or the type of an option. */
int choice_parse_select(struct parser *parser, struct attribute *attribute)
{
	struct tokens *tokens = &parser->tokens;
	int r = 0;
	attribute->argument = tokens->at;
	if (specifier_is_next(parser, &tokens->at))
		r = function_parse_param(parser, &attribute->option);
	else if (tokens->at.kind == TOKEN_NAME)
		tokens_next(tokens);
	else
		r = fail_at(&tokens->at, SELECT_HINT, "a parameter or a type is expected, not '%.*s'", TOKEN_TEXT(&tokens->at));
	if (r == 0)
		r = tokens_expect(tokens, ',', "after what chooses the case",
		                  attribute->option.n ? OPTION_HINT : SELECT_HINT);
	return r < 0 ? r : parse_choices(parser, "case", SELECT_HINT, &attribute->choices);
}

int choice_parse_sentinel(struct parser *parser, struct attribute *attribute)
{
	int r = expression_parse(parser, &attribute->expression);
	if (r < 0 || !tokens_take(&parser->tokens, ','))
		return r;
	return function_parse_param(parser, &attribute->option);
}

const struct choice *choice_find(const struct choice *choices, int64_t label)
{
	for (; choices; choices = choices->next)
		for (size_t i = 0; i < choices->n_labels; i++)
			if (choices->labels[i] == label)
				return choices;
	return NULL;
}

/* Whether the i-th label of the case stands there before. */
static bool is_among(const struct choice *choice, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (choice->labels[j] == choice->labels[i])
			return true;
	return false;
}

int choice_check_labels(const struct choice *choices)
{
	size_t n = 0;
	for (const struct choice *choice = choices; choice; choice = choice->next) {
		n += choice->n_labels;
		if (n > LABELS_TOTAL_MAX)
			return fail_at(&choice->token, "describe the cases that are used", "there are more than %d values",
			               LABELS_TOTAL_MAX);
		for (size_t i = 0; i < choice->n_labels; i++)
			if (choice_find(choices, choice->labels[i]) != choice || is_among(choice, i))
				return fail_at(&choice->token, "say each value once", "the value %lld chooses two cases",
				               (long long)choice->labels[i]);
	}
	return 0;
}

int64_t *choice_copy_labels(struct parser *parser, const struct choice *choice)
{
	int64_t *labels = memory_allocate(parser->model.memory, choice->n_labels * sizeof *labels);
	if (labels)
		memcpy(labels, choice->labels, choice->n_labels * sizeof *labels);
	return labels;
}
