/* SPDX-License-Identifier: MIT */
#include "interface/expression.h"

bool expression_is_constant(struct parser *parser, const struct node *node)
{
	if (!node)
		return true;
	switch (node->kind) {
	case NODE_INTEGER:
		return true;
	case NODE_NAME: {
		const struct symbol *symbol = symbols_find(&parser->symbols, &node->token);
		return symbol && symbol->kind == SYMBOL_CONSTANT;
	}
	case NODE_UNARY: case NODE_BINARY: case NODE_MIN: case NODE_MAX: case NODE_CHOICE:
		return expression_is_constant(parser, node->condition) && expression_is_constant(parser, node->left) &&
		       expression_is_constant(parser, node->right);
	default:
		return false;
	}
}

/* False: overflow, division by zero, or a shift by too much. */
static bool compute_arithmetic(int mark, int64_t left, int64_t right, int64_t *ret_value)
{
	switch (mark) {
	case '+': return !__builtin_add_overflow(left, right, ret_value);
	case '-': return !__builtin_sub_overflow(left, right, ret_value);
	case '*': return !__builtin_mul_overflow(left, right, ret_value);
	case '/': case '%':
		if (right == 0 || (left == INT64_MIN && right == -1))
			return false;
		*ret_value = mark == '/' ? left / right : left % right;
		return true;
	case MARK_LEFT:
		return right >= 0 && right < 63 && !__builtin_mul_overflow(left, (int64_t)1 << right, ret_value);
	default: /* MARK_RIGHT */
		if (right < 0 || right > 63)
			return false;
		*ret_value = left >> right;
		return true;
	}
}

static int64_t compute_logic(int mark, int64_t left, int64_t right)
{
	switch (mark) {
	case '<': return left < right;
	case '>': return left > right;
	case MARK_AT_MOST: return left <= right;
	case MARK_AT_LEAST: return left >= right;
	case MARK_EQUAL: return left == right;
	case MARK_UNEQUAL: return left != right;
	case '&': return left & right;
	case '^': return left ^ right;
	case '|': return left | right;
	case MARK_AND: return left && right;
	default: return left || right;
	}
}

static int constant_name(struct parser *parser, const struct node *node, const char *what, int64_t *ret_value)
{
	const struct symbol *symbol = symbols_find(&parser->symbols, &node->token);
	if (!symbol || symbol->kind != SYMBOL_CONSTANT)
		return fail_at(&node->token,
		               "a constant is a number, a character, or an enum constant declared above; attributes stand in "
		               "front of the whole declaration, before its type",
		               "%s must be constant, and '%.*s' is not", what, TOKEN_TEXT(&node->token));
	*ret_value = symbol->value;
	return 0;
}

static int constant_unary(struct parser *parser, const struct node *node, const char *what, int64_t *ret_value)
{
	int64_t value = 0;
	int r = expression_constant(parser, node->left, what, &value);
	if (r < 0)
		return r;
	if (node->operator_mark == '-' && value == INT64_MIN)
		return fail_at(&node->token, "constants have 64 bits", "%s is too large", what);
	switch (node->operator_mark) {
	case '-': *ret_value = -value; break;
	case '~': *ret_value = ~value; break;
	case '!': *ret_value = !value; break;
	default: *ret_value = value;
	}
	return 0;
}

static int constant_binary(struct parser *parser, const struct node *node, const char *what, int64_t *ret_value)
{
	static const int arithmetic[] = {'+', '-', '*', '/', '%', MARK_LEFT, MARK_RIGHT};
	int64_t left = 0, right = 0;
	int r = expression_constant(parser, node->left, what, &left);
	if (r == 0)
		r = expression_constant(parser, node->right, what, &right);
	if (r < 0)
		return r;
	if (node->kind != NODE_BINARY) {
		*ret_value = (node->kind == NODE_MIN) == (left < right) ? left : right;
		return 0;
	}
	for (size_t i = 0; i < sizeof arithmetic / sizeof *arithmetic; i++)
		if (arithmetic[i] == node->operator_mark)
			return compute_arithmetic(node->operator_mark, left, right, ret_value)
			           ? 0
			           : fail_at(&node->token, "constants have 64 bits, and nothing is divided by zero",
			                     "%s cannot be computed", what);
	*ret_value = compute_logic(node->operator_mark, left, right);
	return 0;
}

int expression_constant(struct parser *parser, const struct node *node, const char *what, int64_t *ret_value)
{
	int64_t condition = 0;
	int r;
	switch (node->kind) {
	case NODE_INTEGER:
		*ret_value = node->integer;
		return 0;
	case NODE_NAME:
		return constant_name(parser, node, what, ret_value);
	case NODE_UNARY:
		return constant_unary(parser, node, what, ret_value);
	case NODE_BINARY: case NODE_MIN: case NODE_MAX:
		return constant_binary(parser, node, what, ret_value);
	case NODE_CHOICE:
		r = expression_constant(parser, node->condition, what, &condition);
		return r < 0 ? r : expression_constant(parser, condition ? node->left : node->right, what, ret_value);
	default:
		return fail_at(&node->token, "a constant is a whole number, a character, or an enum constant declared above",
		               "%s must be a constant whole number", what);
	}
}
