/* SPDX-License-Identifier: MIT */
/*
 * How long native code may use what it was given. A plain C function: during the call, until it was called, until
 * native code says that it lets go of it, as long as a handle lives, or for ever; one that nothing arms is not called
 * through: that is a late call. A copy of memory: in the same way, if the interface says `lifetime`.
 */
#ifndef CBB_HOST_SCOPE_H
#define CBB_HOST_SCOPE_H

#include "interface/check.h"

struct closure;
struct kept;
struct native_call;

/* What one call hands to native code. */
struct scope {
	struct {
		struct closure *closure;
		const Cbb__Param *param;      /* that says the scope */
		uint32_t argument;            /* the parameter that holds it */
	} armed[INTERFACE_PARAMS_MAX];
	unsigned n_armed;
	struct kept *kept;                /* memory whose fate is decided when the call has returned */
};

/* Notes that a parameter of the call, or something in it, holds this closure. 0 or STATUS_LIMIT with a detail text. */
int scope_add(struct native_call *call, struct closure *closure, const Cbb__Param *param, uint32_t argument);

/* Memory for a copy that lives as `param` says. NULL without memory. */
void *scope_keep(struct native_call *call, const Cbb__Param *param, const void *content, size_t size);

/* Before and after the native function runs. After: what it closed ends with all that it owned. */
void scope_enter(struct native_call *call);
void scope_leave(struct native_call *call);
/* The native function was not reached. */
void scope_cancel(struct native_call *call);

/* Native code has called the closure, and its handler ran. */
void scope_called(struct closure *closure, void *const *arguments);

#endif
