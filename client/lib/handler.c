/* SPDX-License-Identifier: MIT */
#include "lib/handler.h"

#include "base/clock.h"
#include "lib/call.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/side.h"
#include "lib/unwind.h"

#include <errno.h>
#include <string.h>

/* Answers without a result: native code gets on_error. */
static int put_failure(struct client_lane *lane, uint64_t sequence, int status)
{
	return hot_put_failure(&lane->lane.out, sequence, lane_core(), status);
}

static int put_result(struct handler_frame *frame, uint64_t sequence, const struct cbb_invocation *invocation)
{
	struct hot fields;
	struct hot_writer writer;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = sequence;
	fields.core = lane_core();
	fields.has_error_number = invocation->has_error_number;
	fields.error_number = invocation->error_number_after;
	hot_begin(&writer, &frame->lane->lane.out, CBB__FRAME_TYPE__FRAME_RETURN, &fields,
	          frame->marshal.plan->n_words_out);
	int r = marshal_put_results(&frame->marshal, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	return hot_end(&writer);
}

/* Decodes, runs, encodes. A failure here is the program's or native code's, not a lie of the host: it is answered. */
static int handler_run(struct handler_frame *frame, struct hot *invoke)
{
	const struct plan *plan = frame->marshal.plan;
	uint64_t sequence = invoke->sequence;
	unsigned epoch = fork_epoch(), depth = frame->lane->depth;
	struct cbb_invocation invocation = {
	    .callback = frame->callback,
	    .host = frame->lane->host,
	    .sequence = sequence,
	    .thread = (pid_t)invoke->thread,
	    .error_number = invoke->error_number,
	};
	int r = marshal_get_arguments(&frame->marshal, invoke);
	if (r == -EBADMSG)
		return r;
	void *result = r < 0 ? NULL : arena_take(frame->marshal.arena, PLAN_RESULT_BYTES(plan));
	if (r == 0 && !result)
		r = -ENOMEM;
	if (r == 0)
		r = thread_push_invocation(&invocation);
	if (r == 0) {
		errno = invoke->error_number;
		callback_run(frame->callback, result, frame->marshal.arguments);
		unwind_lane(frame->lane, depth, frame->lane->levels[depth - 1].deadline_ns); /* calls of the handler that it left by longjmp, within itself */
		thread_pop_invocation(&invocation);
		if (epoch != fork_epoch()) { /* the handler returns in a child, too */
			client_lane_disown(frame->lane);
			return CBB_ERR_FORKED;
		}
		if (frame->lane->abandoned)
			return CBB_ERR_TIMEOUT;
		if (frame->lane->dead)
			return -ECONNRESET;
		if (!plan->returns_void)
			plan_narrow_result(plan, result, frame->marshal.result);
		r = put_result(frame, sequence, &invocation);
	}
	/* Closed is what an argument stands for, not this callback: the host would end that. */
	if (r < 0)
		r = put_failure(frame->lane, sequence, r == CBB_ERR_CLOSED ? CBB_ERR_ARGUMENT : r);
	return r;
}

static int handler_answer(struct client_lane *lane, uint64_t deadline_ns)
{
	int r = lane_send(&lane->lane, deadline_ns);
	if (r != -ETIMEDOUT)
		return r;
	client_lane_kill(lane); /* a part of the frame may be sent */
	return -ECONNRESET;
}

/* The innermost call of a function. The opening of a library is none: its constructors call under the call outside. */
static struct call_frame *calling(struct client_lane *lane)
{
	for (unsigned i = lane->depth; i > 0; i--)
		if (lane->levels[i - 1].frame->marshal.plan)
			return lane->levels[i - 1].frame;
	return NULL;
}

int handler_serve(struct client_lane *lane, struct hot *invoke)
{
	struct call_frame *call = calling(lane);
	struct callback_table *table = &lane->host->callbacks;
	if (!call || invoke->parent != call->sequence)
		return detail_set(-EBADMSG, "a callback under call %llu, which is not the one in flight",
		                  (unsigned long long)invoke->parent);
	struct arena_mark mark = arena_mark(&lane->arena);
	struct cbb_callback *callback = callback_table_find(table, invoke->slot, invoke->generation);
	int r = 0;
	struct lane_level *level = client_lane_top(lane);
	level->serving = invoke->sequence;
	if (callback && callback_begin(callback) == 0) {
		struct handler_frame frame = {
		    .marshal = {.plan = callback->type->plan, .side = &side_handler, .arena = &lane->arena,
		                .call = &call->marshal},
		    .callback = callback,
		    .lane = lane,
		};
		level->running = callback;
		r = handler_run(&frame, invoke);
		level->running = NULL;
		callback_end(callback);
	} else {
		detail_set(CBB_ERR_CLOSED, "the callback is closed");
		r = put_failure(lane, invoke->sequence, CBB_ERR_CLOSED);
	}
	level->serving = 0;
	arena_release(&lane->arena, mark);
	return r < 0 ? r : handler_answer(lane, level->deadline_ns);
}
