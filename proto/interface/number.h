/* SPDX-License-Identifier: MIT */
/*
 * Integer and floating constants of C.
 */
#ifndef CBB_INTERFACE_NUMBER_H
#define CBB_INTERFACE_NUMBER_H

#include "interface/token.h"

/* Completes the token, whose text begins with a digit or a point. Returns its size; `left` bytes may be read. */
size_t number_scan(struct token *token, size_t left);

#endif
