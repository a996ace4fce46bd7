/* SPDX-License-Identifier: MIT */
/*
 * A thread of the library calls back and waits for the answer, while the dispatcher dispatches, or waits in a call.
 */
#include "base/detail.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "bench/target.h"

#include <errno.h>

#define WARM_UP 2000
#define DISPATCH_TIMEOUT_MS 10000

static struct measure measure;
static pid_t host_pid;
static unsigned measured_ms;
static int n_called;
static bool finished;

/* From one entry to the next is one round trip. The negative answer ends the thread. */
static int on_callback(int value)
{
	n_called++;
	if (n_called == WARM_UP) {
		measure.deadline_ns = clock_deadline_ns(measured_ms);
		measure_resume(&measure, host_pid);
	}
	if (n_called <= WARM_UP || (measure_step_more(&measure) && value == n_called - 1))
		return value + 1;
	measure_pause(&measure);
	finished = true;
	return -1;
}

static int open_callback(const struct target *target, bench_handler **ret_pointer)
{
	cbb_callback *callback = NULL;
	cbb_callback_options options = {.size = sizeof options, .delivery = CBB_BLOCKING};
	int r = target_result(cbb_callback_open(target->library, "bench_handler", CBB_FUNCTION(on_callback), &options,
	                                        &callback), "cbb_callback_open");
	if (r < 0)
		return r;
	*ret_pointer = (bench_handler *)cbb_callback_pointer(callback);
	return *ret_pointer ? 0 : target_result(cbb_last_error(), "cbb_callback_pointer");
}

static int dispatch_until_finished(void)
{
	cbb_client *client = NULL;
	int r = target_client(&client);
	while (r >= 0 && !finished) {
		r = target_result(cbb_queue_dispatch(cbb_queue_default(client), DISPATCH_TIMEOUT_MS, 0),
		                  "cbb_queue_dispatch");
		if (r == 0 && !finished)
			r = detail_set(-ETIMEDOUT, "no callback came in %d ms", DISPATCH_TIMEOUT_MS);
	}
	return r < 0 ? r : 0;
}

static int join(const struct target *target)
{
	bench_join_fn *wait = CBB_SYMBOL(target->library, bench_join_fn, "bench_join");
	if (wait && wait() == 1 && finished)
		return 0;
	return target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "bench_join");
}

static int start(const struct target *target)
{
	bench_handler *pointer = NULL;
	bench_call_thread_fn *call = CBB_SYMBOL(target->library, bench_call_thread_fn, "bench_call_thread");
	bench_next_fn *next = CBB_SYMBOL(target->library, bench_next_fn, "bench_next");
	if (!call || !next)
		return target_result(cbb_last_error(), "cbb_symbol");
	int r = next(1) == 2 ? target_place(target) : target_result(cbb_last_error(), "bench_next");
	if (r == 0)
		r = open_callback(target, &pointer);
	host_pid = cbb_host_pid(target->host);
	n_called = 0;
	finished = false;
	if (r == 0 && call(pointer) != 1)
		r = target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "bench_call_thread");
	return r;
}

static int measure_thread(const char *name, unsigned ms, bool dispatch)
{
	struct target target;
	int r = target_open(&target, NULL, -1);
	measured_ms = ms;
	if (r == 0)
		r = measure_init(&measure, ms, 0);
	if (r == 0)
		r = start(&target);
	if (r == 0 && dispatch)
		r = dispatch_until_finished();
	if (r == 0)
		r = join(&target);
	if (r == 0)
		table_add_time(name, &measure, NULL, 0);
	measure_free(&measure);
	target_close(&target);
	return r;
}

int row_callback_thread(unsigned ms)
{
	return measure_thread("callback_thread", ms, true);
}

int row_callback_thread_in_call(unsigned ms)
{
	return measure_thread("callback_thread_in_call", ms, false);
}
