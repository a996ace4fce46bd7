/* SPDX-License-Identifier: MIT */
#include "lib/thread.h"

#include "lib/client_lane.h"
#include "lib/dispatch.h"
#include "lib/dispatch_run.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/invocation.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

static __thread struct client_thread *self;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic uint64_t last_id;

static void thread_end(void *data)
{
	struct client_thread *thread = data;
	self = NULL;
	client_lanes_free(thread);
	dispatch_thread_ends(thread);
	recent_free(&thread->recent);
	arena_free(&thread->arena);
	free(thread->invocations);
	free(thread);
}

static void key_make(void)
{
	pthread_key_create(&key, thread_end);
}

/* The main thread runs no key destructors when the program ends. */
__attribute__((destructor)) static void main_thread_end(void)
{
	if (self) {
		struct client_thread *thread = self;
		pthread_setspecific(key, NULL);
		thread_end(thread);
	}
}

static void find_stack(struct client_thread *thread)
{
	pthread_attr_t attributes;
	void *low;
	size_t size;
	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return;
	if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
		thread->stack_low = low;
		thread->stack_high = thread->stack_low + size;
	}
	pthread_attr_destroy(&attributes);
}

static struct client_thread *thread_make(void)
{
	pthread_once(&once, key_make);
	struct client_thread *thread = calloc(1, sizeof *thread);
	if (!thread) {
		detail_set(-ENOMEM, "no memory for this thread's record");
		return NULL;
	}
	thread->fork_epoch = fork_epoch();
	thread->id = atomic_fetch_add(&last_id, 1) + 1;
	arena_init(&thread->arena, FRAME_PAYLOAD_MAX_BYTES);
	find_stack(thread);
	pthread_setspecific(key, thread);
	self = thread;
	return thread;
}

struct client_thread *thread_self(void)
{
	return self ? self : thread_make();
}

/* ---- Handlers on the stack ---- */

#define INVOCATIONS_MIN 16

static int invocations_grow(struct client_thread *thread)
{
	unsigned capacity = thread->invocations_capacity ? 2 * thread->invocations_capacity : INVOCATIONS_MIN;
	struct cbb_invocation **grown = realloc(thread->invocations, capacity * sizeof *grown);
	if (!grown)
		return detail_set(-ENOMEM, "no memory for one more nested handler");
	thread->invocations = grown;
	thread->invocations_capacity = capacity;
	return 0;
}

int thread_push_invocation(struct cbb_invocation *invocation)
{
	struct client_thread *thread = thread_self();
	if (!thread || (thread->n_invocations == thread->invocations_capacity && invocations_grow(thread) < 0))
		return -ENOMEM;
	thread->invocations[thread->n_invocations++] = invocation;
	return 0;
}

void thread_pop_invocation(struct cbb_invocation *invocation)
{
	/* Those above it were left by longjmp. */
	while (self && self->n_invocations && self->invocations[--self->n_invocations] != invocation)
		;
}

static bool on_stack(const void *address)
{
	return self && (const char *)address >= self->stack_low && (const char *)address < self->stack_high;
}

bool thread_has_left(const void *frame, const void *here)
{
	return (uintptr_t)frame <= (uintptr_t)here && on_stack(frame) && on_stack(here);
}

void thread_drop_left(const void *here)
{
	while (self && self->n_invocations && thread_has_left(self->invocations[self->n_invocations - 1], here))
		self->n_invocations--;
}

bool thread_in_handler_of(const struct cbb_host *host)
{
	for (unsigned i = 0; self && i < self->n_invocations; i++)
		if (self->invocations[i]->host == host)
			return true;
	return false;
}

uint32_t thread_count_running(const struct cbb_callback *callback)
{
	uint32_t n = 0;
	for (unsigned i = 0; self && i < self->n_invocations; i++)
		n += self->invocations[i]->callback == callback;
	return n;
}

cbb_invocation *cbb_invocation_current(void)
{
	thread_drop_left(&(char){0});
	return self && self->n_invocations ? self->invocations[self->n_invocations - 1] : NULL;
}
