/* SPDX-License-Identifier: MIT */
#include "interface/expression.h"

#define OPERAND_HINT \
	"an expression is made of parameters, *parameter, parameter->field, return, call.parameter, " \
	"constants, min(a, b), max(a, b), + - * / and comparisons"

static int node_new(struct parser *parser, enum node_kind kind, const struct token *token, struct node **ret_node)
{
	struct node *node = parser_allocate(parser, sizeof *node);
	if (!node)
		return fail_memory();
	node->kind = kind;
	node->token = *token;
	node->integer = token->integer;
	node->real = token->real;
	node->height = 1;
	*ret_node = node;
	return 0;
}

static int node_take(struct parser *parser, enum node_kind kind, struct node **ret_node)
{
	int r = node_new(parser, kind, &parser->tokens.at, ret_node);
	if (r == 0)
		tokens_next(&parser->tokens);
	return r;
}

/* Chains of operators grow without recursion of the parser, but what walks the tree recurses. */
static int node_measure(struct node *node)
{
	const struct node *const parts[] = {node->condition, node->left, node->right};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i] && parts[i]->height >= node->height)
			node->height = parts[i]->height + 1;
	if (node->height > NODE_HEIGHT_MAX)
		return fail_at(&node->token, "write a constant's value as a number", "this expression is too long");
	return 0;
}

static int parse_choice(struct parser *parser, struct node **ret_node);

/* min(a, b) and max(a, b); `min` is next. */
static int parse_function(struct parser *parser, struct node **ret_node)
{
	struct tokens *tokens = &parser->tokens;
	enum node_kind kind = token_is_name(&tokens->at, "min") ? NODE_MIN : NODE_MAX;
	struct node *node = NULL;
	int r = node_take(parser, kind, &node);
	if (r == 0)
		r = tokens_expect(tokens, '(', "here", "min and max take two values: min(a, b)");
	if (r == 0)
		r = parse_choice(parser, &node->left);
	if (r == 0)
		r = tokens_expect(tokens, ',', "between the two values", "min and max take two values: min(a, b)");
	if (r == 0)
		r = parse_choice(parser, &node->right);
	if (r == 0)
		r = tokens_expect(tokens, ')', "after the two values", "min and max take two values: min(a, b)");
	if (r == 0)
		r = node_measure(node);
	if (r == 0)
		*ret_node = node;
	return r;
}

/* call.name, `call` is next. */
static int parse_call(struct parser *parser, struct node **ret_node)
{
	tokens_next(&parser->tokens); /* call */
	tokens_next(&parser->tokens); /* . */
	if (parser->tokens.at.kind != TOKEN_NAME)
		return fail_at(&parser->tokens.at, "name a parameter of the native call: call.size",
		               "a name is expected behind 'call.'");
	return node_take(parser, NODE_CALL, ret_node);
}

static int parse_name(struct parser *parser, struct node **ret_node)
{
	struct tokens *tokens = &parser->tokens;
	bool has_parentheses = token_is_mark(&tokens->after, '(');
	if ((token_is_name(&tokens->at, "min") || token_is_name(&tokens->at, "max")) && has_parentheses)
		return parse_function(parser, ret_node);
	if (token_is_name(&tokens->at, "call") && token_is_mark(&tokens->after, '.'))
		return parse_call(parser, ret_node);
	if (token_is_name(&tokens->at, "return"))
		return node_take(parser, NODE_RETURN, ret_node);
	if (token_is_name(&tokens->at, "NULL"))
		return node_take(parser, NODE_NULL, ret_node);
	if (token_is_name(&tokens->at, "sizeof") || has_parentheses)
		return fail_at(&tokens->at, OPERAND_HINT, "'%.*s' cannot be computed here", TOKEN_TEXT(&tokens->at));
	return node_take(parser, NODE_NAME, ret_node);
}

static int parse_operand(struct parser *parser, struct node **ret_node)
{
	struct tokens *tokens = &parser->tokens;
	if (tokens->at.kind == TOKEN_INTEGER)
		return node_take(parser, NODE_INTEGER, ret_node);
	if (tokens->at.kind == TOKEN_REAL)
		return node_take(parser, NODE_REAL, ret_node);
	if (tokens->at.kind == TOKEN_NAME)
		return parse_name(parser, ret_node);
	if (!tokens_take(tokens, '('))
		return fail_at(&tokens->at, OPERAND_HINT, "a value is expected, not '%.*s'", TOKEN_TEXT(&tokens->at));
	int r = parse_choice(parser, ret_node);
	return r < 0 ? r : tokens_expect(tokens, ')', "after the expression", "close the parenthesis");
}

