/* SPDX-License-Identifier: MIT */
/*
 * What stands at the top level of a text: functions, typedefs, structs, enums.
 */
#ifndef CBB_INTERFACE_DECLARATION_H
#define CBB_INTERFACE_DECLARATION_H

#include "interface/parser.h"

/* One declaration with its attributes, and library() and header() in front of it. */
int declaration_parse(struct parser *parser);

#endif
