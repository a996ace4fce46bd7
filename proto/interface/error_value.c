/* SPDX-License-Identifier: MIT */
#include "interface/error_value.h"

#include "interface/expression.h"
#include "interface/layout.h"

#include <string.h>

static bool fits(Cbb__Kind kind, int64_t value)
{
	unsigned bits = 8 * layout_scalar_bytes(kind);
	if (kind == CBB__KIND__KIND_BOOL)
		return value == 0 || value == 1;
	if (bits == 64) /* -1 may stand for all bits set */
		return true;
	if (layout_is_signed(kind))
		return value >= -((int64_t)1 << (bits - 1)) && value < (int64_t)1 << (bits - 1);
	return value >= -1 && value < (int64_t)1 << bits;
}

/* The bits of the result's type, widened as C widens that type. */
static uint64_t widen(Cbb__Kind kind, int64_t value)
{
	unsigned bits = 8 * layout_scalar_bytes(kind);
	return layout_is_signed(kind) || bits == 64 ? (uint64_t)value : (uint64_t)value & (((uint64_t)1 << bits) - 1);
}

/* A number of C, with a sign or without. */
static int real_constant(struct parser *parser, const struct node *node, double *ret_value)
{
	bool is_negative = node->kind == NODE_UNARY && node->operator_mark == '-';
	const struct node *number = is_negative ? node->left : node;
	int64_t whole = 0;
	if (number->kind == NODE_REAL) {
		*ret_value = is_negative ? -number->real : number->real;
		return 0;
	}
	int r = expression_constant(parser, node, "on_error", &whole);
	*ret_value = (double)whole;
	return r;
}

int error_value(struct parser *parser, const struct attribute *attribute, const Cbb__Type *type, uint64_t *ret_bits)
{
	int64_t value = 0;
	double real = 0;
	int r = 0;
	*ret_bits = 0;
	if (!attribute)
		return 0;
	bool is_real = layout_is_scalar(type->kind) && !layout_is_integer(type->kind);
	bool is_pointer = type->kind == CBB__KIND__KIND_POINTER;
	if (!layout_is_scalar(type->kind) && !is_pointer)
		return fail_at(&attribute->token, "a struct result is all zeros on error; void has none",
		               "on_error goes with a number or a pointer");
	if (is_real)
		r = real_constant(parser, attribute->expression, &real);
	else if (!is_pointer || attribute->expression->kind != NODE_NULL)
		r = expression_constant(parser, attribute->expression, "on_error", &value);
	if (r < 0)
		return r;
	if (!is_real && !is_pointer && !fits(type->kind, value))
		return fail_at(&attribute->token, "give a value that the result's type can have", "on_error(%lld) does not fit",
		               (long long)value);
	if (is_real)
		memcpy(ret_bits, &real, sizeof real);
	else
		*ret_bits = widen(type->kind, value);
	return 0;
}
