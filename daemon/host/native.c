/* SPDX-License-Identifier: MIT */
#include "host/native.h"

#include "host/admission.h"
#include "host/closure_table.h"
#include "host/host.h"
#include "host/native_thread.h"
#include "host/queue.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <cbbroker-native.h>
#include <errno.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

void native_note(int result)
{
	struct host_thread *thread = host_thread_current();
	if (!thread)
		return;
	thread->call_result = result;
	thread->has_called = true;
}

static int native_status_of(int result)
{
	switch (result) {
	case -ENOTCONN:
	case CBB__STATUS__STATUS_CLOSED: return CBB_NATIVE_CLOSING;
	case CBB__STATUS__STATUS_TIMEOUT: return CBB_NATIVE_TIMEOUT;
	case CBB__STATUS__STATUS_WOULD_DEADLOCK: return CBB_NATIVE_WOULD_DEADLOCK;
	case CBB__STATUS__STATUS_WRONG_THREAD: return CBB_NATIVE_WRONG_THREAD;
	case CBB__STATUS__STATUS_FORKED: return CBB_NATIVE_NO_HOST;
	case ADMISSION_TAKEN: return CBB_NATIVE_OK;
	case ADMISSION_FULL: return CBB_NATIVE_FULL;
	default: return result < 0 ? CBB_NATIVE_FAILED : result - ADMISSION_LOST;
	}
}

static int status(void)
{
	const struct host_thread *thread = host_thread_current();
	return thread && thread->has_called ? native_status_of(thread->call_result) : CBB_NATIVE_UNKNOWN;
}

static int set_nonblocking(int on)
{
	int error_number = errno;
	struct native_thread *native = native_thread_get();
	int before = native && native->nonblocking;
	if (native)
		native->nonblocking = on != 0;
	errno = error_number;
	return before;
}

/* ---- Users ---- */

static int use_queue(struct queue *queue, struct closure *closure, Cbb__Use use)
{
	int r = CBB_NATIVE_OK;
	pthread_mutex_lock(&queue->lock);
	if (queue_is_dead(queue))
		r = CBB_NATIVE_CLOSING;
	else if (!event_lane_put_use(queue, closure, use))
		r = CBB_NATIVE_FULL;
	pthread_mutex_unlock(&queue->lock);
	return r;
}

static int use_closure(cbb_native_function callback, Cbb__Use use)
{
	void *code;
	memcpy(&code, &callback, sizeof code);
	struct closure *closure = closure_table_find_code(code);
	if (!closure || closure->plain)
		return CBB_NATIVE_UNKNOWN;
	if (atomic_load(&closure->closed))
		return CBB_NATIVE_CLOSING;
	struct queue *queue = queue_find(closure_queue(closure));
	int r = queue ? use_queue(queue, closure, use) : CBB_NATIVE_UNKNOWN;
	queue_unref(queue);
	if (r == CBB_NATIVE_OK && use == CBB__USE__USE_ABORT) {
		/* The program will close it; nobody calls it from now on. */
		if (!atomic_exchange(&closure->closed, true))
			telemetry_callback_closed();
		queue_callback_wake(closure);
	}
	return r;
}

static int use(cbb_native_function callback, Cbb__Use what)
{
	int error_number = errno;
	int r = host_forked_child ? CBB_NATIVE_NO_HOST : use_closure(callback, what);
	errno = error_number;
	return r;
}

static int acquire(cbb_native_function callback)
{
	return use(callback, CBB__USE__USE_ACQUIRE);
}

static int release(cbb_native_function callback, int abort)
{
	return use(callback, abort ? CBB__USE__USE_ABORT : CBB__USE__USE_RELEASE);
}

static int ref(cbb_native_function callback)
{
	return use(callback, CBB__USE__USE_REF);
}

static int unref(cbb_native_function callback)
{
	return use(callback, CBB__USE__USE_UNREF);
}

EXPORTED const struct cbb_native_functions cbb_native_functions = {
    .size = sizeof cbb_native_functions,
    .status = status,
    .set_nonblocking = set_nonblocking,
    .acquire = acquire,
    .release = release,
    .ref = ref,
    .unref = unref,
};
