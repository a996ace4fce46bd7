/* SPDX-License-Identifier: MIT */
#include "host/side.h"

#include "base/detail.h"
#include "host/call.h"
#include "host/closure.h"
#include "host/closure_table.h"
#include "host/host_lane.h"
#include "host/owner.h"
#include "host/thunk.h"
#include "marshal/callback_word.h"
#include "marshal/steps.h"

#include <stdlib.h>
#include <string.h>

/* The client translates: here a token is a pointer like any other. */
static int userdata_out(struct marshal_frame *frame, const Cbb__Param *param, uintptr_t value, uint64_t *ret_word)
{
	(void)frame;
	(void)param;
	*ret_word = value;
	return 0;
}

static int userdata_in(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word, uintptr_t *ret_value)
{
	(void)frame;
	(void)param;
	*ret_value = (uintptr_t)word;
	return 0;
}

static int callback_out(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index, void *pointer,
                        uint64_t *ret_word)
{
	(void)frame;
	(void)param;
	(void)argument_index;
	const struct closure *closure = closure_table_find_code(pointer);
	*ret_word = closure ? callback_word(closure->slot, closure->generation) : (uintptr_t)pointer;
	return 0;
}

static int function_in(uint64_t word, void **ret_pointer)
{
	struct host_library *library = library_find(word_high(word));
	struct native_function *function = NULL;
	if (!library || library_function(library, word_low(word), &function) < 0 || !function->address)
		return detail_set(CBB__STATUS__STATUS_NO_SYMBOL, "a function pointer names no function of this host");
	memcpy(ret_pointer, &function->address, sizeof *ret_pointer);
	return 0;
}

static int fail_no_closure(const struct marshal_frame *frame, const Cbb__Param *param)
{
	const Cbb__Interface *interface = frame->plan->interface;
	const Cbb__Type *type = interface->types[interface->types[param->type]->target];
	if (interface->functions[type->function]->variadic == CBB__VARIADIC__VARIADIC_FORMAT)
		return detail_set(CBB__STATUS__STATUS_LIMIT, "%s: the host has no closure for this callback: it has %d for "
		                  "functions with ..., and all have been used", frame->plan->name, THUNKS_MAX);
	return detail_set(CBB__STATUS__STATUS_LIMIT, "%s: the host has no closure for this callback (its limit of callbacks is "
	                  "reached, or memory is)", frame->plan->name);
}

static int native_callback_in(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index,
                              uint64_t word, void **ret_pointer)
{
	struct native_call *call = (struct native_call *)(void *)frame;
	if (word_is_function(word))
		return function_in(word, ret_pointer);
	if (!word_is_callback(word))
		return detail_set(CBB__STATUS__STATUS_ARGUMENT, "%s: a function pointer that is neither callback nor function",
		                  frame->plan->name);
	struct closure *closure = closure_table_find(word_low(word), word_high(word));
	if (!closure)
		return fail_no_closure(frame, param);
	int r = scope_add(call, closure, param, argument_index);
	if (r == 0)
		*ret_pointer = closure->code;
	return r;
}

static int answer_callback_in(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index,
                              uint64_t word, void **ret_pointer)
{
	(void)param;
	(void)argument_index;
	if (word_is_function(word))
		return function_in(word, ret_pointer);
	struct closure *closure = word_is_callback(word) ? closure_table_find(word_low(word), word_high(word)) : NULL;
	if (!closure)
		return detail_set(CBB__STATUS__STATUS_ARGUMENT, "%s: the handler's answer holds an unknown function pointer",
		                  frame->plan->name);
	*ret_pointer = closure->code;
	return 0;
}

/* An argument that native code keeps. */
static void *native_keep(struct marshal_frame *frame, const Cbb__Param *param, const void *content, size_t size)
{
	return scope_keep((struct native_call *)(void *)frame, param, content, size);
}

/* The handle that a lifetime depends on: a parameter of the callback, or its result. */
static uint64_t owner_address(const struct marshal_frame *frame, uint32_t owner)
{
	uintptr_t address = 0;
	const void *from = owner > frame->plan->n_params ? frame->result : frame->arguments[owner - 1];
	if (owner <= frame->plan->n_params && frame->plan->params[owner - 1]->mode == CBB__MODE__MODE_ELEMENTS)
		from = frame->extents[owner - 1].now; /* what the handler answered, not yet written to native memory */
	if (from)
		memcpy(&address, from, sizeof address);
	return address;
}

static void *keep_for_owner(struct marshal_frame *frame, const Cbb__Param *param, const void *content, size_t size)
{
	uint64_t handle = param->lifetime == CBB__LIFETIME__LIFETIME_OWNER ? owner_address(frame, param->lifetime_owner) : 0;
	struct kept *kept = kept_new(param, content, size);
	if (kept)
		owner_add_kept(handle, kept);
	return kept ? kept->data : NULL;
}

/* What a handler handed out: lives as the interface says, else until the thread has received 64 more. */
static void *keep(struct marshal_frame *frame, const Cbb__Param *param, const void *content, size_t size)
{
	struct callback_frame *callback = (struct callback_frame *)(void *)frame;
	struct host_lane *lane = callback->lane;
	void *memory = NULL;
	if (param->lifetime == CBB__LIFETIME__LIFETIME_OWNER || param->lifetime == CBB__LIFETIME__LIFETIME_FOREVER)
		return keep_for_owner(frame, param, content, size);
	if (param->lifetime == CBB__LIFETIME__LIFETIME_CALL && lane->top)
		return scope_keep(lane->top, param, content, size);
	if (!param->free_function)
		memory = recent_take(host_lane_results(lane), size);
	else if (strcmp(interface_name(frame->plan->interface, param->free_function), "free") == 0)
		memory = malloc(size ? size : 1);
	return memory && content ? memcpy(memory, content, size) : memory;
}

static int release(struct marshal_frame *frame, const Cbb__Param *param, void *original)
{
	const struct native_call *call = (const struct native_call *)(void *)frame;
	const char *name = interface_name(frame->plan->interface, param->free_function);
	void (*free_function)(void *);
	/*
	 * The one that goes with the process's malloc, which need not be libc's: libc.so.6 itself is a library here, too.
	 */
	if (strcmp(name, "free") == 0) {
		free(original);
		return 0;
	}
	void *address = library_symbol(call->library, name);
	if (!address)
		return detail_set(CBB__STATUS__STATUS_NO_SYMBOL, "%s: transfer(full(%s)): there is no such function",
		                  frame->plan->name, name);
	memcpy(&free_function, &address, sizeof address);
	free_function(original);
	return 0;
}

const struct marshal_side side_native_call = {
    .userdata_out = userdata_out,
    .userdata_in = userdata_in,
    .callback_out = callback_out,
    .callback_in = native_callback_in,
    .keep = native_keep,
    .release = release,
};

const struct marshal_side side_callback = {
    .userdata_out = userdata_out,
    .userdata_in = userdata_in,
    .callback_out = callback_out,
    .callback_in = answer_callback_in,
    .keep = keep,
};
