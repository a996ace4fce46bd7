/* SPDX-License-Identifier: MIT */
/*
 * One pointer of a declaration, as describe.c looks at it; and those that point to elements.
 */
#ifndef CBB_INTERFACE_ELEMENT_H
#define CBB_INTERFACE_ELEMENT_H

#include "interface/describe.h"

enum place {
	PLACE_PARAM,
	PLACE_RESULT,
	PLACE_FIELD,
	PLACE_INNER_IN,  /* behind a pointer whose elements only go in */
	PLACE_INNER_OUT, /* behind one whose elements come back, or behind a result */
};

struct level {
	uint32_t param, type;
	word_set words;  /* ATTRIBUTE_BITs: those of the declaration that speak of this pointer */
	enum place place;
};

bool level_has(const struct level *level, enum word word);

/* Fails if a word speaks of this pointer that is not among `allowed`. */
int level_allow(struct scene *scene, const struct described *item, const struct level *level, word_set allowed,
                const char *what);

/* Decides the mode of the pointer and fills in its Param. */
int describe_pointer(struct scene *scene, struct described *item, const struct level *level);

/* The pointer is one to elements. `inner_words` are those that speak of the pointers among them. */
int describe_elements(struct scene *scene, struct described *item, const struct level *level, word_set inner_words);

/* What is held in place: a number or a struct. */
int describe_value(struct scene *scene, const struct described *item, uint32_t param, uint32_t type);

#endif
