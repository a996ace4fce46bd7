/* SPDX-License-Identifier: MIT */
/*
 * Parameters whose type another argument tells: [case(kind, 1: const char *; 2: const struct item *)] const void *.
 * Each alternative is described like a parameter of its type.
 */
#ifndef CBB_INTERFACE_CASE_H
#define CBB_INTERFACE_CASE_H

#include "interface/describe.h"

/* First pass: the parameter has the word `case`. */
int case_describe(struct scene *scene, struct described *item);
/* Second pass; does nothing for others. */
int case_refer(struct scene *scene, struct described *item);

/* [slot]: user data in a cell, both ways. The words of the parameter become those. */
int case_describe_slot(struct scene *scene, struct described *item, word_set *words);

#endif
