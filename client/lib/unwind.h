/* SPDX-License-Identifier: MIT */
/*
 * A handler that leaves by longjmp skips the library's frames without a word. It is noticed by the stack address when this
 * thread next uses the library: the calls that are no longer on the stack are brought to an end, native code gets
 * on_error for the callbacks that were left. As long as the stack is deeper than it was there, they look as if they were
 * in flight: a call then runs nested in them, as one of the handler's own would.
 */
#ifndef CBB_CLIENT_UNWIND_H
#define CBB_CLIENT_UNWIND_H

#include "lib/client_lane.h"

/*
 * Ends the innermost calls in flight on the lane until `depth` are left. Waits for them until the deadline, or their
 * own; then the chain is abandoned, as when a call waits too long.
 */
void unwind_lane(struct client_lane *lane, unsigned depth, uint64_t deadline_ns);

/* Ends this thread's calls into the host whose frames lie below `here`, an address in the frame of the caller. */
void unwind_host(struct cbb_host *host, const void *here, uint64_t deadline_ns);

/* The same if the innermost call on this lane was left: cheap when it was not. */
static inline void unwind_check(struct client_lane *lane, const void *here, uint64_t deadline_ns)
{
	if (lane->depth && thread_has_left(lane->levels[lane->depth - 1].frame, here))
		unwind_host(lane->host, here, deadline_ns);
}

#endif
