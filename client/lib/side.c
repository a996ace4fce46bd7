/* SPDX-License-Identifier: MIT */
#include "lib/side.h"

#include "lib/call.h"
#include "lib/callback_announce.h"
#include "lib/error.h"
#include "lib/invocation.h"
#include "marshal/callback_word.h"
#include "marshal/evaluate.h"
#include "marshal/steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What both kinds of frames have in common. */
static struct cbb_library *library_of(const struct marshal_frame *frame)
{
	if (frame->side == &side_call)
		return ((const struct call_frame *)(const void *)frame)->library;
	return ((const struct cbb_invocation *)(const void *)frame)->callback->type->library;
}

static size_t size_of(const struct marshal_frame *frame, const Cbb__Param *param)
{
	return frame->plan->interface->types[param->type]->size_bytes;
}

/* ---- User data ---- */

static int userdata_out(struct marshal_frame *frame, const Cbb__Param *param, uintptr_t value, uint64_t *ret_word)
{
	struct cbb_library *library = library_of(frame);
	return token_out(&library->host->tokens, library->number, value, size_of(frame, param), ret_word);
}

static int userdata_in(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word, uintptr_t *ret_value)
{
	struct cbb_library *library = library_of(frame);
	struct cbb_host *host = library->host;
	if (word == 0) {
		*ret_value = 0;
		return 0;
	}
	if (token_in(&host->tokens, library->number, word, size_of(frame, param), ret_value) == 1)
		return 0;
	if (handle_is_live(&host->handles, word)) {
		*ret_value = (uintptr_t)word;
		return 0;
	}
	return detail_set(CBB_ERR_ARGUMENT, "%s: 0x%llx is neither user data of this program nor a live handle",
	                  frame->plan->name, (unsigned long long)word);
}

/* ---- Callbacks ---- */

/* The function type that a parameter of callback mode points to. */
static int param_type(struct marshal_frame *frame, const Cbb__Param *param, struct cbb_function **ret_type)
{
	const Cbb__Interface *interface = frame->plan->interface;
	const Cbb__Type *pointer = interface->types[param->type];
	return library_function(library_of(frame), interface->types[pointer->target]->function, ret_type);
}

int side_pass_callbacks(struct call_frame *call)
{
	struct side_callbacks *callbacks = call->callbacks;
	int r = 0;
	callbacks->told = true;
	for (unsigned i = 0; i < callbacks->n_announced && r == 0; i++)
		r = callback_announce(callbacks->announced[i], &call->lane->lane, call->deadline_ns);
	return r;
}

/* The host has heard of the callback, hears of it ahead of this call, or must be told: it is noted. */
static int note_callback(struct call_frame *call, struct cbb_callback *callback)
{
	struct side_callbacks *callbacks = call->callbacks;
	if (atomic_load_explicit(&callback->announced, memory_order_acquire))
		return 0;
	for (unsigned i = 0; i < callbacks->n_announced; i++)
		if (callbacks->announced[i] == callback)
			return 0;
	if (callbacks->told)
		return detail_set(CBB_ERR_ARGUMENT, "%s: a function pointer in an argument changed while the call was made",
		                  call->marshal.plan->name);
	if (callbacks->n_announced == INTERFACE_PARAMS_MAX)
		return detail_set(CBB_ERR_LIMIT, "%s: its arguments hold more than %d callbacks that are new to the host",
		                  call->marshal.plan->name, INTERFACE_PARAMS_MAX);
	callbacks->announced[callbacks->n_announced++] = callback;
	return 0;
}

void side_callbacks_known(struct call_frame *call)
{
	for (unsigned i = 0; call->callbacks && i < call->callbacks->n_announced; i++)
		atomic_store_explicit(&call->callbacks->announced[i]->announced, true, memory_order_release);
}

static int call_callback_out(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index,
                             void *pointer, uint64_t *ret_word)
{
	struct call_frame *call = (struct call_frame *)(void *)frame;
	struct cbb_function *type = NULL, *remote = NULL;
	struct cbb_callback *callback = NULL;
	(void)argument_index;
	int r = param_type(frame, param, &type);
	if (r == 0)
		r = callback_for_pointer(call->library->host, pointer, type, &callback, &remote);
	if (r < 0)
		return r;
	*ret_word = remote ? function_word(remote->library->number, remote->plan->index)
	                   : callback_word(callback->slot, callback->generation);
	return remote ? 0 : note_callback(call, callback);
}

static int handler_callback_out(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index,
                                void *pointer, uint64_t *ret_word)
{
	(void)argument_index;
	(void)pointer;
	(void)ret_word;
	return detail_set(CBB_ERR_UNSUPPORTED, "%s: a handler gives out a function pointer (parameter or result of type "
	                  "%s): not offered by this version", frame->plan->name,
	                  interface_type_name(frame->plan->interface, param->type));
}

