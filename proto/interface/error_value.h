/* SPDX-License-Identifier: MIT */
/*
 * on_error(v): the value of a result that stands for failure.
 */
#ifndef CBB_INTERFACE_ERROR_VALUE_H
#define CBB_INTERFACE_ERROR_VALUE_H

#include "interface/parser.h"

/* The bits for Function.on_error; 0 without the attribute. Fails if the result cannot have the value. */
int error_value(struct parser *parser, const struct attribute *attribute, const Cbb__Type *type, uint64_t *ret_bits);

#endif
