/* SPDX-License-Identifier: MIT */
#include "lib/call.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/call_variadic.h"
#include "lib/call_wait.h"
#include "lib/error.h"
#include "lib/options.h"
#include "lib/side.h"
#include "lib/unwind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
