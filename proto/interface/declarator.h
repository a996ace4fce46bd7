/* SPDX-License-Identifier: MIT */
/*
 * Declarators: what stands around a declared name, `(*name[4])(int)`, and the type it makes of a base type.
 */
#ifndef CBB_INTERFACE_DECLARATOR_H
#define CBB_INTERFACE_DECLARATOR_H

#include "interface/parser.h"
#include "interface/specifier.h"

#define DERIVATIONS_MAX 16

enum derivation_kind { DERIVE_POINTER, DERIVE_ARRAY, DERIVE_FUNCTION };

struct derivation {
	enum derivation_kind kind;
	struct token token;             /* where it stands */
	bool is_const;                  /* of a pointer itself */
	uint64_t count;                 /* of an array; 0: not given */
	struct declared_list params;
};

/* Read from the name outward: the first says what the name is. */
struct declarator {
	struct token name;              /* size 0: it has none */
	struct derivation items[DERIVATIONS_MAX];
	unsigned n;
	bool is_unsized;                /* it is an array without a count */
};

int declarator_parse(struct parser *parser, struct declarator *ret_declarator);

/*
 * The type of what is declared. Function types on the way are entered; `attributes` go with the one that the
 * name itself is, or points to (NULL: none may).
 */
int declarator_build(struct parser *parser, const struct declarator *declarator, const struct specifier *specifier,
                     struct attribute *attributes, struct declared *ret_declared);

/* The same from the i-th on: the type of what the derivations before it are made of. */
int declarator_build_from(struct parser *parser, const struct declarator *declarator, unsigned begin,
                          const struct specifier *specifier, struct attribute *attributes,
                          struct qualified *ret_type);

/* Gives the declared thing its attributes, and those of the typedef it is declared with. */
void declared_inherit(struct parser *parser, struct declared *declared, struct attribute *attributes,
                      const struct specifier *specifier, const struct declarator *declarator);

int declared_append(struct parser *parser, struct declared_list *list, const struct declared *declared);

#endif
