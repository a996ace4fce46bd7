/* SPDX-License-Identifier: MIT */
#include "lib/unwind.h"

#include "lib/call_wait.h"
#include "lib/callback.h"
#include "lib/error.h"
#include "wire/hot.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

static int refuse(struct client_lane *lane, uint64_t sequence, uint64_t deadline_ns)
{
	detail_set(-ECANCELED, "its handler was left by longjmp");
	int r = hot_put_failure(&lane->lane.out, sequence, lane_core(), -ECANCELED);
	return r < 0 ? r : lane_send(&lane->lane, deadline_ns);
}

/* Answers the callback that was left, and all that follow, until the call under which it ran has returned. */
static int finish(struct client_lane *lane, const struct lane_level *level)
{
	struct frame frame;
	struct hot hot;
	int r = level->serving ? refuse(lane, level->serving, level->deadline_ns) : 0;
	while (r == 0) {
		r = lane_receive(&lane->lane, &frame, level->deadline_ns);
		if (r > 0)
			r = hot_read(&hot, &frame);
		if (r < 0)
			return r;
		if (frame.type == CBB__FRAME_TYPE__FRAME_INVOKE)
			r = refuse(lane, hot.sequence, level->deadline_ns);
		else if (hot.sequence == level->sequence)
			return 0;
		else
			r = call_other_return(lane, hot.sequence, level->sequence);
	}
	return r;
}

static void level_end(struct client_lane *lane, uint64_t deadline_ns)
{
	struct cbb_host *host = lane->host;
	struct lane_level level = lane->levels[lane->depth - 1];
	if (deadline_ns < level.deadline_ns)
		level.deadline_ns = deadline_ns;
	if (!lane->dead && !lane->abandoned) {
		int r = finish(lane, &level);
		/* Its own deadline abandons the whole chain, as for a call that waits. */
		if (r < 0 && r != CBB_ERR_TIMEOUT)
			call_lane_failed(lane, r, "a call that was left by longjmp");
	}
	if (lane->returned_early == level.sequence)
		lane->returned_early = 0;
	if (level.running)
		callback_end(level.running);
	free(level.fails_text);
	arena_release(&lane->arena, level.mark);
	lane->depth--;
	lane->in_use = lane->depth > 0;
	if (host)
		host_leave(host); /* from here on another thread may free it */
}

void unwind_lane(struct client_lane *lane, unsigned depth, uint64_t deadline_ns)
{
	while (lane->depth > depth)
		level_end(lane, deadline_ns);
}

void unwind_host(struct cbb_host *host, const void *here, uint64_t deadline_ns)
{
	struct client_thread *thread = thread_self();
	struct client_lane *lane;
	thread_drop_left(here);
	dispatch_unwind(here); /* first: it deals with the lowest level of a queue's lane, and all above */
	LL_FOREACH2 (thread ? thread->lanes : NULL, lane, thread_next)
		while (lane->host == host && lane->depth > (lane->queue_lane ? 1 : 0) &&
		       thread_has_left(client_lane_top(lane)->frame, here))
			level_end(lane, deadline_ns);
}

bool unwind_is_inside(const struct cbb_host *host, const void *here)
{
	const struct client_thread *thread = thread_self();
	struct client_lane *lane;
	thread_drop_left(here);
	dispatch_unwind(here);
	LL_FOREACH2 (thread ? thread->lanes : NULL, lane, thread_next)
		if (lane->host == host && lane->depth && !thread_has_left(lane->levels[0].frame, here))
			return true;
	return dispatch_is_at(host) || thread_in_handler_of(host);
}
