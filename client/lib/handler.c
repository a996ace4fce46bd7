/* SPDX-License-Identifier: MIT */
#include "lib/handler.h"

#include "base/clock.h"
#include "lib/call.h"
#include "lib/callback_use.h"
#include "lib/deferred.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/invocation.h"
#include "lib/unwind.h"

#include <errno.h>
#include <string.h>

int handler_answer(struct client_lane *lane, uint64_t deadline_ns)
{
	int r = lane_send(&lane->lane, deadline_ns);
	if (r != -ETIMEDOUT)
		return r;
	client_lane_kill(lane); /* a part of the frame may be sent */
	return -ECONNRESET;
}

bool handler_is_late(struct client_lane *lane, uint64_t sequence)
{
	struct frame frame;
	struct hot abandon;
	if (lane_receive(&lane->lane, &frame, 0) <= 0)
		return false; /* its end shows when the answer is sent */
	if (frame.type == CBB__FRAME_TYPE__FRAME_ABANDON && hot_read(&abandon, &frame) == 0 && abandon.sequence == sequence)
		return true;
	lane_unreceive(&lane->lane);
	return false;
}

/* The innermost call of a function. The opening of a library is none: its constructors call under the call outside. */
static struct call_frame *calling(struct client_lane *lane)
{
	for (unsigned i = lane->depth; i > 0; i--)
		if (lane->levels[i - 1].frame->marshal.plan)
			return lane->levels[i - 1].frame;
	return NULL;
}

/* What the end of a handler finds: 0, or why nothing can be answered. */
static int check_after(struct client_lane *lane, unsigned epoch)
{
	if (epoch != fork_epoch()) { /* the handler returns in a child, too */
		client_lane_disown(lane);
		return CBB_ERR_FORKED;
	}
	if (lane->abandoned)
		return CBB_ERR_TIMEOUT;
	return lane->dead ? -ECONNRESET : 0;
}

/* Decodes, runs, encodes. A failure here is the program's or native code's, not a lie of the host: it is answered. */
static int run(struct cbb_invocation *invocation, struct hot *invoke)
{
	struct client_lane *lane = invocation->lane;
	unsigned epoch = fork_epoch(), depth = lane->depth;
	int r = invocation_decode(invocation, invoke);
	if (r == -EBADMSG)
		return r;
	if (r < 0)
		callback_count(&invocation->callback->counts.refused);
	if (r == 0) {
		r = invocation_run(invocation);
		/* Calls of the handler that it left by longjmp, within itself. */
		unwind_lane(lane, depth, lane->levels[depth - 1].deadline_ns);
		thread_pop_invocation(invocation);
		int after = check_after(lane, epoch);
		if (after < 0) {
			callback_count(&invocation->callback->counts.late_answers);
			if (invocation->deferred && after != CBB_ERR_FORKED)
				deferred_give_up(invocation->deferred, after == CBB_ERR_TIMEOUT ? after : CBB_ERR_HOST_DIED);
			return after;
		}
	}
	return r == 0 && invocation->deferred ? HANDLER_DEFERRED : invocation_put_answer(invocation, r);
}

/* The handler of a callback that may begin. */
static int serve(struct client_lane *lane, struct hot *invoke, struct cbb_callback *callback, struct call_frame *call)
{
	struct lane_level *level = client_lane_top(lane);
	struct cbb_invocation invocation = {
	    .marshal = {.call = call ? &call->marshal : NULL},
	    .callback = callback,
	    .host = lane->host,
	    .lane = lane,
	    .arena = &lane->arena,
	    .call = call ? call->marshal.plan->name : NULL,
	};
	level->running = callback;
	int r = run(&invocation, invoke);
	level->running = NULL;
	if (r == HANDLER_DEFERRED && !(lane->queue_lane && lane->depth == 1)) {
		/* This thread is in the call: it waits on, and the answer is its own to send. */
		r = deferred_wait(&invocation, level->deadline_ns);
	}
	if (r != HANDLER_DEFERRED)
		callback_end(callback);
	invocation_free_failure(&invocation);
	return r;
}

int handler_serve(struct client_lane *lane, struct hot *invoke)
{
	struct call_frame *call = calling(lane);
	if (invoke->parent != (call ? call->sequence : 0) || (!call && !lane->queue_lane))
		return detail_set(-EBADMSG, "a callback under call %llu, which is not the one in flight",
		                  (unsigned long long)invoke->parent);
	struct arena_mark mark = arena_mark(&lane->arena);
	struct cbb_callback *callback = callback_table_find(&lane->host->callbacks, invoke->slot, invoke->generation);
	struct lane_level *level = client_lane_top(lane);
	int r;
	level->serving = invoke->sequence;
	if (callback && callback_begin(callback, !call) == 0) {
		r = serve(lane, invoke, callback, call);
	} else {
		if (callback)
			callback_count(&callback->counts.refused);
		detail_set(CBB_ERR_CLOSED, "the callback is closed");
		r = hot_put_failure(&lane->lane.out, invoke->sequence, lane_core(), CBB_ERR_CLOSED);
	}
	if (r == HANDLER_DEFERRED)
		return r; /* its arguments live on */
	level->serving = 0;
	arena_release(&lane->arena, mark);
	return r < 0 ? r : handler_answer(lane, level->deadline_ns);
}
