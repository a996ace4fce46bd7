/* SPDX-License-Identifier: MIT */
/*
 * What the library keeps for a thread of the program: its lanes, the invocations whose handlers are on its
 * stack, and the last results it received. Freed when the thread ends.
 */
#ifndef CBB_CLIENT_THREAD_H
#define CBB_CLIENT_THREAD_H

#include "lib/callback_table.h"
#include "marshal/recent.h"

struct client_lane;

/* A handler on this thread's stack. */
struct cbb_invocation {
	struct cbb_callback *callback;
	struct cbb_host *host;
	uint64_t sequence;          /* 0: called through the client-side pointer */
	pid_t thread;               /* native thread */
	int error_number;           /* native errno at the call */
	int error_number_after;     /* what native code shall see, if set */
	bool has_error_number;
};

struct client_thread {
	unsigned fork_epoch;
	struct client_lane *lanes;  /* one per host; linked by thread_next */
	const char *stack_low, *stack_high; /* where frames can be compared; both NULL: not known */
	struct cbb_invocation **invocations; /* the outermost first. By address: longjmp may have left them */
	unsigned n_invocations, invocations_capacity;
	struct recent recent;
};

/* This thread's record, made on first use; NULL without memory (a detail text is set). */
struct client_thread *thread_self(void);

/* 0 or -ENOMEM. */
int thread_push_invocation(struct cbb_invocation *invocation);
void thread_pop_invocation(struct cbb_invocation *invocation);

/*
 * Whether a frame is no longer on the stack of a function that has `here` in its own (at the same place: another has
 * taken it): the stack grows down. Frames on other stacks (coroutines, signal stacks) cannot be compared, and count
 * as there.
 */
bool thread_has_left(const void *frame, const void *here);
/* Forgets the invocations whose handlers were left by longjmp. */
void thread_drop_left(const void *here);

/* Whether a handler for that host is on this thread's stack. */
bool thread_in_handler_of(const struct cbb_host *host);
/* How many handlers of that callback are on this thread's stack. */
uint32_t thread_count_running(const struct cbb_callback *callback);

#endif
