/* SPDX-License-Identifier: MIT */
/*
 * Expressions over a call: tree -> entries of the expression table.
 */
#ifndef CBB_INTERFACE_EMIT_H
#define CBB_INTERFACE_EMIT_H

#include "interface/describe.h"

/* When it is evaluated: before the call only what goes in is known. */
enum phase { PHASE_BEFORE, PHASE_AFTER };

/* `ret_reference` becomes the index + 1. All parameters must have their modes. */
int emit_expression(struct scene *scene, const struct node *node, enum phase phase, uint32_t *ret_reference);

int emit_constant(struct scene *scene, int64_t value, uint32_t *ret_reference);

/* The parameter or field of that name; NULL. */
struct described *scene_find(struct scene *scene, const struct token *name);
uint32_t scene_number(const struct scene *scene, const struct described *item);

#endif
