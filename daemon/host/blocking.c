/* SPDX-License-Identifier: MIT */
#include "host/blocking.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/binding.h"
#include "host/callback.h"
#include "host/closure.h"
#include "host/failure.h"
#include "host/native_thread.h"
#include "host/queue.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <pthread.h>

/* The queue's lock may wait for another thread's work on it, and each wait has its own end: errno is the caller's. */
static int take_lane(struct binding *binding, const struct closure *closure, uint64_t deadline_ns,
                     struct thread_lane **ret_lane)
{
	int error_number = errno;
	int r = 0;
	*ret_lane = thread_lane_take(binding);
	if (!*ret_lane)
		r = thread_lane_wait(binding, closure, deadline_ns, ret_lane);
	errno = error_number;
	return r;
}

/* The thread waits on the lane, or no longer does. */
static void lane_enter(struct binding *binding, struct thread_lane *lane, const struct closure *closure)
{
	struct host_thread *thread = binding->native->thread;
	thread_lane_wait_begins(lane, closure);
	lane->base.under = thread->lane;
	thread->lane = &lane->base;
}

static void lane_leave(struct binding *binding, struct thread_lane *lane)
{
	binding->native->thread->lane = lane->base.under;
	thread_lane_wait_ends(lane);
}

struct wait {
	struct binding *binding;
	struct thread_lane *lane;
};

/*
 * The library ends this thread (pthread_exit) inside a call of the handler. What it calls while it ends finds no
 * trace.
 */
static void wait_cancel(void *context)
{
	const struct wait *wait = context;
	struct thread_lane *lane = wait->lane;
	const struct host_thread *thread = wait->binding->native->thread;
	telemetry_notice("native thread %d \"%s\" ended inside a call of %s (pthread_exit, or it was cancelled)",
	                 (int)thread->id, thread->name, thread->function ? thread->function : "a function");
	host_lane_kill(&lane->base, NULL);
	if (lane->lent)
		callback_return_events(lane);
	lane_leave(wait->binding, lane);
	thread_lane_give(wait->binding, lane);
}

/*
 * A close that is meant to free waiting threads looks for what each waits for: so that is written before the
 * closure is looked at again.
 */
static int call_on(struct binding *binding, struct thread_lane *lane, struct closure *closure, void *const *arguments,
                   void *object, uint64_t deadline_ns)
{
	struct wait wait = {binding, lane};
	int r;
	lane_enter(binding, lane, closure);
	pthread_cleanup_push(wait_cancel, &wait); /* which may be a setjmp: r has no value before it */
	r = atomic_load(&closure->closed)
	        ? CBB__STATUS__STATUS_CLOSED
	        : callback_call_queue(binding, &lane->base, closure, arguments, object, deadline_ns);
	pthread_cleanup_pop(0);
	lane_leave(binding, lane);
	return r;
}

static int explain(const struct binding *binding, struct closure *closure, int r)
{
	if (r == CBB__STATUS__STATUS_BUSY) {
		failure_stalled(closure, binding->queue);
		return CBB__STATUS__STATUS_TIMEOUT;
	}
	if (r == -ECONNRESET && queue_is_dead(binding->queue))
		return -ENOTCONN;
	/* Whatever it was that ended the wait: the program has closed it, and knows. */
	if (r < 0 && atomic_load(&closure->closed))
		return CBB__STATUS__STATUS_CLOSED;
	return r;
}

int blocking_call(struct closure *closure, void *const *arguments, void *object)
{
	int error_number = errno;
	struct native_thread *native = native_thread_get();
	struct binding *binding = native ? binding_get(native, closure_queue(closure)) : NULL;
	struct thread_lane *lane;
	if (!binding)
		return queue_has_ended(closure_queue(closure)) ? -ENOTCONN : CBB__STATUS__STATUS_WRONG_THREAD;
	errno = error_number;
	uint64_t deadline_ns = closure->timeout_ms ? clock_deadline_ns(closure->timeout_ms) : CLOCK_NEVER;
	int r = take_lane(binding, closure, deadline_ns, &lane);
	if (r == 0) {
		r = call_on(binding, lane, closure, arguments, object, deadline_ns);
		error_number = errno;
		thread_lane_give(binding, lane);
		errno = error_number;
	}
	return explain(binding, closure, r);
}
