/* SPDX-License-Identifier: MIT */
/*
 * Which parameters must be known before others can be carried, because a size follows a pointer to them.
 */
#ifndef CBB_INTERFACE_ORDER_H
#define CBB_INTERFACE_ORDER_H

#include "interface/check.h"

#include <stdbool.h>

/* The number of a parameter whose size depends on itself, directly or around; -1: there is none. */
int order_find_circle(const Cbb__Interface *message, const Cbb__Function *function);

/* Whether a size of this parameter, or of what is behind it, is said with call.x. */
bool order_uses_call(const Cbb__Interface *message, uint32_t param);

/*
 * The first name x of a call.x or *call.x, in the function type of a callback that this parameter is or holds for the
 * time of the call, that `function` does not have as an integer, or pointer to one; NULL: none. In a buffer of the
 * thread.
 */
const char *order_missing_name(const Cbb__Interface *message, const Cbb__Function *function, uint32_t param);

#endif
