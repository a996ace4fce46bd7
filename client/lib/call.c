/* SPDX-License-Identifier: MIT */
#include "lib/call.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/call_variadic.h"
#include "lib/client.h"
#include "lib/dispatch.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/handler.h"
#include "lib/options.h"
#include "lib/side.h"
#include "lib/unwind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Deadlines: what a late answer leaves behind ---- */

/* Sends Abandon for the whole chain; the lane is busy until its outermost call has been answered. */
static void abandon(struct client_lane *lane)
{
	Cbb__Abandon message = CBB__ABANDON__INIT;
	/* Below the calls on a queue's lane stands what its native thread is in. */
	lane->abandoned = lane->levels[lane->queue_lane && lane->levels[0].sequence == 0 ? 1 : 0].sequence;
	message.sequence = lane->abandoned;
	if (lane->lane.out.size > 0 ||
	    lane_put(&lane->lane, CBB__FRAME_TYPE__FRAME_ABANDON, &message.base) < 0 ||
	    lane_send(&lane->lane, 0) < 0)
		client_lane_kill(lane); /* a half sent frame, or a host that does not read: end of file says the same */
}

/* More can wait there only from a host that goes on sending: it must not hold the caller. */
#define LEFTOVERS_MAX (4 * CBB_DEPTH_MAX)

/* Looks without waiting whether an abandoned chain has ended. 0: the lane is free; STATUS_BUSY; other: it died. */
static int drain_abandoned(struct client_lane *lane)
{
	struct frame frame;
	struct hot hot;
	for (unsigned n = 0; lane->abandoned; n++) {
		int r = n < LEFTOVERS_MAX ? lane_receive(&lane->lane, &frame, 0) : -ETIMEDOUT;
		if (r == -ETIMEDOUT)
			return detail_set(CBB_ERR_BUSY, "an earlier call of this thread timed out and still runs in host h%llu",
			                  (unsigned long long)lane->host->id);
		if (r < 0)
			return r;
		bool known = frame.type == CBB__FRAME_TYPE__FRAME_RETURN || frame.type == CBB__FRAME_TYPE__FRAME_INVOKE ||
		             frame.type == CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED;
		if (!known || hot_read(&hot, &frame) < 0)
			return detail_set(-EBADMSG, "frame %s on a busy lane", frame_type_name((int)frame.type));
		if (frame.type != CBB__FRAME_TYPE__FRAME_INVOKE && hot.sequence == lane->abandoned)
			lane->abandoned = 0;
	}
	return 0;
}

/* ---- Waiting ---- */

int call_lane_failed(struct client_lane *lane, int r, const char *name)
{
	switch (r) {
	case -ETIMEDOUT:
		abandon(lane);
		return detail_set(CBB_ERR_TIMEOUT, "%s did not return within its deadline (host h%llu, pid %d)", name,
		                  (unsigned long long)lane->host->id, (int)lane->host->pid);
	case CBB_ERR_TIMEOUT:
		return detail_set(r, "%s: a call made by a handler under it timed out", name);
	case CBB_ERR_FORKED:
		return fork_check(lane->host->fork_epoch);
	case -EBADMSG:
		client_lane_kill(lane);
		return host_cut_off(lane->host);
	case -ENOMEM: /* this side's lack: the lane has lost its place, the host has not */
		client_lane_kill(lane);
		return detail_set(r, "%s: no memory for what host h%llu sends", name, (unsigned long long)lane->host->id);
	default:
		if (lane->dead && !atomic_load(&lane->host->dead)) /* given up by a deadline, on this side */
			return detail_set(CBB_ERR_TIMEOUT, "%s: host h%llu did not take in time what was sent under it", name,
			                  (unsigned long long)lane->host->id);
		client_lane_kill(lane);
		if (lane->queue_lane && !host_is_dying(lane->host)) /* its native thread has given it up */
			return detail_set(CBB_ERR_TIMEOUT, "%s: the handler that makes this call has passed its deadline", name);
		return host_note_death(lane->host, name);
	}
}

