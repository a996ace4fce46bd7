/* SPDX-License-Identifier: MIT */
#include "host/callback.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/call.h"
#include "host/closure.h"
#include "host/host_lane.h"
#include "host/side.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <string.h>

/* One number line for all callbacks of the host. */
static _Atomic uint64_t last_sequence;

static int put_invoke(struct callback_frame *frame, uint64_t sequence, int error_number)
{
	const struct closure *closure = frame->closure;
	const struct plan *plan = frame->marshal.plan;
	struct hot fields;
	struct hot_writer writer;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = sequence;
	fields.parent = frame->lane->top->sequence;
	fields.error_number = error_number;
	fields.core = lane_core();
	fields.timeout_ms = closure->timeout_ms;
	fields.slot = closure->slot;
	fields.generation = closure->generation;
	fields.thread = (uint32_t)frame->lane->thread->id;
	hot_begin(&writer, &frame->lane->lane.out, CBB__FRAME_TYPE__FRAME_INVOKE, &fields, plan->n_words_in);
	int r = marshal_put_arguments(&frame->marshal, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	return hot_end(&writer);
}

/* The deadline passed: the answer is owed, and dropped when it comes. */
static int timed_out(struct host_lane *lane, const struct closure *closure, uint64_t sequence)
{
	lane->owed[lane->n_owed++] = sequence;
	telemetry_notice("callback %s: no answer in %llu ms, native code got on_error", closure->name,
	                 (unsigned long long)closure->timeout_ms);
	return CBB__STATUS__STATUS_TIMEOUT;
}

static int take_answer(struct callback_frame *frame, struct hot *answer)
{
	if (answer->status > 0)
		return detail_set(-EBADMSG, "a callback answered with status %d", answer->status);
	if (answer->status < 0 && (answer->n_words || answer->block_cursor))
		return detail_set(-EBADMSG, "a callback answered with results beside status %d", answer->status);
	if (answer->status < 0) {
		detail_set_bytes(answer->status, answer->detail, answer->detail_size);
		if (answer->status != CBB__STATUS__STATUS_CLOSED)
			telemetry_notice("callback %s failed, native code got on_error: %s", frame->closure->name,
			                 detail_text());
		/* An errno of the client's is no trouble of this lane. */
		return answer->status <= CBB__STATUS__STATUS_HOST_DIED ? answer->status : CBB__STATUS__STATUS_ARGUMENT;
	}
	return marshal_get_results(&frame->marshal, answer);
}

/* Reads until the Return comes: 1 and the answer; a status; -EBADMSG, -ECONNRESET. */
static int wait_answer(struct host_lane *lane, const struct closure *closure, uint64_t sequence, uint64_t deadline_ns,
                       struct hot *answer)
{
	for (;;) {
		struct frame frame;
		int r = lane_receive(&lane->lane, &frame, deadline_ns);
		if (r == -ETIMEDOUT)
			return timed_out(lane, closure, sequence);
		if (r > 0 && frame.type == CBB__FRAME_TYPE__FRAME_RETURN) {
			r = hot_read(answer, &frame);
			if (r < 0)
				return r;
			lane_set_peer_core(&lane->lane, answer->core);
			if (answer->sequence == sequence)
				return 1;
		}
		if (r >= 0)
			r = host_lane_serve(lane, &frame, sequence);
		if (r < 0)
			return r;
		if (lane->abandoned)
			return CBB__STATUS__STATUS_TIMEOUT;
	}
}

static int send_and_wait(struct callback_frame *frame, uint64_t sequence, int *error_number)
{
	struct host_lane *lane = frame->lane;
	const struct closure *closure = frame->closure;
	struct hot answer;
	uint64_t deadline_ns = closure->timeout_ms ? clock_deadline_ns(closure->timeout_ms) : CLOCK_NEVER;
	int r = lane_send(&lane->lane, deadline_ns);
	if (r < 0) { /* a client that does not read for so long has only a part of the frame: the lane is lost */
		host_lane_kill(lane, r == -ETIMEDOUT ? "the client did not take a callback's arguments in time" : NULL);
		return CBB__STATUS__STATUS_TIMEOUT;
	}
	r = wait_answer(lane, closure, sequence, deadline_ns, &answer);
	if (r == 1) {
		r = take_answer(frame, &answer);
		if (r == 0 && answer.has_error_number)
			*error_number = answer.error_number;
	}
	if (r == -EBADMSG)
		host_lane_kill(lane, detail_text());
	else if (r < 0 && r > CBB__STATUS__STATUS_HOST_DIED)
		host_lane_kill(lane, NULL);
	return r;
}

/* Looks without waiting whether the answers that are owed have come. */
static int drain_owed(struct host_lane *lane)
{
	while (lane->n_owed) {
		struct frame frame;
		int r = lane_receive(&lane->lane, &frame, 0);
		if (r == -ETIMEDOUT)
			return CBB__STATUS__STATUS_TIMEOUT;
		if (r > 0)
			r = host_lane_serve(lane, &frame, UINT64_MAX); /* no call is in time now */
		if (r < 0) {
			host_lane_kill(lane, r == -EBADMSG ? detail_text() : NULL);
			return r;
		}
	}
	return 0;
}

static int check_lane(struct host_lane *lane, const struct closure *closure)
{
	if (lane->dead)
		return -ECONNRESET;
	if (lane->abandoned)
		return CBB__STATUS__STATUS_TIMEOUT;
	if (lane->n_callbacks + lane->n_owed >= HOST_DEPTH_MAX) {
		telemetry_notice("callback %s would be number %d nested on its thread: native code got on_error",
		                 closure->name, HOST_DEPTH_MAX + 1);
		return CBB__STATUS__STATUS_DEPTH;
	}
	return lane->n_owed ? drain_owed(lane) : 0;
}

/* With what a look from outside shall say of this thread. */
static int run_shown(struct callback_frame *frame, uint64_t sequence, int *error_number)
{
	struct host_lane *lane = frame->lane;
	uint32_t outer_shown = atomic_load_explicit(&lane->cell->callback, memory_order_relaxed);
	uint64_t n = atomic_load_explicit(&lane->cell->callbacks, memory_order_relaxed);
	atomic_store_explicit(&lane->cell->callback, frame->closure->shown_name, memory_order_relaxed);
	atomic_store_explicit(&lane->cell->callbacks, n + 1, memory_order_relaxed);
	lane->n_callbacks++;
	int r = send_and_wait(frame, sequence, error_number);
	lane->n_callbacks--;
	atomic_store_explicit(&lane->cell->callback, outer_shown, memory_order_relaxed);
	return r;
}

int callback_call(struct host_lane *lane, const struct closure *closure, void *const *arguments, void *object)
{
	int error_number = errno;
	int r = check_lane(lane, closure);
	if (r < 0)
		return r;
	uint64_t sequence = atomic_fetch_add_explicit(&last_sequence, 1, memory_order_relaxed) + 1;
	struct callback_frame frame = {
	    .marshal = {.plan = closure->plan, .side = &side_callback, .arena = &lane->arena,
	                .call = &lane->top->marshal, .arguments = arguments, .result = object},
	    .closure = closure,
	    .lane = lane,
	};
	struct arena_mark mark = arena_mark(&lane->arena);
	/* Reading what the arguments point to may crash as well, and the record shall name the callback. */
	const char *outer = lane->thread->callback;
	atomic_store_explicit(&lane->thread->callback, closure->name, memory_order_relaxed);
	r = put_invoke(&frame, sequence, error_number);
	if (r < 0)
		telemetry_notice("callback %s could not be sent, native code got on_error: %s", closure->name, detail_text());
	else
		r = run_shown(&frame, sequence, &error_number);
	atomic_store_explicit(&lane->thread->callback, outer, memory_order_relaxed);
	arena_release(&lane->arena, mark);
	errno = error_number;
	return r;
}
