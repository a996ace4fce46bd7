/* SPDX-License-Identifier: MIT */
#include "host/scope.h"

#include "host/call.h"
#include "host/closure.h"
#include "marshal/evaluate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

struct owned {
	struct closure *closure;
	struct owned *next;
};

struct owner {
	uint64_t handle;
	struct owned *owned;
	UT_hash_handle hh;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct owner *owners; /* under lock */

/* Arms the closure for as long as the handle lives; once, however often it is set. Without memory: for ever. */
static void owner_add(uint64_t handle, struct closure *closure)
{
	struct owner *owner;
	struct owned *owned = NULL;
	pthread_mutex_lock(&lock);
	HASH_FIND(hh, owners, &handle, sizeof handle, owner);
	if (!owner && (owner = calloc(1, sizeof *owner))) {
		owner->handle = handle;
		HASH_ADD(hh, owners, handle, sizeof owner->handle, owner);
	}
	if (owner)
		LL_SEARCH_SCALAR(owner->owned, owned, closure, closure);
	if (!owned) {
		closure_arm(closure);
		if (owner && (owned = calloc(1, sizeof *owned))) {
			owned->closure = closure;
			LL_PREPEND(owner->owned, owned);
		}
	}
	pthread_mutex_unlock(&lock);
}

static void owner_end(uint64_t handle)
{
	struct owner *owner;
	struct owned *owned, *next;
	pthread_mutex_lock(&lock);
	HASH_FIND(hh, owners, &handle, sizeof handle, owner);
	if (owner) {
		HASH_DEL(owners, owner);
		LL_FOREACH_SAFE (owner->owned, owned, next) {
			closure_disarm(owned->closure);
			free(owned);
		}
		free(owner);
	}
	pthread_mutex_unlock(&lock);
}

void scope_add(struct native_call *call, struct closure *closure, const Cbb__Param *param)
{
	struct scope *scope = &call->scope;
	if (scope->n_armed < INTERFACE_PARAMS_MAX) {
		scope->armed[scope->n_armed].closure = closure;
		scope->armed[scope->n_armed++].param = param;
	}
}

/* The handle that a scope(owner(h)) names. Of the result only once there is one. */
static uint64_t owner_handle(const struct native_call *call, const Cbb__Param *param)
{
	uintptr_t handle = 0;
	const void *from = param->owner == call->marshal.plan->n_params + 1 ? call->marshal.result
	                                                                    : call->marshal.arguments[param->owner - 1];
	memcpy(&handle, from, sizeof handle);
	return handle;
}

static bool owned_by_result(const struct native_call *call, const Cbb__Param *param)
{
	return param->scope == CBB__SCOPE__SCOPE_OWNER && param->owner == call->marshal.plan->n_params + 1;
}

void scope_enter(struct native_call *call)
{
	for (unsigned i = 0; i < call->scope.n_armed; i++) {
		const Cbb__Param *param = call->scope.armed[i].param;
		struct closure *closure = call->scope.armed[i].closure;
		if (param->scope == CBB__SCOPE__SCOPE_OWNER && !owned_by_result(call, param))
			owner_add(owner_handle(call, param), closure);
		else
			closure_arm(closure); /* scope(forever) never gives it back */
	}
}

static void end_closed(struct native_call *call)
{
	const struct plan *plan = call->marshal.plan;
	for (uint32_t i = 0; i < plan->n_params; i++) {
		uintptr_t handle;
		if (!plan->params[i]->closes || !marshal_condition(&call->marshal, plan->params[i]->closes_when))
			continue;
		memcpy(&handle, call->marshal.arguments[i], sizeof handle);
		owner_end(handle);
	}
}

void scope_leave(struct native_call *call)
{
	for (unsigned i = 0; i < call->scope.n_armed; i++) {
		const Cbb__Param *param = call->scope.armed[i].param;
		struct closure *closure = call->scope.armed[i].closure;
		if (owned_by_result(call, param) && owner_handle(call, param))
			owner_add(owner_handle(call, param), closure);
		if (param->scope == CBB__SCOPE__SCOPE_CALL || owned_by_result(call, param))
			closure_disarm(closure);
	}
	end_closed(call);
}
