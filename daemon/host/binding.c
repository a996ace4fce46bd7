/* SPDX-License-Identifier: MIT */
#include "host/binding.h"

#include "host/native_thread.h"
#include "host/queue.h"

#include <stdlib.h>
#include <utlist.h>

static void binding_free(struct native_thread *native, struct binding *binding)
{
	LL_DELETE(native->bindings, binding);
	if (binding->lane)
		thread_lane_disown(binding);
	queue_unref(binding->queue);
	free(binding);
}

/* The lane of a dead queue may be in use further out on this thread's stack: then the binding stays a while. */
static struct binding *binding_find(struct native_thread *native, uint32_t number)
{
	struct binding *binding, *next;
	LL_FOREACH_SAFE(native->bindings, binding, next) {
		if (binding->queue->number != number)
			continue;
		if (!queue_is_dead(binding->queue))
			return binding;
		if (!thread_lane_is_used(binding))
			binding_free(native, binding);
	}
	return NULL;
}

struct binding *binding_get(struct native_thread *native, uint32_t number)
{
	struct binding *binding = binding_find(native, number);
	if (binding)
		return binding;
	struct queue *queue = queue_find(number);
	binding = queue ? calloc(1, sizeof *binding) : NULL;
	if (!binding) {
		queue_unref(queue);
		return NULL;
	}
	*binding = (struct binding){.queue = queue, .native = native};
	LL_PREPEND(native->bindings, binding);
	return binding;
}

void bindings_free(struct native_thread *native)
{
	while (native->bindings)
		binding_free(native, native->bindings);
}
