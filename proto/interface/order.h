/* SPDX-License-Identifier: MIT */
/*
 * Which parameters must be known before others can be carried, because a size follows a pointer to them.
 */
#ifndef CBB_INTERFACE_ORDER_H
#define CBB_INTERFACE_ORDER_H

#include "interface/check.h"

/* The number of a parameter whose size depends on itself, directly or around; -1: there is none. */
int order_find_circle(const Cbb__Interface *message, const Cbb__Function *function);

/*
 * The first name x of a call.x or *call.x in the function type of this callback parameter that `function` does not
 * have as an integer, or pointer to one; NULL: none. In a buffer of the thread.
 */
const char *order_missing_name(const Cbb__Interface *message, const Cbb__Function *function,
                               const Cbb__Param *callback);

#endif
