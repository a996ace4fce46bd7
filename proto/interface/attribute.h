/* SPDX-License-Identifier: MIT */
/*
 * Attribute lists: [word, word(argument), ...].
 */
#ifndef CBB_INTERFACE_ATTRIBUTE_H
#define CBB_INTERFACE_ATTRIBUTE_H

#include "interface/parser.h"

/* Reads all lists that stand here, [a] [b, c], in order; NULL if there is none. A word may occur once. */
int attributes_parse(struct parser *parser, struct attribute **ret_attributes);

const char *attribute_name(enum word word);
struct attribute *attribute_find(struct attribute *attributes, enum word word);

/* Fails if an attribute is there that is not among `allowed`, a set of ATTRIBUTE_BITs. `what` is what they stand on. */
#define ATTRIBUTE_BIT(word) ((word_set)1 << (word))
int attributes_allow(const struct attribute *attributes, word_set allowed, const char *what, const char *hint);

#endif
