/* SPDX-License-Identifier: MIT */
#include "lib/thread.h"

#include "lib/client_lane.h"
#include "lib/error.h"
#include "lib/fork.h"

#include <errno.h>
#include <stdlib.h>

static __thread struct client_thread *self;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void thread_end(void *data)
{
	struct client_thread *thread = data;
	self = NULL;
	client_lanes_free(thread);
	recent_free(&thread->recent);
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

static struct client_thread *thread_make(void)
{
	pthread_once(&once, key_make);
	struct client_thread *thread = calloc(1, sizeof *thread);
	if (!thread) {
		detail_set(-ENOMEM, "no memory for this thread's record");
		return NULL;
	}
	thread->fork_epoch = fork_epoch();
	pthread_setspecific(key, thread);
	self = thread;
	return thread;
}

struct client_thread *thread_self(void)
{
	return self ? self : thread_make();
}

void thread_push_invocation(struct cbb_invocation *invocation)
{
	struct client_thread *thread = thread_self();
	if (thread) {
		invocation->outer = thread->invocation;
		thread->invocation = invocation;
	}
}

void thread_pop_invocation(struct cbb_invocation *invocation)
{
	if (self && self->invocation == invocation)
		self->invocation = invocation->outer;
}

bool thread_in_handler_of(const struct cbb_host *host)
{
	for (const struct cbb_invocation *at = self ? self->invocation : NULL; at; at = at->outer)
		if (at->host == host)
			return true;
	return false;
}

uint32_t thread_count_running(const struct cbb_callback *callback)
{
	uint32_t n = 0;
	for (const struct cbb_invocation *at = self ? self->invocation : NULL; at; at = at->outer)
		n += at->callback == callback;
	return n;
}

/* ---- The public view of an invocation ---- */

cbb_invocation *cbb_invocation_current(void)
{
	return self ? self->invocation : NULL;
}

cbb_callback *cbb_invocation_callback(const cbb_invocation *invocation)
{
	return invocation && invocation->callback->kind != CALLBACK_PLAIN ? invocation->callback : NULL;
}

void *cbb_invocation_user_data(const cbb_invocation *invocation)
{
	return invocation ? invocation->callback->user_data : NULL;
}

pid_t cbb_invocation_thread(const cbb_invocation *invocation)
{
	return invocation ? invocation->thread : 0;
}

uint64_t cbb_invocation_sequence(const cbb_invocation *invocation)
{
	return invocation ? invocation->sequence : 0;
}

cbb_host *cbb_invocation_host(const cbb_invocation *invocation)
{
	return invocation ? invocation->host : NULL;
}

int cbb_invocation_errno(const cbb_invocation *invocation)
{
	return invocation ? invocation->error_number : 0;
}

void cbb_invocation_set_errno(cbb_invocation *invocation, int error_number)
{
	if (invocation) {
		invocation->error_number_after = error_number;
		invocation->has_error_number = true;
	}
}
