/* SPDX-License-Identifier: MIT */
/*
 * How callbacks of a function type are delivered by default: auto, local, blocking, listener, latest; rate and
 * priority; `key` on one parameter.
 */
#ifndef CBB_INTERFACE_DELIVERY_H
#define CBB_INTERFACE_DELIVERY_H

#include "interface/function.h"

/* Fills in the function's entry; its parameters have been described. Refuses what cannot be delivered so. */
int delivery_set(struct parser *parser, const struct function_text *text, Cbb__Function *function);

#endif
