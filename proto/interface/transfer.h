/* SPDX-License-Identifier: MIT */
/*
 * Functions named in transfer(full(f)): they may be declared later, so they are checked at the end.
 */
#ifndef CBB_INTERFACE_TRANSFER_H
#define CBB_INTERFACE_TRANSFER_H

#include "interface/parser.h"

int transfer_remember(struct parser *parser, const struct token *name);
int transfer_check(struct parser *parser);

#endif
