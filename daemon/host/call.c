/* SPDX-License-Identifier: MIT */
#include "host/call.h"

#include "base/detail.h"
#include "host/host_lane.h"
#include "host/queue.h"
#include "host/side.h"
#include "host/telemetry.h"
#include "host/thread.h"
#include "marshal/variadic.h"

#include <errno.h>
#include <string.h>

/* Only this thread writes its cell: no read-modify-write is needed. */
#define CELL_ADD(field) CELL_SET(field, atomic_load_explicit(&(field), memory_order_relaxed) + 1)
#define CELL_SET(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

/*
 * What a crash or a look from outside shall say of this thread. Keeps what was there, and puts it back. The callback
 * that the call is made under, if any, stays shown: it is in flight.
 */
struct shown {
	const char *library, *function;
	uint32_t cell_function;
};

static struct shown call_begin(struct native_call *call, uint32_t name)
{
	struct host_lane *lane = call->lane;
	struct host_thread *thread = lane->thread;
	struct shown before = {thread->library, thread->function,
	                       atomic_load_explicit(&lane->cell->function, memory_order_relaxed)};
	lane->top = call;
	lane->n_calls++;
	CELL_SET(thread->library, call->library->name);
	CELL_SET(thread->function, call->marshal.plan->name);
	CELL_SET(lane->cell->function, name);
	CELL_SET(lane->cell->depth, lane->n_calls + lane->n_callbacks);
	CELL_ADD(lane->cell->calls);
	return before;
}

static void call_end(struct native_call *call, const struct shown *before)
{
	struct host_lane *lane = call->lane;
	struct host_thread *thread = lane->thread;
	lane->n_calls--;
	lane->top = call->outer;
	CELL_SET(thread->library, before->library);
	CELL_SET(thread->function, before->function);
	CELL_SET(lane->cell->function, before->cell_function);
	CELL_SET(lane->cell->depth, lane->n_calls + lane->n_callbacks);
}

static int native_run(struct native_call *call, const struct native_function *function, int *error_number)
{
	const struct plan *plan = call->marshal.plan;
	void *result = arena_take(call->marshal.arena, PLAN_RESULT_BYTES(plan));
	if (!result)
		return -ENOMEM;
	scope_enter(call);
	errno = *error_number;
	plan_call(plan, function->address, result, call->marshal.arguments);
	*error_number = errno;
	if (!plan->returns_void)
		plan_narrow_result(plan, result, call->marshal.result);
	scope_leave(call);
	return 0;
}

static int put_return(struct native_call *call, int error_number)
{
	struct hot fields;
	struct hot_writer writer;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = call->sequence;
	fields.error_number = error_number;
	fields.core = lane_core();
	hot_begin(&writer, &call->lane->lane.out, CBB__FRAME_TYPE__FRAME_RETURN, &fields, call->marshal.plan->n_words_out);
	int r = marshal_put_results(&call->marshal, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	return hot_end(&writer);
}

/* The client waits no more; it only has to learn that the thread is free again. */
static int answer_abandoned(struct host_lane *lane, const struct native_call *call)
{
	telemetry_late_result();
	lane->lane.out.size = 0;
	if (lane->abandoned == call->sequence)
		lane->abandoned = 0;
	detail_set(CBB__STATUS__STATUS_TIMEOUT, "the call returned after its deadline");
	return host_lane_refuse(lane, call->sequence, CBB__STATUS__STATUS_TIMEOUT);
}

static int call_run(struct native_call *call, struct hot *invoke, const struct native_function *function)
{
	struct host_lane *lane = call->lane;
	int error_number = invoke->error_number;
	int r = marshal_get_arguments(&call->marshal, invoke);
	if (r == 0) {
		/* To the end of put_return: a bad pointer among the results shows only there. */
		struct shown before = call_begin(call, function->name);
		r = native_run(call, function, &error_number);
		if (r == 0 && !lane->dead)
			r = put_return(call, error_number); /* also gives back what transfer(full) speaks of */
		call_end(call, &before);
	}
	scope_cancel(call); /* what it kept has been settled, if the function was reached */
	if (r == -EBADMSG || lane->dead)
		return r == -EBADMSG ? r : -ECONNRESET;
	if (lane->abandoned)
		return answer_abandoned(lane, call);
	queues_send_gathered();
	return r < 0 ? host_lane_refuse(lane, call->sequence, r) : host_lane_send(lane);
}

/* A function with `...` that is called with a list: the plan is that of this very list. */
static int call_run_list(struct native_call *call, struct hot *invoke, const struct native_function *function)
{
	struct variadic_call list;
	int r = variadic_read(function->plan, invoke, &list);
	if (r < 0)
		return r == -EBADMSG ? r : host_lane_refuse(call->lane, call->sequence, r);
	call->marshal.plan = list.plan;
	r = call_run(call, invoke, function);
	variadic_release(&list);
	return r;
}

static int find_function(const struct hot *invoke, struct host_library **ret_library,
                         struct native_function **ret_function)
{
	*ret_library = library_find(invoke->library);
	if (!*ret_library)
		return detail_set(-EBADMSG, "library number %u was never opened", invoke->library);
	int r = library_function(*ret_library, invoke->function, ret_function);
	if (r == 0 && !(*ret_function)->address)
		r = detail_set(CBB__STATUS__STATUS_NO_SYMBOL, "%s has no function %s", (*ret_library)->name,
		               (*ret_function)->plan->name);
	return r;
}

static struct call_queues queues_of(const struct hot *invoke)
{
	return (struct call_queues){.dispatches = invoke->dispatches, .serves = invoke->serves,
	                            .last = invoke->last_queue ? invoke->last_queue : QUEUE_BITS_MAX};
}

int call_serve(struct host_lane *lane, struct hot *invoke)
{
	struct native_function *function = NULL;
	struct native_call call = {.lane = lane, .outer = lane->top, .sequence = invoke->sequence,
	                           .queues = queues_of(invoke)};
	if (lane->n_calls == HOST_DEPTH_MAX)
		return detail_set(-EBADMSG, "more than %d calls nested", HOST_DEPTH_MAX);
	int r = find_function(invoke, &call.library, &function);
	if (r < 0)
		return r == -EBADMSG ? r : host_lane_refuse(lane, invoke->sequence, r);
	struct arena_mark mark = arena_mark(&lane->arena);
	call.marshal = (struct marshal_frame){.plan = function->plan, .side = &side_native_call, .arena = &lane->arena};
	r = function->plan->variadic ? call_run_list(&call, invoke, function) : call_run(&call, invoke, function);
	arena_release(&lane->arena, mark);
	return r;
}
