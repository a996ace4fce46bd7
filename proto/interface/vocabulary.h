/* SPDX-License-Identifier: MIT */
/*
 * The attribute words: those that are known, and what to say about the others.
 */
#ifndef CBB_INTERFACE_VOCABULARY_H
#define CBB_INTERFACE_VOCABULARY_H

#include "interface/tree.h"

enum shape {
	SHAPE_NONE,
	SHAPE_EXPRESSION,
	SHAPE_OPTIONAL_EXPRESSION,
	SHAPE_NAME,
	SHAPE_OPTIONAL_NAME,
	SHAPE_SCOPE,
	SHAPE_LIFETIME,
	SHAPE_TRANSFER,
	SHAPE_ELEMENTS,
	SHAPE_VALUES,
	SHAPE_STRING,
	SHAPE_OVERFLOW,
	SHAPE_NAMES,
	SHAPE_FORMAT,
	SHAPE_CASE,
	SHAPE_SELECT,
	SHAPE_SENTINEL,
};

struct vocabulary {
	const char *name;
	enum word word;
	enum shape shape;
	const char *example; /* for errors */
};

const struct vocabulary *vocabulary_word(enum word word);

/* The entry of a word in the text. Fails for words that are unknown, or not offered yet. */
int vocabulary_find(const struct token *token, const struct vocabulary **ret_entry);

#endif
