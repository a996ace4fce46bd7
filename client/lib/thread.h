/* SPDX-License-Identifier: MIT */
/*
 * What the library keeps for a thread of the program: its lanes, the invocations whose handlers are on its
 * stack, the queues that it dispatches, and the last results it received. Freed when the thread ends.
 */
#ifndef CBB_CLIENT_THREAD_H
#define CBB_CLIENT_THREAD_H

#include "lib/callback_table.h"
#include "marshal/arena.h"
#include "marshal/recent.h"

struct client_lane;
struct dispatch;

struct client_thread {
	unsigned fork_epoch;
	struct client_lane *lanes;  /* one per host; linked by thread_next */
	const char *stack_low, *stack_high; /* where frames can be compared; both NULL: not known */
	struct cbb_invocation **invocations; /* of handlers on the stack, the outermost first. By address: longjmp may have left them */
	unsigned n_invocations, invocations_capacity;
	struct recent recent;
	bool serves_more;           /* the call that begins was made with option `serve` */
	uint64_t id;                /* unlike any other thread's, ended ones included */
	struct arena arena;         /* arguments of events */
	struct dispatch *dispatches; /* queues that this thread is dispatching, the innermost first */
	struct dispatch *spare_dispatches;
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
