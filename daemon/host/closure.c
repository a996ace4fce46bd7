/* SPDX-License-Identifier: MIT */
#include "host/closure.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/callback.h"
#include "host/host.h"
#include "host/host_lane.h"
#include "host/late_call.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <pthread.h>

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
static void wrong_thread(const struct closure *closure)
{
	telemetry_wrong_thread_call();
	telemetry_notice("callback %s was called on native thread %d, which is not inside a call of the program: it got "
	                 "on_error. Call it only inside calls: callbacks from other native threads are not offered by "
	                 "this version",
	                 closure->name, (int)gettid());
}

static int closure_call(struct closure *closure, void *const *arguments, void *object)
{
	const struct host_thread *thread = host_thread_current();
	struct host_lane *lane = thread ? thread->lane : NULL;
	if (is_late(closure)) {
		late_call_note(closure);
		return CBB__STATUS__STATUS_CLOSED;
	}
	if (!lane || !lane->top) {
		wrong_thread(closure);
		return CBB__STATUS__STATUS_WRONG_THREAD;
	}
	int r = callback_call(lane, closure, arguments, object);
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
	if (r != 0)
		errno = saved_errno;
	if (r < 0)
		plan_store_on_error(plan, object);
	if (!plan->returns_void && object != result)
		plan_widen_result(plan, object, result);
	saved_errno = errno;
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved_errno;
}