/* Whether an outer call in flight has that sequence number. */
static bool is_outer(const struct client_lane *lane, uint64_t sequence)
{
	for (unsigned i = 0; i < lane->depth; i++)
		if (lane->levels[i].sequence == sequence)
			return true;
	return false;
}

int call_other_return(struct client_lane *lane, uint64_t got, uint64_t awaited)
{
	if (is_outer(lane, got) && got != awaited) {
		lane_unreceive(&lane->lane);
		lane->returned_early = got;
		return detail_set(CBB_ERR_TIMEOUT, "the handler that makes this call has passed its deadline");
	}
	if (got > lane->last_sequence)
		return detail_set(-EBADMSG, "a Return for call %llu, which was never made", (unsigned long long)got);
	return 0;
}

/*
 * The native thread no longer waits for the handler that makes this call, and said so before it read of the call: that
 * is refused.
 */
static bool is_word_of_lateness(const struct client_lane *lane, const struct frame *frame, const struct hot *hot)
{
	return frame->type == CBB__FRAME_TYPE__FRAME_ABANDON && lane->queue_lane && lane->levels[0].serving &&
	       hot->sequence == lane->levels[0].serving;
}

/* A handler that ran while this thread waited may have ended the host; or it returns in a child of fork(), too. */
static int check_after_serving(struct client_lane *lane)
{
	if (lane->host->fork_epoch != fork_epoch()) {
		client_lane_disown(lane);
		return CBB_ERR_FORKED;
	}
	return lane->dead ? -ECONNRESET : 0;
}

/* The next frame; meanwhile this thread serves what native threads wait for that it dispatches. */
static int receive(struct client_lane *lane, struct wait_masks *masks, uint64_t deadline_ns, struct frame *ret_frame)
{
	struct cbb_client *client = lane->host->client;
	int fds[WAIT_WATCH_MAX], r;
	do {
		lane->lane.watch_fds = fds;
		lane->lane.n_watch = wait_watch(client, masks->watches, fds);
		r = lane_receive(&lane->lane, ret_frame, deadline_ns);
		lane->lane.n_watch = 0;
		if (r == 0) {
			wait_serve(client, masks, &client);
			r = check_after_serving(lane);
		}
	} while (r == 0);
	return r;
}

int call_wait(struct client_lane *lane, uint64_t sequence, uint64_t deadline_ns, const char *name,
              struct frame *ret_frame, struct hot *ret_hot)
{
	struct wait_masks masks = lane->masks;
	/* Whoever dispatches may have read of native threads that wait, which no socket shows any more. */
	if (masks.watches && thread_self()->dispatches)
		wait_serve(lane->host->client, &masks, &masks);
	for (;;) {
		int r = receive(lane, &masks, deadline_ns, ret_frame);
		if (r < 0)
			return call_lane_failed(lane, r, name);
		r = hot_read(ret_hot, ret_frame);
		if (r == 0)
			lane_set_peer_core(&lane->lane, ret_hot->core);
		if (r == 0 && ret_frame->type == CBB__FRAME_TYPE__FRAME_INVOKE) {
			r = handler_serve(lane, ret_hot);
		} else if (r == 0 && (ret_frame->type == CBB__FRAME_TYPE__FRAME_RETURN ||
		                      ret_frame->type == CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED)) {
			if (ret_hot->sequence == sequence)
				return 1;
			r = call_other_return(lane, ret_hot->sequence, sequence);
			if (r == CBB_ERR_TIMEOUT)
				return r;
		} else if (r == 0 && !is_word_of_lateness(lane, ret_frame, ret_hot)) {
			r = detail_set(-EBADMSG, "frame %s out of turn", frame_type_name((int)ret_frame->type));
		}
		/* A host that always has one more to say would never let the wait see its deadline. */
		if (r == 0 && deadline_ns != CLOCK_NEVER && clock_left_ms(deadline_ns) == 0)
			r = -ETIMEDOUT;
		if (r < 0)
			return call_lane_failed(lane, r, name);
	}
}

/* ---- A call ---- */

