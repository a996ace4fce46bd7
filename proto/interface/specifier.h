/* SPDX-License-Identifier: MIT */
/*
 * What a declaration begins with: const, and a base type such as `unsigned long` or `struct stat`.
 */
#ifndef CBB_INTERFACE_SPECIFIER_H
#define CBB_INTERFACE_SPECIFIER_H

#include "interface/parser.h"

/* Where the base type stands; structs and enums are defined in some places only. */
struct specifier {
	bool may_define;
	struct qualified type;
	const struct symbol *alias; /* the typedef that was used; NULL: none */
};

int specifier_parse(struct parser *parser, struct specifier *specifier);

/* Whether the token begins a type. */
bool specifier_is_next(struct parser *parser, const struct token *token);

/* Steps over `const` and `restrict`. */
bool specifier_take_const(struct parser *parser);

#endif
