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
	struct cbb_invocation *outer;
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
	struct cbb_invocation *invocation; /* innermost */
	struct recent recent;
};

/* This thread's record, made on first use; NULL without memory (a detail text is set). */
struct client_thread *thread_self(void);

void thread_push_invocation(struct cbb_invocation *invocation);
void thread_pop_invocation(struct cbb_invocation *invocation);

/* Whether a handler for that host is on this thread's stack. */
bool thread_in_handler_of(const struct cbb_host *host);
/* How many handlers of that callback are on this thread's stack. */
uint32_t thread_count_running(const struct cbb_callback *callback);

#endif
