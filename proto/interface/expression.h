/* SPDX-License-Identifier: MIT */
/*
 * Expressions: text -> tree, and the value of those that are constant.
 */
#ifndef CBB_INTERFACE_EXPRESSION_H
#define CBB_INTERFACE_EXPRESSION_H

#include "interface/parser.h"

int expression_parse(struct parser *parser, struct node **ret_node);

/*
 * The value of an integer expression of numbers and enum constants. `what` stands in errors: "an array's
 * size". Overflow and division by zero are errors.
 */
int expression_constant(struct parser *parser, const struct node *node, const char *what, int64_t *ret_value);

/* Whether nothing in it depends on a call. */
bool expression_is_constant(struct parser *parser, const struct node *node);

#endif