/* A callback of the program comes back. Called as what it is not, its handler would see wrong arguments. */
static int own_callback_in(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word, void **ret_pointer)
{
	struct callback_table *table = &library_of(frame)->host->callbacks;
	struct cbb_callback *callback = callback_table_find(table, word_low(word), word_high(word));
	struct cbb_function *type = NULL;
	if (!callback)
		return detail_set(CBB_ERR_CLOSED, "%s: native code hands back a callback that is closed", frame->plan->name);
	int r = param_type(frame, param, &type);
	if (r < 0)
		return r;
	if (!callback_fits(callback, type))
		return detail_set(CBB_ERR_ARGUMENT, "%s: native code hands back a callback of type %s as a %s",
		                  frame->plan->name, callback->type->plan->name, type->plan->name);
	if (callback->kind == CALLBACK_PLAIN) {
		*ret_pointer = callback->pointer;
	} else {
		cbb_any_function pointer = cbb_callback_pointer(callback);
		memcpy(ret_pointer, &pointer, sizeof pointer);
	}
	return 0;
}

static int callback_in(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index, uint64_t word,
                       void **ret_pointer)
{
	(void)argument_index;
	if (word == 0) {
		*ret_pointer = NULL;
		return 0;
	}
	if (word_is_callback(word))
		return own_callback_in(frame, param, word, ret_pointer);
	return detail_set(CBB_ERR_UNSUPPORTED, "%s: native code hands out a function of its own (0x%llx): not offered by "
	                  "this version", frame->plan->name, (unsigned long long)word);
}

/* ---- Handles and copies ---- */

static int handle_in(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word)
{
	return word && !param->host ? handle_opened(&library_of(frame)->host->handles, word) : 0;
}

/* The address of the handle that a lifetime depends on: a parameter, or the result. */
static uint64_t owner_address(const struct marshal_frame *frame, uint32_t owner)
{
	uintptr_t address = 0;
	if (owner == 0 || owner > frame->plan->n_params + 1)
		return 0;
	const void *from = owner == frame->plan->n_params + 1 ? frame->result : frame->arguments[owner - 1];
	bool comes_back = owner <= frame->plan->n_params && frame->plan->params[owner - 1]->mode == CBB__MODE__MODE_ELEMENTS;
	if (comes_back)
		from = frame->extents[owner - 1].now; /* the program's own memory does not have it yet */
	if (from)
		memcpy(&address, from, sizeof address);
	return address;
}

/* transfer(full(f)): the program gives the copy back through f. */
static void *keep_owned(struct marshal_frame *frame, const Cbb__Param *param, size_t size)
{
	struct cbb_library *library = library_of(frame);
	const char *name = interface_name(frame->plan->interface, param->free_function);
	struct cbb_function *owner = NULL;
	int index = interface_find_function(frame->plan->interface, name);
	if (strcmp(name, "free") == 0)
		return malloc(size ? size : 1);
	if (index < 0 || library_function(library, (uint32_t)index, &owner) < 0)
		return NULL;
	return handle_copy_owned(&library->host->handles, owner->plan->name, size);
}

static void *keep(struct marshal_frame *frame, const Cbb__Param *param, const void *content, size_t size)
{
	struct handle_table *handles = &library_of(frame)->host->handles;
	void *memory;
	if (!param->free_function && param->lifetime == CBB__LIFETIME__LIFETIME_FOREVER)
		return handle_copy(handles, 0, content, size);
	if (!param->free_function && param->lifetime == CBB__LIFETIME__LIFETIME_OWNER)
		return handle_copy(handles, owner_address(frame, param->lifetime_owner), content, size);
	/* `next` asks for less than what 64 more results give. */
	memory = param->free_function ? keep_owned(frame, param, size) : recent_take(&thread_self()->recent, size);
	return memory && content ? memcpy(memory, content, size) : memory;
}

void side_after_call(struct call_frame *call)
{
	struct marshal_frame *frame = &call->marshal;
	struct handle_table *handles = &library_of(frame)->host->handles;
	for (uint32_t i = 0; i < frame->plan->n_params; i++) {
		const Cbb__Param *param = frame->plan->params[i];
		uintptr_t address;
		if (!param->closes || !marshal_condition(frame, param->closes_when))
			continue;
		memcpy(&address, frame->arguments[i], sizeof address);
		handle_closed(handles, address, call->n_opened);
	}
}

const struct marshal_side side_call = {
    .userdata_out = userdata_out,
    .userdata_in = userdata_in,
    .callback_out = call_callback_out,
    .callback_in = callback_in,
    .handle_in = handle_in,
    .keep = keep,
};

static int handler_handle_in(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word)
{
	/* Handles seen only inside callbacks are not the program's to keep: the hot path takes no lock for them. */
	(void)frame;
	(void)param;
	(void)word;
	return 0;
}

const struct marshal_side side_handler = {
    .userdata_out = userdata_out,
    .userdata_in = userdata_in,
    .callback_out = handler_callback_out,
    .callback_in = callback_in,
    .handle_in = handler_handle_in,
    .keep = keep,
};
