/* SPDX-License-Identifier: MIT */
/*
 * Explicit callbacks: opening and closing, and the memory of an open one.
 */
#include "base/detail.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "bench/target.h"

#include <errno.h>
#include <string.h>

/* Each closed one keeps its address out of use: the host's budget ends the loop before the time might. */
#define OPERATIONS_MAX 200000
#define N_KEPT 10000

static int on_callback(int value)
{
	return value + 1;
}

static int open_one(const struct target *target, cbb_callback **ret_callback)
{
	return target_result(cbb_callback_open(target->library, "bench_handler", CBB_FUNCTION(on_callback), NULL,
	                                       ret_callback), "cbb_callback_open");
}

static int open_and_close(const struct target *target)
{
	cbb_callback *callback = NULL;
	int r = open_one(target, &callback);
	return r < 0 ? r : target_result(cbb_callback_close(callback, NULL), "cbb_callback_close");
}

static int measure_open(const struct target *target, unsigned ms)
{
	struct measure measure;
	int r = measure_init(&measure, ms, OPERATIONS_MAX);
	if (r < 0)
		return r;
	measure_resume(&measure, cbb_host_pid(target->host));
	do
		r = open_and_close(target);
	while (r == 0 && measure_step_more(&measure));
	measure_pause(&measure);
	if (r == 0)
		table_add_time("callback_open", &measure, NULL, 0);
	measure_free(&measure);
	return r;
}

/* Opens them and lets the host know each. */
static int open_many(const struct target *target, bench_keep_fn *keep)
{
	for (int i = 0; i < N_KEPT; i++) {
		cbb_callback *callback = NULL;
		int r = open_one(target, &callback);
		if (r < 0)
			return r;
		cbb_any_function pointer = cbb_callback_pointer(callback);
		if (!pointer)
			return target_result(cbb_last_error(), "cbb_callback_pointer");
		if (keep((bench_handler *)pointer) != 1)
			return target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "bench_keep");
	}
	return 0;
}

static int measure_memory(const struct target *target)
{
	uint64_t before = 0, after = 0;
	bench_keep_fn *keep = CBB_SYMBOL(target->library, bench_keep_fn, "bench_keep");
	if (!keep)
		return target_result(cbb_last_error(), "bench_keep");
	int r = keep(on_callback) == 1 ? 0 : target_result(cbb_last_error(), "bench_keep");
	if (r == 0)
		r = target_memory(target, &before);
	if (r == 0)
		r = open_many(target, keep);
	if (r == 0)
		r = target_memory(target, &after);
	if (r == 0)
		table_add_bytes("callback_open", after > before ? (after - before) / N_KEPT : 0);
	return r;
}

int row_callback_open(unsigned ms)
{
	struct target target;
	int r = target_open(&target, NULL, -1);
	if (r == 0)
		r = measure_open(&target, ms);
	target_close(&target);
	/* Another host: nothing that was freed before is used again unseen. */
	if (r == 0)
		r = target_open(&target, NULL, -1);
	if (r == 0)
		r = measure_memory(&target);
	target_close(&target);
	return r;
}
