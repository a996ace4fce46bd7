/* SPDX-License-Identifier: MIT */
#include "host/scope.h"

#include "base/detail.h"
#include "host/call.h"
#include "host/closure.h"
#include "host/notifier.h"
#include "host/owner.h"
#include "marshal/evaluate.h"

#include <string.h>
#include <utlist.h>

/* ---- What a call hands over ---- */

/* A function pointer in a struct that says no scope has that of the parameter; without one it is for the call. */
static const Cbb__Param *param_with_scope(const struct native_call *call, const Cbb__Param *param, uint32_t argument)
{
	if (param->scope == CBB__SCOPE__SCOPE_NONE && argument < call->marshal.plan->n_params)
		return call->marshal.plan->params[argument];
	return param;
}

int scope_add(struct native_call *call, struct closure *closure, const Cbb__Param *param, uint32_t argument)
{
	struct scope *scope = &call->scope;
	if (scope->n_armed == INTERFACE_PARAMS_MAX)
		return detail_set(CBB__STATUS__STATUS_LIMIT, "%s: its structs hold more than %d callbacks together",
		                  call->marshal.plan->name, INTERFACE_PARAMS_MAX);
	scope->armed[scope->n_armed].closure = closure;
	scope->armed[scope->n_armed].argument = argument;
	scope->armed[scope->n_armed++].param = param_with_scope(call, param, argument);
	return 0;
}

void *scope_keep(struct native_call *call, const Cbb__Param *param, const void *content, size_t size)
{
	struct kept *kept = kept_new(param, content, size);
	if (!kept)
		return NULL;
	LL_PREPEND(call->scope.kept, kept);
	return kept->data;
}

/* ---- Owners ---- */

/* Whether the handle is there only when the call has returned. */
static bool is_late_owner(const struct native_call *call, uint32_t owner)
{
	return owner == call->marshal.plan->n_params + 1 ||
	       call->marshal.plan->params[owner - 1]->mode == CBB__MODE__MODE_ELEMENTS;
}

/* The handle that owner() names: a parameter, what comes back through one, or the result. */
static uint64_t owner_handle(const struct native_call *call, uint32_t owner)
{
	const struct plan *plan = call->marshal.plan;
	uintptr_t handle = 0;
	const void *from = owner == plan->n_params + 1 ? call->marshal.result : call->marshal.arguments[owner - 1];
	memcpy(&handle, from, sizeof handle);
	if (owner <= plan->n_params && plan->params[owner - 1]->mode == CBB__MODE__MODE_ELEMENTS && handle)
		memcpy(&handle, (const void *)handle, sizeof handle);
	return handle;
}

static bool is_owned(const Cbb__Param *param)
{
	return param->scope == CBB__SCOPE__SCOPE_OWNER;
}

static bool is_owned_late(const struct native_call *call, const Cbb__Param *param)
{
	return is_owned(param) && is_late_owner(call, param->owner);
}

/* ---- Callbacks that say when native code lets go of others ---- */

static struct closure *find_notifier(const struct native_call *call, const Cbb__Param *param)
{
	if (!param->notified_by || param->scope == CBB__SCOPE__SCOPE_CALL)
		return NULL;
	for (unsigned i = 0; i < call->scope.n_armed; i++)
		if (call->scope.armed[i].argument == param->notified_by - 1)
			return call->scope.armed[i].closure;
	return NULL;
}

/*
 * What the notifier will be called with: the user data that belongs to it or to a callback it speaks of, else the
 * first.
 */
static uint64_t notifier_word(const struct native_call *call, uint32_t notifier)
{
	const struct plan *plan = call->marshal.plan;
	uintptr_t first = 0, value;
	bool has_first = false;
	for (uint32_t i = 0; i < plan->n_params; i++) {
		const Cbb__Param *param = plan->params[i];
		if (param->mode != CBB__MODE__MODE_USERDATA)
			continue;
		memcpy(&value, call->marshal.arguments[i], sizeof value);
		uint32_t of = param->userdata_of;
		if (of && (of == notifier || plan->params[of - 1]->notified_by == notifier))
			return value;
		if (!has_first)
			first = value;
		has_first = true;
	}
	return first;
}

