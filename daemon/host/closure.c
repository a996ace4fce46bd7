/* SPDX-License-Identifier: MIT */
#include "host/closure.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/blocking.h"
#include "host/call.h"
#include "host/callback.h"
#include "host/event.h"
#include "host/failure.h"
#include "host/host.h"
#include "host/host_lane.h"
#include "host/late_call.h"
#include "host/native.h"
#include "host/scope.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sys/prctl.h>

void closure_disarm(struct closure *closure)
{
	if (atomic_fetch_sub(&closure->n_armed, 1) == 1)
		atomic_store_explicit(&closure->closed_ns, clock_now_ns(), memory_order_relaxed);
}

static bool is_late(const struct closure *closure)
{
	return atomic_load_explicit(&closure->closed, memory_order_acquire) ||
	       (closure->plain && atomic_load_explicit(&closure->n_armed, memory_order_acquire) == 0);
}

/* From a thread that serves no lane, or serves one but is not inside a call. */
static int wrong_thread(const struct closure *closure)
{
	char name[16] = "";
	prctl(PR_GET_NAME, name);
	telemetry_wrong_thread_call();
	failure_tell(closure, CBB__STATUS__STATUS_WRONG_THREAD,
	             "callback %s was called on native thread %d \"%s\", which is not inside a call of the program: it got "
	             "on_error. Call it only inside calls, or open it with CBB_BLOCKING or CBB_AUTO, or as a CBB_LISTENER",
	             closure->name, (int)gettid(), name);
	return CBB__STATUS__STATUS_WRONG_THREAD;
}

/* Nested whatever thread of the client has made the call. */
static bool is_nested_anywhere(const struct closure *closure)
{
	return closure->delivery == CBB__DELIVERY__DELIVERY_LOCAL ||
	       (closure->queue == 0 && closure->delivery != CBB__DELIVERY__DELIVERY_BLOCKING);
}

static bool is_under_dispatcher(const struct host_lane *lane, uint32_t queue)
{
	return lane->top && queue_bits_dispatched(&lane->top->queues, queue);
}

/*
 * The lane of the call that it is nested in; NULL: none. Bound to a queue: of a call that the queue's dispatcher waits
 * in, also further out on this thread.
 */
static struct host_lane *route(const struct closure *closure, struct host_lane *lane)
{
	if (is_nested_anywhere(closure))
		return lane && lane->top ? lane : NULL;
	while (lane && !is_under_dispatcher(lane, closure_queue(closure)))
		lane = lane->under;
	return lane;
}

static int call_elsewhere(struct closure *closure, void *const *arguments, void *object)
{
	int r = CBB__STATUS__STATUS_WRONG_THREAD;
	if (closure->listener)
		return event_call(closure, arguments);
	if (closure->delivery != CBB__DELIVERY__DELIVERY_LOCAL)
		r = blocking_call(closure, arguments, object);
	return r == CBB__STATUS__STATUS_WRONG_THREAD ? wrong_thread(closure) : r;
}

static int call_nested(struct host_thread *thread, struct host_lane *lane, struct closure *closure,
                       void *const *arguments, void *object)
{
	struct host_lane *innermost = thread->lane;
	thread->lane = lane;
	int r = callback_call(lane, closure, arguments, object);
	thread->lane = innermost;
	return r;
}

static int closure_call(struct closure *closure, void *const *arguments, void *object)
{
	struct host_thread *thread = host_thread_current();
	if (is_late(closure)) {
		late_call_note(closure);
		return CBB__STATUS__STATUS_CLOSED;
	}
	struct host_lane *lane = thread && thread->lane && !closure->listener ? route(closure, thread->lane) : NULL;
	int r = lane ? call_nested(thread, lane, closure, arguments, object) : call_elsewhere(closure, arguments, object);
	if (r == CBB__STATUS__STATUS_CLOSED) {
		/* The program closed it while this call was on its way. */
		atomic_store(&closure->closed, true);
		late_call_note(closure);
	}
	return r;
}

/* Scalar results of every kind fit. */
#define SCALAR_WORDS 2

void closure_enter(ffi_cif *cif, void *result, void **arguments, void *user)
{
	struct closure *closure = user;
	const struct plan *plan = closure->plan;
	uint64_t scalar[SCALAR_WORDS] = {0};
	void *object = plan->result_bytes > sizeof scalar ? result : scalar;
	int saved_errno = errno;
	int cancel_state;
	(void)cif;
	/* A thread cancelled inside would leave the lane with half a frame. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	errno = saved_errno;
	int r = host_forked_child ? CBB__STATUS__STATUS_FORKED : closure_call(closure, arguments, object);
	native_note(r);
	int error_number = errno;
	if (r != CBB__STATUS__STATUS_FORKED)
		scope_called(closure, arguments);
	errno = error_number;
	if (r != 0 || closure->listener)
		errno = saved_errno;
	if (r < 0)
		plan_store_on_error(plan, object);
	if (!plan->returns_void && object != result)
		plan_widen_result(plan, object, result);
	saved_errno = errno;
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved_errno;
}