/* Members bind to a parameter or to the field of a parameter. */
static int parse_members(struct parser *parser, struct node **ret_node)
{
	struct tokens *tokens = &parser->tokens;
	int r = parse_operand(parser, ret_node);
	while (r == 0 && (token_is_mark(&tokens->at, '.') || token_is_mark(&tokens->at, MARK_ARROW))) {
		struct node *left = *ret_node;
		int mark = tokens->at.mark;
		if (left->kind != NODE_NAME && left->kind != NODE_MEMBER)
			return fail_at(&tokens->at, "write parameter->field", "only a parameter has fields");
		tokens_next(tokens);
		if (tokens->at.kind != TOKEN_NAME)
			return fail_at(&tokens->at, "write parameter->field", "the name of a field is expected");
		r = node_take(parser, NODE_MEMBER, ret_node);
		if (r == 0) {
			(*ret_node)->left = left;
			(*ret_node)->operator_mark = mark;
			r = node_measure(*ret_node);
		}
	}
	return r;
}

static int parse_unary(struct parser *parser, struct node **ret_node)
{
	struct tokens *tokens = &parser->tokens;
	int mark = tokens->at.kind == TOKEN_MARK ? tokens->at.mark : 0;
	if (mark != '-' && mark != '+' && mark != '~' && mark != '!' && mark != '*')
		return parse_members(parser, ret_node);
	struct node *node = NULL;
	int r = parser_enter(parser);
	if (r < 0)
		return r;
	r = node_take(parser, mark == '*' ? NODE_DEREF : NODE_UNARY, &node);
	if (r == 0)
		r = parse_unary(parser, &node->left);
	parser_leave(parser);
	if (r < 0)
		return r;
	node->operator_mark = mark;
	if (mark == '*' && node->left->kind != NODE_NAME && node->left->kind != NODE_CALL)
		return fail_at(&node->token, "write *parameter or *call.parameter", "only a parameter can be followed");
	*ret_node = node;
	return node_measure(node);
}

/* How strongly an operator binds, as in C; 0: it is none. */
static int binding(const struct token *token)
{
	if (token->kind != TOKEN_MARK)
		return 0;
	switch (token->mark) {
	case '*': case '/': case '%': return 10;
	case '+': case '-': return 9;
	case MARK_LEFT: case MARK_RIGHT: return 8;
	case '<': case '>': case MARK_AT_MOST: case MARK_AT_LEAST: return 7;
	case MARK_EQUAL: case MARK_UNEQUAL: return 6;
	case '&': return 5;
	case '^': return 4;
	case '|': return 3;
	case MARK_AND: return 2;
	case MARK_OR: return 1;
	default: return 0;
	}
}

static int parse_binary(struct parser *parser, int least, struct node **ret_node)
{
	struct tokens *tokens = &parser->tokens;
	int r = parse_unary(parser, ret_node);
	while (r == 0 && binding(&tokens->at) >= least) {
		int strength = binding(&tokens->at);
		struct node *node = NULL, *left = *ret_node;
		r = node_take(parser, NODE_BINARY, &node);
		if (r < 0)
			return r;
		node->operator_mark = node->token.mark;
		node->left = left;
		r = parse_binary(parser, strength + 1, &node->right);
		*ret_node = node;
		if (r == 0)
			r = node_measure(node);
	}
	return r;
}

static int parse_choice(struct parser *parser, struct node **ret_node)
{
	struct tokens *tokens = &parser->tokens;
	int r = parser_enter(parser);
	if (r < 0)
		return r;
	r = parse_binary(parser, 1, ret_node);
	if (r == 0 && token_is_mark(&tokens->at, '?')) {
		struct node *node = NULL;
		r = node_take(parser, NODE_CHOICE, &node);
		if (r == 0) {
			node->condition = *ret_node;
			r = parse_choice(parser, &node->left);
		}
		if (r == 0)
			r = tokens_expect(tokens, ':', "between the two values", "a choice is written condition ? a : b");
		if (r == 0)
			r = parse_choice(parser, &node->right);
		if (r == 0)
			r = node_measure(node);
		if (r == 0)
			*ret_node = node;
	}
	parser_leave(parser);
	return r;
}

int expression_parse(struct parser *parser, struct node **ret_node)
{
	return parse_choice(parser, ret_node);
}
