/* SPDX-License-Identifier: MIT */
/*
 * Round trips: a call, a callback, and a callback whose handler calls back.
 */
#include "base/detail.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "bench/target.h"

#include <errno.h>

#define WARM_UP 2000
#define LOOP 512 /* callbacks in one native call */

static struct measure measure;
static bench_next_fn *remote_next;
static uint64_t last_entry_ns; /* of the handler; 0: no callback of this loop came yet */

static int check_call(void)
{
	return target_result(cbb_last_error(), "a call into the host");
}

static int begin(struct target *target, unsigned ms)
{
	int r = target_open(target, NULL, -1);
	if (r < 0)
		return r;
	remote_next = CBB_SYMBOL(target->library, bench_next_fn, "bench_next");
	if (!remote_next)
		r = target_result(cbb_last_error(), "cbb_symbol");
	if (r == 0 && remote_next(1) != 2)
		r = check_call() < 0 ? cbb_last_error() : detail_set(-EPROTO, "bench_next(1) did not give 2");
	if (r == 0)
		r = target_place(target);
	if (r == 0)
		r = measure_init(&measure, ms, 0);
	if (r < 0)
		target_close(target);
	return r;
}

static void end(struct target *target)
{
	measure_free(&measure);
	target_close(target);
}

int row_call(unsigned ms)
{
	struct target target;
	int value = 0, n = 0, r = begin(&target, ms);
	if (r < 0)
		return r;
	while (value < WARM_UP && n++ < WARM_UP)
		value = remote_next(value);
	measure.deadline_ns = clock_deadline_ns(ms);
	measure_resume(&measure, cbb_host_pid(target.host));
	do
		value = remote_next(value);
	while (value > 0 && measure_step_more(&measure));
	measure_pause(&measure);
	r = check_call();
	if (r == 0 && value != WARM_UP + (int)measure.sample.n)
		r = detail_set(-EPROTO, "%d calls gave %d", WARM_UP + (int)measure.sample.n, value);
	if (r == 0)
		table_add_time("call", &measure, NULL, 0);
	end(&target);
	return r;
}

/* From one entry to the next is one round trip, whatever the outer call costs. */
static int on_callback(int value)
{
	uint64_t now_ns = clock_now_ns();
	if (last_entry_ns)
		measure_add(&measure, now_ns - last_entry_ns);
	last_entry_ns = now_ns;
	return value + 1;
}

static int on_callback_call(int value)
{
	on_callback(value);
	return remote_next(value);
}

static int loop_callbacks(bench_loop_fn *loop, bench_handler *handler)
{
	last_entry_ns = 0;
	int value = loop(handler, LOOP);
	int r = check_call();
	return r == 0 && value != LOOP ? detail_set(-EPROTO, "%d callbacks gave %d", LOOP, value) : r;
}

static int measure_callbacks(const char *name, unsigned ms, bench_handler *handler)
{
	struct target target;
	int r = begin(&target, ms);
	if (r < 0)
		return r;
	bench_loop_fn *loop = CBB_SYMBOL(target.library, bench_loop_fn, "bench_loop");
	for (int i = 0; i < WARM_UP / LOOP && r == 0; i++)
		r = loop_callbacks(loop, handler);
	measure.sample.n = 0;
	measure.deadline_ns = clock_deadline_ns(ms);
	measure_resume(&measure, cbb_host_pid(target.host));
	while (r == 0 && (measure.sample.n == 0 || measure_more(&measure)))
		r = loop_callbacks(loop, handler);
	measure_pause(&measure);
	if (r == 0)
		table_add_time(name, &measure, NULL, 0);
	end(&target);
	return r;
}

int row_callback(unsigned ms)
{
	return measure_callbacks("callback", ms, on_callback);
}

int row_callback_nested_call(unsigned ms)
{
	return measure_callbacks("callback_nested_call", ms, on_callback_call);
}
