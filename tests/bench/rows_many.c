/* SPDX-License-Identifier: MIT */
/*
 * Many callbacks in one host: live at one time, and closed, of which each keeps its address out of use.
 */
#include "base/detail.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "bench/target.h"

#include <errno.h>

#define AT_ONCE 16      /* passed in one call */
#define CLOSED_MAX 1000000
#define CLOSED_PER_MS 2000 /* so that a short look at this row is short */
#define LIVE 100000
#define LOOP 512        /* callbacks in one native call */

static struct measure measure;
static uint64_t last_entry_ns;

static int on_callback(int value)
{
	uint64_t now_ns = clock_now_ns();
	if (last_entry_ns)
		measure_add(&measure, now_ns - last_entry_ns);
	last_entry_ns = now_ns;
	return value + 1;
}

static int open_some(const struct target *target, cbb_callback *callbacks[AT_ONCE])
{
	for (int i = 0; i < AT_ONCE; i++) {
		int r = target_result(cbb_callback_open(target->library, "bench_handler", CBB_FUNCTION(on_callback), NULL,
		                                        &callbacks[i]), "cbb_callback_open");
		if (r < 0)
			return r;
	}
	return 0;
}

static int close_some(cbb_callback *const callbacks[AT_ONCE])
{
	for (int i = 0; i < AT_ONCE; i++) {
		int r = target_result(cbb_callback_close(callbacks[i], NULL), "cbb_callback_close");
		if (r < 0)
			return r;
	}
	return 0;
}

/* The host knows them from now on. */
static int pass_some(bench_keep_16_fn *keep, cbb_callback *const callbacks[AT_ONCE])
{
	bench_handler *p[AT_ONCE];
	for (int i = 0; i < AT_ONCE; i++) {
		p[i] = (bench_handler *)cbb_callback_pointer(callbacks[i]);
		if (!p[i])
			return target_result(cbb_last_error(), "cbb_callback_pointer");
	}
	int n = keep(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13], p[14], p[15]);
	return n == AT_ONCE ? 0 : target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "bench_keep_16");
}

/* For as many callbacks, beside a few that are live by then: what the first ones take beside themselves is taken. */
static int begin(struct target *target, uint64_t max, bench_keep_16_fn **ret_keep)
{
	cbb_callback *callbacks[AT_ONCE];
	int r = target_open_wide(target, max + AT_ONCE);
	if (r < 0)
		return r;
	*ret_keep = CBB_SYMBOL(target->library, bench_keep_16_fn, "bench_keep_16");
	if (!*ret_keep)
		r = target_result(cbb_last_error(), "bench_keep_16");
	if (r == 0)
		r = open_some(target, callbacks);
	if (r == 0)
		r = pass_some(*ret_keep, callbacks);
	if (r == 0)
		r = target_place(target);
	if (r < 0)
		target_close(target);
	return r;
}

/* Opens, passes, and closes or not: so many callbacks, and what each takes in time and in memory. */
static int add_many(const struct target *target, bench_keep_16_fn *keep, unsigned n, bool close, uint64_t *ret_bytes)
{
	cbb_callback *callbacks[AT_ONCE];
	uint64_t before = 0, after = 0;
	int r = target_memory(target, &before);
	if (r < 0)
		return r;
	measure.n_each = AT_ONCE;
	measure_resume(&measure, cbb_host_pid(target->host));
	for (unsigned i = 0; i < n && r == 0; i += AT_ONCE) {
		r = open_some(target, callbacks);
		if (r == 0)
			r = pass_some(keep, callbacks);
		if (r == 0 && close)
			r = close_some(callbacks);
		measure_step_many(&measure);
	}
	measure_pause(&measure);
	if (r == 0)
		r = target_memory(target, &after);
	*ret_bytes = after > before ? (after - before) / n : 0;
	return r;
}

int row_callback_closed(unsigned ms)
{
	struct target target;
	bench_keep_16_fn *keep;
	uint64_t bytes = 0;
	unsigned n = ms < CLOSED_MAX / CLOSED_PER_MS ? ms * CLOSED_PER_MS : CLOSED_MAX;
	int r = begin(&target, n, &keep);
	if (r < 0)
		return r;
	r = measure_init(&measure, ms, CLOSED_MAX / AT_ONCE + 1);
	if (r == 0)
		r = add_many(&target, keep, n, true, &bytes);
	if (r == 0) {
		table_add_time("callback_closed", &measure, NULL, 0);
		table_add_bytes("callback_closed", bytes);
	}
	measure_free(&measure);
	target_close(&target);
	return r;
}

/* ---- Live ones ---- */

static int measure_calls(const struct target *target, unsigned ms)
{
	bench_call_kept_fn *call = CBB_SYMBOL(target->library, bench_call_kept_fn, "bench_call_kept");
	int seed = 0, r = call ? measure_init(&measure, ms, 0) : target_result(cbb_last_error(), "bench_call_kept");
	if (r < 0)
		return r;
	measure_resume(&measure, cbb_host_pid(target->host));
	do {
		last_entry_ns = 0;
		int value = call(LOOP, seed++);
		if (value != LOOP)
			r = target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "callbacks at random");
	} while (r == 0 && measure_more(&measure));
	measure_pause(&measure);
	if (r == 0)
		table_add_time("live_100k", &measure, NULL, 0);
	measure_free(&measure);
	return r;
}

int row_live_100k(unsigned ms)
{
	struct target target;
	bench_keep_16_fn *keep;
	uint64_t bytes = 0;
	int r = begin(&target, LIVE, &keep);
	if (r < 0)
		return r;
	r = measure_init(&measure, ms, LIVE / AT_ONCE + 1);
	if (r == 0)
		r = add_many(&target, keep, LIVE, false, &bytes);
	if (r == 0) {
		table_add_time("live_100k_open", &measure, NULL, 0);
		table_add_bytes("live_100k", bytes);
	}
	measure_free(&measure);
	if (r == 0)
		r = measure_calls(&target, ms);
	target_close(&target);
	return r;
}