int call_check_lane(struct client_lane *lane, const char *name)
{
	if (lane->abandoned && lane->depth)
		return detail_set(CBB_ERR_TIMEOUT, "%s: a call made earlier by this handler timed out", name);
	if (lane->returned_early)
		return detail_set(CBB_ERR_TIMEOUT, "%s: the handler that makes this call has passed its deadline", name);
	const struct lane_level *top = client_lane_top(lane);
	if (top && !top->serving)
		return detail_set(CBB_ERR_WOULD_DEADLOCK, "%s: this thread waits in a call into host h%llu, which is not the call "
		                  "that its handler runs under; call from another thread, or after that call", name,
		                  (unsigned long long)lane->host->id);
	if (lane->depth - lane->queue_lane >= CBB_DEPTH_MAX)
		return detail_set(CBB_ERR_DEPTH, "%s would be call %u of %d nested on this thread", name, lane->depth + 1,
		                  CBB_DEPTH_MAX);
	int r = lane->abandoned ? drain_abandoned(lane) : 0;
	if (r == 0 || r == CBB_ERR_BUSY)
		return r;
	return call_lane_failed(lane, r == -ETIMEDOUT ? -ECONNRESET : r, name);
}

static int put_invoke(struct call_frame *call, int error_number)
{
	const struct plan *plan = call->marshal.plan;
	const struct lane_level *outer = client_lane_top(call->lane);
	struct hot fields;
	struct hot_writer writer;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = call->sequence;
	fields.parent = outer ? outer->serving : 0;
	fields.error_number = error_number;
	fields.core = lane_core();
	fields.dispatches = call->masks.dispatches;
	fields.serves = call->masks.serves;
	/* Of the first queues each bit is one's own. */
	if (fields.dispatches && call->masks.last_queue > QUEUE_BITS_MAX)
		fields.last_queue = call->masks.last_queue;
	fields.library = call->library->number;
	fields.function = plan->index;
	if (call->deadline_ns != CLOCK_NEVER)
		fields.timeout_ms = (uint64_t)clock_left_ms(call->deadline_ns) + 1;
	hot_begin(&writer, &call->lane->lane.out, CBB__FRAME_TYPE__FRAME_INVOKE, &fields, plan->n_words_in);
	int r = marshal_put_arguments(&call->marshal, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	return hot_end(&writer);
}

/* What has been appended and not sent is forgotten: the call fails before the host hears of it. */
static void take_back(struct client_lane *lane)
{
	lane->lane.out.size = 0;
	lane->lane.out_start = 0;
}

int call_put(struct call_frame *call, int error_number)
{
	struct client_lane *lane = call->lane;
	int r = put_invoke(call, error_number);
	if (r == 0 && call->callbacks && call->callbacks->n_announced) {
		take_back(lane);
		r = side_pass_callbacks(call);
		if (r == 0)
			r = put_invoke(call, error_number);
	}
	if (r < 0)
		take_back(lane);
	return r;
}

static int call_send(struct call_frame *call, int error_number)
{
	struct client_lane *lane = call->lane;
	int r = call_put(call, error_number);
	if (r < 0)
		return r;
	r = lane_send(&lane->lane, call->deadline_ns);
	if (r == 0)
		return 0;
	if (r == -ETIMEDOUT) {
		client_lane_kill(lane); /* half sent */
		return detail_set(CBB_ERR_TIMEOUT, "%s: host h%llu did not take the arguments in time",
		                  call->marshal.plan->name, (unsigned long long)lane->host->id);
	}
	return call_lane_failed(lane, r, call->marshal.plan->name);
}

int call_take_return(struct call_frame *call, const struct frame *frame, struct hot *hot, int *ret_errno)
{
	const char *name = call->marshal.plan->name;
	side_callbacks_known(call);
	if (frame->type != CBB__FRAME_TYPE__FRAME_RETURN)
		return detail_set(-EBADMSG, "%s answered by another frame", name);
	if (hot->status > 0)
		return detail_set(-EBADMSG, "%s answered with status %d", name, hot->status);
	if (hot->status < 0 && (hot->n_words || hot->block_cursor))
		return detail_set(-EBADMSG, "%s answered with results beside status %d", name, hot->status);
	if (hot->status < 0) {
		/* -EBADMSG would be a breach of the host's. */
		int status = hot->status == -EBADMSG ? CBB_ERR_PROTOCOL : hot->status;
		return hot->detail_size ? detail_set_bytes(status, hot->detail, hot->detail_size) : status;
	}
	int r = marshal_get_results(&call->marshal, hot);
	if (r < 0)
		return r;
	side_after_call(call);
	*ret_errno = hot->error_number;
	return 0;
}

static int call_receive(struct call_frame *call, int *ret_errno)
{
	struct frame frame;
	struct hot hot;
	struct client_lane *lane = call->lane;
	const char *name = call->marshal.plan->name;
	int r = call_wait(lane, call->sequence, call->deadline_ns, name, &frame, &hot);
	if (r < 0)
		return r;
	if (lane->returned_early == call->sequence)
		lane->returned_early = 0;
	r = call_take_return(call, &frame, &hot, ret_errno);
	return r == -EBADMSG ? call_lane_failed(lane, r, name) : r;
}

/* cbb_invocation_fail_call: a handler wants this call to fail. */
static int call_failed_by_handler(struct lane_level *level, int r)
{
	if (level->fails && r == 0)
		r = detail_set(level->fails, "%s", level->fails_text ? level->fails_text : "a handler made this call fail");
	free(level->fails_text);
	level->fails_text = NULL;
	return r;
}

/* The call on a lane that is free for it. */
static int call_on_lane(struct client_lane *lane, struct call_frame *call, int *error_number)
{
	call->lane = lane;
	const struct lane_level *outer = client_lane_top(lane);
	call->marshal.arena = &lane->arena;
	call->sequence = ++lane->last_sequence;
	call->masks = wait_masks(lane->host->client, thread_self());
	thread_self()->serves_more = false;
	lane->masks = call->masks;
	call->n_opened = atomic_load_explicit(&call->library->host->handles.n_opened, memory_order_relaxed);
	if (outer && outer->deadline_ns < call->deadline_ns)
		call->deadline_ns = outer->deadline_ns;
	struct arena_mark mark = arena_mark(&lane->arena);
	int r = call_send(call, *error_number);
	if (r == 0) {
		lane->levels[lane->depth++] = (struct lane_level){
		    .frame = call, .sequence = call->sequence, .deadline_ns = call->deadline_ns, .mark = mark};
		r = call_failed_by_handler(client_lane_top(lane), call_receive(call, error_number));
		lane->depth--;
	}
	arena_release(&lane->arena, mark);
	return r;
}

/* A copy that came with transfer(full(f)) goes back to f here, without a call. */
static bool released_here(const struct cbb_function *function, void *const *arguments)
{
	void *pointer;
	if (!function->releases)
		return false;
	memcpy(&pointer, arguments[0], sizeof pointer);
	return pointer && handle_release_owned(&function->library->host->handles, function->plan->name, pointer);
}

uint64_t call_deadline(const struct cbb_function *function, uint64_t timeout_ms)
{
	if (!timeout_ms)
		timeout_ms = function->plan->function->timeout_ms;
	if (!timeout_ms)
		timeout_ms = function->library->host->call_timeout_ms;
	return timeout_ms ? clock_deadline_ns(timeout_ms) : CLOCK_NEVER;
}

static int call_in_host(struct cbb_function *function, void *result, void *const *arguments, uint64_t timeout_ms,
                        int *error_number)
{
	struct cbb_host *host = function->library->host;
	struct client_lane *lane = NULL;
	struct side_callbacks callbacks; /* large: only what says that it is empty is set */
	struct call_frame call = {
	    .marshal = {.plan = function->plan, .side = &side_call, .arguments = arguments, .result = result},
	    .library = function->library,
	    .deadline_ns = call_deadline(function, timeout_ms),
	    .callbacks = function->plan->has_callbacks ? &callbacks : NULL,
	};
	callbacks.n_announced = 0;
	callbacks.told = false;
	int r = unwind_get_lane(host, &call, call.deadline_ns, &lane);
	if (r == 0) {
		bool nested = lane->in_use;
		lane->in_use = true;
		r = call_check_lane(lane, function->plan->name);
		if (r == 0)
			r = call_on_lane(lane, &call, error_number);
		lane->in_use = nested;
	} else if (r == CBB_ERR_HOST_DIED || descriptor_process_gone(host->pidfd)) {
		r = host_note_death(host, function->plan->name);
	}
	return r;
}

/* The host is left last: then the function may be freed. */
int call_run(struct cbb_function *function, void *result, void *const *arguments, uint64_t timeout_ms, void *widened)
{
	struct cbb_host *host = function->library->host;
	int error_number = errno;
	error_begin();
	bool here = released_here(function, arguments);
	int r = here ? 0 : host_enter(host);
	bool entered = !here && r == 0;
	if (entered)
		r = call_in_host(function, result, arguments, timeout_ms, &error_number);
	if (r < 0 && !function->plan->returns_void)
		plan_store_on_error(function->plan, result);
	if (widened && !function->plan->returns_void)
		plan_widen_result(function->plan, result, widened);
	if (r < 0 && thread_self())
		thread_self()->serves_more = false; /* of a call that did not begin */
	if (entered)
		host_leave(host);
	error_end_call(r);
	errno = error_number;
	return r;
}

/* Scalar results of every kind fit. */
#define SCALAR_WORDS 2

/* What is wrong with the caller's own arguments; 0 and the options otherwise. */
static int check_call(const cbb_function *function, const void *result, void *const arguments[],
                      const cbb_call_options *options, cbb_call_options *ret_known)
{
	const struct plan *plan = function->plan;
	int r = options_take(ret_known, sizeof *ret_known, options);
	if (r < 0)
		return r;
	if (ret_known->reserved || ret_known->serve < 0 || ret_known->serve > 1)
		return detail_set(-EINVAL, "cbb_call_options: serve is %d (0 or 1), reserved is %d (0)", (int)ret_known->serve,
		                  (int)ret_known->reserved);
	if (!arguments && plan->n_params)
		return detail_set(-EINVAL, "%s: arguments is NULL", plan->name);
	if (ret_known->n_arguments && ret_known->n_arguments != plan->n_params &&
	    (!plan->variadic || ret_known->n_arguments < plan->n_params))
		return detail_set(CBB_ERR_ARGUMENT, "%s takes %u arguments, not %zu", plan->name, plan->n_params,
		                  ret_known->n_arguments);
	if (!result && plan->result_bytes > SCALAR_WORDS * sizeof(uint64_t))
		return detail_set(-EINVAL, "%s: result may be NULL only for scalars", plan->name);
	return 0;
}

int cbb_call_with(cbb_function *function, void *result, void *const arguments[], const cbb_call_options *options)
{
	error_begin();
	cbb_call_options known;
	uint64_t scalar[SCALAR_WORDS];
	if (!function)
		return error_end_call(detail_set(-EINVAL, "cbb_call: function is NULL"));
	int r = check_call(function, result, arguments, options, &known);
	if (r < 0) {
		if (result && !function->plan->returns_void)
			plan_store_on_error(function->plan, result);
		return error_end_call(r);
	}
	if (known.serve && thread_self())
		thread_self()->serves_more = true;
	if (function->plan->variadic)
		return call_variadic(function, result ? result : scalar, arguments, known.n_arguments, known.timeout_ms);
	return call_run(function, result ? result : scalar, arguments, known.timeout_ms, NULL);
}

int cbb_call(cbb_function *function, void *result, void *const arguments[])
{
	return cbb_call_with(function, result, arguments, NULL);
}

void call_from_symbol(ffi_cif *cif, void *result, void **arguments, void *user)
{
	(void)cif;
	struct cbb_function *function = user;
	uint64_t scalar[SCALAR_WORDS] = {0};
	if (function->plan->result_bytes > sizeof scalar)
		call_run(function, result, arguments, 0, NULL);
	else
		call_run(function, scalar, arguments, 0, result);
}
