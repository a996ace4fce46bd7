/* SPDX-License-Identifier: MIT */
/*
 * A handler that leaves by longjmp skips the library's frames without a word. It is noticed by the stack address when
 * this thread next uses the library: the calls that are no longer on the stack are brought to an end, native code gets
 * on_error for the callbacks that were left. As long as the stack is deeper than it was there, they look as if they
 * were in flight: a call then runs nested in them, as one of the handler's own would.
 */
#ifndef CBB_CLIENT_UNWIND_H
#define CBB_CLIENT_UNWIND_H

#include "lib/client_lane.h"
#include "lib/dispatch_run.h"

/*
 * Ends the innermost calls in flight on the lane until `depth` are left. Waits for them until the deadline, or their
 * own; then the chain is abandoned, as when a call waits too long.
 */
void unwind_lane(struct client_lane *lane, unsigned depth, uint64_t deadline_ns);

/* Ends this thread's calls into the host whose frames lie below `here`, an address in the frame of the caller. */
void unwind_host(struct cbb_host *host, const void *here, uint64_t deadline_ns);

/* Whether this thread is in a call into that host, or runs something of it. What was left does not count. */
bool unwind_is_inside(const struct cbb_host *host, const void *here);

/* client_lane_get for a call with `here` in its frame: without what was left on the lane. */
static inline int unwind_get_lane(struct cbb_host *host, const void *here, uint64_t deadline_ns, struct client_lane **ret_lane)
{
	dispatch_unwind(here); /* first: it ends lanes of queues that this thread still has */
	int r = client_lane_get(host, deadline_ns, ret_lane);
	struct lane_level *top = r == 0 ? client_lane_top(*ret_lane) : NULL;
	if (top && thread_has_left(top->frame, here))
		unwind_host(host, here, deadline_ns);
	return r;
}

#endif
