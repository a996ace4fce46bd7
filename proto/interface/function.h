/* SPDX-License-Identifier: MIT */
/*
 * Functions and function types: their parameters in the text, and their entries in the tables.
 */
#ifndef CBB_INTERFACE_FUNCTION_H
#define CBB_INTERFACE_FUNCTION_H

#include "interface/parser.h"

/* Reads one parameter, `[attributes] type name`, and appends it. */
int function_parse_param(struct parser *parser, struct declared_list *params);

/* Reads `(parameters)`. */
int function_parse_params(struct parser *parser, struct declared_list *ret_params);

struct function_text {
	struct token name;          /* size 0: none; then the place for errors */
	struct declared result;     /* its attributes: those of the result and of the function */
	const struct declared_list *params;
	bool is_type;
	bool is_case;                 /* of a `...` */
	const struct choice *choices; /* is_case: all of them; else NULL */
};

int function_emit(struct parser *parser, const struct function_text *text, uint32_t *ret_index);

#endif
