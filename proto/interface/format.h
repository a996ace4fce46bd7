/* SPDX-License-Identifier: MIT */
/*
 * format(printf, ...): a text and what it is printed with, a va_list or a `...`, that pass as one finished text.
 */
#ifndef CBB_INTERFACE_FORMAT_H
#define CBB_INTERFACE_FORMAT_H

#include "interface/describe.h"

/*
 * The parameters of a function type, with a va_list in the place of a `...` that a format is printed with. 1:
 * ret_params has them; 0: there is no such `...`.
 */
int format_open(struct parser *parser, const struct function_text *text, struct declared_list *ret_params);

/* A parameter of type va_list. */
bool format_is_list(const struct parser *parser, uint32_t type);

int format_refer(struct scene *scene, struct described *item);

/* Each va_list belongs to one format. The parameters have been described. */
int format_check(struct parser *parser, const struct function_text *text, const Cbb__Function *function);

#endif
