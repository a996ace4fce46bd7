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

/* Ends the innermost calls in flight on the lane until `depth` are left. */
void unwind_lane(struct client_lane *lane, unsigned depth);

/* Ends all calls of this thread whose frames lie below `here`, an address in the frame of the caller. */
void unwind_thread(const void *here);

/* The same if the innermost call on this lane was left: cheap when it was not. */
static inline void unwind_check(struct client_lane *lane, const void *here)
{
	if (lane->depth && thread_has_left(lane->levels[lane->depth - 1].frame, here))
		unwind_thread(here);
}

#endif
