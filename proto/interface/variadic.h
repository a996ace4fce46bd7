/* SPDX-License-Identifier: MIT */
/*
 * Functions with `...`: each case becomes a function of its own, with what is passed then as parameters.
 */
#ifndef CBB_INTERFACE_VARIADIC_H
#define CBB_INTERFACE_VARIADIC_H

#include "interface/describe.h"

/* functions[base] is that of the text. Enters its cases, if it has `...`; does nothing if it has none. */
int variadic_emit(struct parser *parser, const struct function_text *text, uint32_t base);

#endif
