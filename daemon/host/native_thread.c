/* SPDX-License-Identifier: MIT */
#include "host/native_thread.h"

#include "host/binding.h"
#include "host/event_flow.h"
#include "host/host.h"
#include "host/interpose.h"
#include "host/thread.h"
#include "wire/frame.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Atomic uint64_t last_serial;

static struct native_thread *native_thread_new(struct host_thread *thread)
{
	struct native_thread *native = calloc(1, sizeof *native);
	if (!native)
		return NULL;
	size_t max_bytes = host_self()->max_payload_bytes + FRAME_OVERHEAD_BYTES;
	native->thread = thread;
	native->serial = atomic_fetch_add(&last_serial, 1) + 1;
	/* An event still fits when it is lent. */
	buffer_init(&native->message, max_bytes + FRAME_HEADER_BYTES - EVENT_FLOW_AFTER_MAX_BYTES);
	arena_init(&native->arena, 2 * max_bytes);
	thread->native = native;
	return native;
}

struct native_thread *native_thread_find(void)
{
	const struct host_thread *thread = host_thread_current();
	return thread ? thread->native : NULL;
}

struct native_thread *native_thread_get(void)
{
	struct native_thread *native = native_thread_find();
	if (native)
		return native;
	interpose_adopt_thread();
	struct host_thread *thread = host_thread_current();
	return thread ? native_thread_new(thread) : NULL;
}

void native_thread_free(struct host_thread *thread)
{
	struct native_thread *native = thread->native;
	/* In a forked child other threads' locks stay as they were. */
	if (!native || host_forked_child)
		return;
	thread->native = NULL;
	bindings_free(native);
	buffer_free(&native->message);
	arena_free(&native->arena);
	recent_free(&native->recent);
	free(native);
}