/* All that one notifier of this call speaks of. `at`: the first of them. */
static void register_all(const struct native_call *call, unsigned at, struct closure *notifier)
{
	const struct scope *scope = &call->scope;
	const Cbb__Param *first = scope->armed[at].param;
	struct registration registration = {.notifier = notifier, .word = notifier_word(call, first->notified_by)};
	for (unsigned i = at; i < scope->n_armed; i++) {
		const Cbb__Param *param = scope->armed[i].param;
		if (param->notified_by != first->notified_by || param->scope == CBB__SCOPE__SCOPE_CALL)
			continue;
		registration.closures[registration.n++] = scope->armed[i].closure;
		if (is_owned(param) && !is_late_owner(call, param->owner))
			registration.handle = owner_handle(call, param->owner);
	}
	notifier_add(&registration);
}

/* Whether an earlier one of this call has the same notifier. */
static bool is_registered(const struct scope *scope, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (scope->armed[i].param->notified_by == scope->armed[at].param->notified_by &&
		    scope->armed[i].param->scope != CBB__SCOPE__SCOPE_CALL)
			return true;
	return false;
}

/* ---- Before and after ---- */

void scope_enter(struct native_call *call)
{
	for (unsigned i = 0; i < call->scope.n_armed; i++) {
		const Cbb__Param *param = call->scope.armed[i].param;
		struct closure *closure = call->scope.armed[i].closure, *notifier = find_notifier(call, param);
		if (notifier) {
			if (!is_registered(&call->scope, i))
				register_all(call, i, notifier);
			continue;
		}
		if (param->scope == CBB__SCOPE__SCOPE_ASYNC)
			atomic_fetch_add(&closure->n_once, 1);
		if (is_owned(param) && !is_owned_late(call, param))
			owner_add_closure(owner_handle(call, param->owner), closure);
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
		notifier_end_handle(handle);
		owner_end(handle);
	}
}

/* The handle on which the next call of the function replaces the copy: its first one. 0: it has none. */
static uint64_t first_handle(const struct native_call *call)
{
	const struct plan *plan = call->marshal.plan;
	for (uint32_t i = 0; i < plan->n_params; i++)
		if (plan->params[i]->mode == CBB__MODE__MODE_HANDLE)
			return owner_handle(call, i + 1);
	return 0;
}

/* Which parameter of which function it is. */
static uint64_t key_of(const struct native_call *call, const Cbb__Param *param)
{
	const struct plan *plan = call->marshal.plan;
	uint32_t number = 0;
	while (number < plan->n_params && plan->params[number] != param)
		number++;
	return (uint64_t)call->library->number << 48 | (uint64_t)plan->index << 24 | number;
}

/* A copy gets its owner, stays for ever, or ends with the call. */
static void settle(const struct native_call *call, struct kept *kept)
{
	const Cbb__Param *param = kept->param;
	uint64_t handle;
	switch (param->lifetime) {
	case CBB__LIFETIME__LIFETIME_OWNER:
		handle = owner_handle(call, param->lifetime_owner);
		if (handle)
			owner_add_kept(handle, kept);
		else
			kept_free(kept);
		break;
	case CBB__LIFETIME__LIFETIME_NEXT:
		kept->key = key_of(call, param);
		owner_add_kept(first_handle(call), kept);
		break;
	case CBB__LIFETIME__LIFETIME_FOREVER: owner_add_kept(0, kept); break;
	default: kept_free(kept);
	}
}

void scope_leave(struct native_call *call)
{
	for (unsigned i = 0; i < call->scope.n_armed; i++) {
		const Cbb__Param *param = call->scope.armed[i].param;
		struct closure *closure = call->scope.armed[i].closure;
		bool is_late = is_owned_late(call, param) && !find_notifier(call, param);
		if (is_late && owner_handle(call, param->owner))
			owner_add_closure(owner_handle(call, param->owner), closure);
		if (param->scope <= CBB__SCOPE__SCOPE_CALL || is_late)
			closure_disarm(closure);
	}
	while (call->scope.kept) {
		struct kept *kept = call->scope.kept;
		LL_DELETE(call->scope.kept, kept);
		kept->next = NULL;
		settle(call, kept);
	}
	end_closed(call);
}

void scope_cancel(struct native_call *call)
{
	kept_free(call->scope.kept);
	call->scope.kept = NULL;
}

void scope_called(struct closure *closure, void *const *arguments)
{
	uint32_t once = atomic_load(&closure->n_once);
	while (once && !atomic_compare_exchange_weak(&closure->n_once, &once, once - 1)) {
	}
	if (once)
		closure_disarm(closure);
	if (atomic_load(&closure->n_registered))
		notifier_called(closure, arguments);
}
