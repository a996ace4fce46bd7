/* SPDX-License-Identifier: MIT */
#include "host/callback.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/binding.h"
#include "host/call.h"
#include "host/closure.h"
#include "host/event_flow.h"
#include "host/failure.h"
#include "host/host_lane.h"
#include "host/native_thread.h"
#include "host/queue.h"
#include "host/side.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <string.h>

/* One number line for all callbacks of the host. */
static _Atomic uint64_t last_sequence;

uint64_t callback_next_sequence(void)
{
	return atomic_fetch_add_explicit(&last_sequence, 1, memory_order_relaxed) + 1;
}

/* Everything that was put together before goes out with it: the limit is of this message. */
static void lane_allow_message(struct lane *lane)
{
	lane->out.limit = lane->out.size + lane->max_bytes + FRAME_HEADER_BYTES;
}

static void set_thread_fields(struct hot *fields, const struct host_lane *lane, uint64_t after)
{
	fields->thread = (uint32_t)lane->thread->id;
	if (!lane->queue)
		return;
	fields->thread_name = (const uint8_t *)lane->thread->name;
	fields->thread_name_size = strlen(lane->thread->name);
	fields->after = after;
}

static int put_invoke(struct callback_frame *frame, uint64_t sequence, int error_number)
{
	const struct closure *closure = frame->closure;
	const struct plan *plan = frame->marshal.plan;
	struct hot fields;
	struct hot_writer writer;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = sequence;
	fields.parent = frame->lane->top ? frame->lane->top->sequence : 0;
	fields.error_number = error_number;
	fields.core = lane_core();
	fields.timeout_ms = closure->timeout_ms;
	fields.slot = closure->slot;
	fields.generation = closure->generation;
	set_thread_fields(&fields, frame->lane, frame->binding ? frame->binding->after : 0);
	lane_allow_message(&frame->lane->lane);
	hot_begin(&writer, &frame->lane->lane.out, CBB__FRAME_TYPE__FRAME_INVOKE, &fields, plan->n_words_in);
	int r = marshal_put_arguments(&frame->marshal, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	return hot_end(&writer);
}

/* Native code no longer waits. A client that has not begun need not. */
static void send_abandon(struct host_lane *lane, uint64_t sequence)
{
	Cbb__Abandon message = CBB__ABANDON__INIT;
	message.sequence = sequence;
	lane_allow_message(&lane->lane);
	if (lane_put(&lane->lane, CBB__FRAME_TYPE__FRAME_ABANDON, &message.base) < 0 || lane_send(&lane->lane, 0) < 0)
		host_lane_kill(lane, NULL);
}

/* The answer is owed, and dropped when it comes. */
static int give_up(const struct callback_frame *frame, uint64_t sequence, int status)
{
	struct host_lane *lane = frame->lane;
	lane->owed[lane->n_owed++] = sequence;
	if (frame->binding)
		send_abandon(lane, sequence);
	if (status == CBB__STATUS__STATUS_TIMEOUT)
		telemetry_notice("callback %s: no answer in %llu ms, native code got on_error", frame->closure->name,
		                 (unsigned long long)frame->closure->timeout_ms);
	return status;
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

/* How long a wait may last before somebody must look. */
static uint64_t look_ns(const struct callback_frame *frame)
{
	if (!frame->binding)
		return frame->deadline_ns;
	uint64_t next_ns = thread_lane_of(frame->lane)->stall.next_ns;
	return next_ns < frame->deadline_ns ? next_ns : frame->deadline_ns;
}

/* That time has come: 0, wait on; STATUS_TIMEOUT, or STATUS_BUSY: the queue stalls, and has not begun with this. */
static int look(const struct callback_frame *frame)
{
	if (!frame->binding || (frame->deadline_ns != CLOCK_NEVER && clock_now_ns() >= frame->deadline_ns))
		return CBB__STATUS__STATUS_TIMEOUT;
	struct thread_lane *lane = thread_lane_of(frame->lane);
	struct queue *queue = frame->binding->queue;
	pthread_mutex_lock(&queue->lock);
	bool stalls = stall_look(&lane->stall, queue);
	pthread_mutex_unlock(&queue->lock);
	return stalls && !thread_lane_has_begun(lane) ? CBB__STATUS__STATUS_BUSY : 0;
}

/* What a handler sends and waits for. */
static bool is_answered(const struct frame *frame)
{
	switch (frame->type) {
	case CBB__FRAME_TYPE__FRAME_INVOKE:
	case CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY:
	case CBB__FRAME_TYPE__FRAME_READ_MEMORY:
	case CBB__FRAME_TYPE__FRAME_WRITE_MEMORY:
		return true;
	default:
		return false;
	}
}

/* Reads until the Return comes: 1 and the answer; a status; -EBADMSG, -ECONNRESET. */
static int wait_answer(const struct callback_frame *callback, uint64_t sequence, struct hot *answer)
{
	struct host_lane *lane = callback->lane;
	for (;;) {
		struct frame frame;
		int r = lane_receive(&lane->lane, &frame, look_ns(callback));
		if (r == -ETIMEDOUT) {
			r = look(callback);
			if (r < 0)
				return give_up(callback, sequence, r);
			continue;
		}
		if (r > 0 && frame.type == CBB__FRAME_TYPE__FRAME_RETURN) {
			r = hot_read(answer, &frame);
			if (r < 0)
				return r;
			lane_set_peer_core(&lane->lane, answer->core);
			if (answer->sequence == sequence)
				return 1;
		}
		if (r > 0 && callback->binding && is_answered(&frame))
			atomic_store(&thread_lane_of(lane)->waiting, NULL); /* the handler wants something: it has begun */
		if (r >= 0)
			r = host_lane_serve(lane, &frame, sequence);
		if (r < 0)
			return r;
		if (lane->abandoned)
			return CBB__STATUS__STATUS_TIMEOUT;
	}
}

/* A client that does not read for so long has only a part of the frame: the lane is lost. */
static int send_invoke(const struct callback_frame *frame)
{
	struct host_lane *lane = frame->lane;
	int r, status = 0;
	/* Ahead of it: a handler may begin before this thread comes to say so. What is not read then has not begun. */
	if (frame->binding)
		atomic_store_explicit(&thread_lane_of(lane)->sent, true, memory_order_release);
	do {
		r = lane_send(&lane->lane, look_ns(frame));
		if (r == -ETIMEDOUT)
			status = look(frame);
	} while (r == -ETIMEDOUT && status == 0);
	if (r == 0) {
		if (frame->binding)
			lane_allow_message(&lane->lane); /* events went out as well */
		return 0;
	}
	host_lane_kill(lane, r == -ETIMEDOUT ? "the client did not take a callback's arguments in time" : NULL);
	return status < 0 ? status : CBB__STATUS__STATUS_TIMEOUT;
}

static int send_and_wait(struct callback_frame *frame, uint64_t sequence, int *error_number)
{
	struct host_lane *lane = frame->lane;
	struct hot answer;
	int r = send_invoke(frame);
	if (r < 0)
		return r;
	r = wait_answer(frame, sequence, &answer);
	if (r == 1) {
		if (lane->queue)
			thread_lane_returned(lane);
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
		failure_tell(closure, CBB__STATUS__STATUS_DEPTH,
		             "callback %s would be number %d nested on its thread: native code got on_error", closure->name,
		             HOST_DEPTH_MAX + 1);
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

/* ---- Events of the thread that wait in the host ---- */

/*
 * What the thread did before goes first: what is left in the store along with the Invoke, what is on its way to the
 * event lane with the next that somebody sends there. In steady use without events no lock is taken.
 */
static void lend_events(struct binding *binding, struct thread_lane *lane)
{
	struct queue *queue = binding->queue;
	if (!binding->stored && binding->after == binding->flushed)
		return;
	pthread_mutex_lock(&queue->lock);
	if (binding->stored && !atomic_load(&lane->cut)) {
		lane->base.lane.out.limit = SIZE_MAX / 4;
		lane->lent = event_flow_lend(queue, binding->native->serial, &lane->base.lane.out);
		binding->after = queue->events.n_committed;
		binding->stored = false;
		atomic_store(&lane->carries, lane->lent != NULL);
	}
	event_lane_flush(queue, true);
	binding->flushed = binding->after;
	pthread_mutex_unlock(&queue->lock);
}

void callback_return_events(struct thread_lane *lane)
{
	struct queue *queue = lane->base.queue;
	struct entry *lent = lane->lent;
	lane->lent = NULL;
	pthread_mutex_lock(&queue->lock);
	event_flow_return(queue, lent);
	event_lane_flush(queue, false);
	pthread_mutex_unlock(&queue->lock);
}

/* ---- A callback ---- */

static int callback_run(struct callback_frame *frame)
{
	struct host_lane *lane = frame->lane;
	const struct closure *closure = frame->closure;
	int error_number = errno;
	uint64_t sequence = callback_next_sequence();
	struct arena_mark mark = arena_mark(&lane->arena);
	/* Reading what the arguments point to may crash as well, and the record shall name the callback. */
	const char *outer = lane->thread->callback;
	atomic_store_explicit(&lane->thread->callback, closure->name, memory_order_relaxed);
	struct thread_lane *own = frame->binding ? thread_lane_of(lane) : NULL;
	if (own)
		lend_events(frame->binding, own);
	int r = put_invoke(frame, sequence, error_number);
	if (r < 0)
		telemetry_notice("callback %s could not be sent, native code got on_error: %s", closure->name, detail_text());
	if (r < 0 && own && own->lent)
		send_invoke(frame); /* the events go alone */
	if (r == 0)
		r = run_shown(frame, sequence, &error_number);
	if (own && own->lent)
		callback_return_events(own);
	atomic_store_explicit(&lane->thread->callback, outer, memory_order_relaxed);
	arena_release(&lane->arena, mark);
	errno = error_number;
	return r;
}

int callback_call(struct host_lane *lane, const struct closure *closure, void *const *arguments, void *object)
{
	int error_number = errno;
	int r = check_lane(lane, closure);
	if (r < 0)
		return r;
	errno = error_number;
	struct callback_frame frame = {
	    .marshal = {.plan = closure->plan, .side = &side_callback, .arena = &lane->arena,
	                .call = &lane->top->marshal, .arguments = arguments, .result = object},
	    .closure = closure,
	    .lane = lane,
	    .deadline_ns = closure->timeout_ms ? clock_deadline_ns(closure->timeout_ms) : CLOCK_NEVER,
	};
	return callback_run(&frame);
}

int callback_call_queue(struct binding *binding, struct host_lane *lane, const struct closure *closure,
                        void *const *arguments, void *object, uint64_t deadline_ns)
{
	int error_number = errno;
	int r = check_lane(lane, closure);
	if (r < 0)
		return r;
	errno = error_number;
	struct callback_frame frame = {
	    .marshal = {.plan = closure->plan, .side = &side_callback, .arena = &lane->arena, .arguments = arguments,
	                .result = object},
	    .closure = closure,
	    .lane = lane,
	    .binding = binding,
	    .deadline_ns = deadline_ns,
	};
	stall_begin(&thread_lane_of(lane)->stall);
	return callback_run(&frame);
}
