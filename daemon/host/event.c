/* SPDX-License-Identifier: MIT */
#include "host/event.h"

#include "base/detail.h"
#include "host/admission.h"
#include "host/binding.h"
#include "host/call.h"
#include "host/callback.h"
#include "host/closure.h"
#include "host/event_flow.h"
#include "host/host_lane.h"
#include "host/native_thread.h"
#include "host/queue.h"
#include "host/side.h"
#include "host/telemetry.h"
#include "host/thread.h"
#include "marshal/scalar.h"

#include <errno.h>
#include <string.h>

/* Capacity that a thread keeps for its next event. */
#define MESSAGE_KEEP_BYTES (64u << 10)

static uint64_t key_of(const struct closure *closure, void *const *arguments)
{
	int index = closure->listener->key;
	if (index < 0)
		return 0;
	const Cbb__Param *param = closure->plan->params[index];
	const Cbb__Type *type = closure->plan->interface->types[param->type];
	uint64_t key = 0;
	if (type->kind == CBB__KIND__KIND_LONG_DOUBLE || type->size_bytes > sizeof key)
		memcpy(&key, arguments[index], sizeof key);
	else
		memcpy(&key, arguments[index], type->size_bytes);
	return key;
}

/* The frame as it will be sent, in the thread's own memory: what arguments point to is read without any lock. */
static int put_frame(struct native_thread *native, const struct closure *closure, void *const *arguments,
                     uint64_t sequence, int error_number)
{
	const struct host_lane *lane = native->thread->lane;
	struct callback_frame frame = {
	    .marshal = {.plan = closure->plan, .side = &side_callback, .arena = &native->arena,
	                .call = lane && lane->top ? &lane->top->marshal : NULL, .arguments = arguments},
	    .closure = closure,
	};
	struct hot fields;
	struct hot_writer writer;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = sequence;
	fields.error_number = error_number;
	fields.slot = closure->slot;
	fields.generation = closure->generation;
	fields.thread = (uint32_t)native->thread->id;
	fields.thread_name = (const uint8_t *)native->thread->name;
	fields.thread_name_size = strlen(native->thread->name);
	native->message.size = 0;
	hot_begin(&writer, &native->message, CBB__FRAME_TYPE__FRAME_EVENT, &fields, closure->plan->n_words_in);
	int r = marshal_put_arguments(&frame.marshal, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	return hot_end(&writer);
}

static int event_make(struct native_thread *native, const struct closure *closure, void *const *arguments,
                      struct event *ret_event)
{
	int error_number = errno;
	uint64_t sequence = callback_next_sequence();
	struct arena_mark mark = arena_mark(&native->arena);
	/* Reading what the arguments point to may crash, and the record shall name the callback. */
	const char *outer = native->thread->callback;
	atomic_store_explicit(&native->thread->callback, closure->name, memory_order_relaxed);
	int r = put_frame(native, closure, arguments, sequence, error_number);
	atomic_store_explicit(&native->thread->callback, outer, memory_order_relaxed);
	arena_release(&native->arena, mark);
	if (r < 0) {
		telemetry_notice("event of %s could not be sent: %s", closure->name, detail_text());
		return r;
	}
	*ret_event = (struct event){.listener = closure->listener, .sequence = sequence, .thread = native->serial,
	                            .key = key_of(closure, arguments), .frame = native->message.data,
	                            .size = native->message.size};
	return 0;
}

int event_call(struct closure *closure, void *const *arguments)
{
	int error_number = errno;
	struct native_thread *native = native_thread_get();
	struct binding *binding = native ? binding_get(native, closure_queue(closure)) : NULL;
	struct event event;
	if (!binding)
		return -ENOTCONN;
	errno = error_number;
	int r = event_make(native, closure, arguments, &event);
	if (r == 0)
		r = admission_pass(binding, &event);
	native->message.size = 0;
	buffer_trim(&native->message, MESSAGE_KEEP_BYTES);
	return r;
}
