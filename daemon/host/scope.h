/* SPDX-License-Identifier: MIT */
/*
 * How long native code may call a plain C function that it was given: during the call, as long as a handle lives, or
 * for ever. A function that nothing arms is not called through: that is a late call.
 */
#ifndef CBB_HOST_SCOPE_H
#define CBB_HOST_SCOPE_H

#include "interface/check.h"

struct closure;
struct native_call;

/* What one call arms: at most one closure per parameter. */
struct scope {
	struct {
		struct closure *closure;
		const Cbb__Param *param;
	} armed[INTERFACE_PARAMS_MAX];
	unsigned n_armed;
};

/* Notes that a parameter of the call holds this closure. */
void scope_add(struct native_call *call, struct closure *closure, const Cbb__Param *param);

/* Before and after the native function runs. After: what it closed ends with all that it owned. */
void scope_enter(struct native_call *call);
void scope_leave(struct native_call *call);

#endif
