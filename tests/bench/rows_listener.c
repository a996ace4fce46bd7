/* SPDX-License-Identifier: MIT */
/*
 * Events of listeners: how many in a second, how late a single one, and what it takes to close a callback among them.
 */
#include "base/detail.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "bench/target.h"

#include <errno.h>

#define SAMPLE 1000
#define WARM_UP 20000
#define WARM_UP_LONE 20
#define CLOSE_THREADS 8
#define CLOSE_AFTER 2000
#define DISPATCH_TIMEOUT_MS 10000
#define LONE_MAX (1u << 16)

static struct measure measure;
static pid_t host_pid;
static cbb_queue *queue;
static cbb_callback *callback;
static unsigned long n_handled;
static unsigned long n_wanted; /* 0: until the time is up */

static void on_event(unsigned long sent_ns, int value)
{
	(void)sent_ns;
	(void)value;
	n_handled++;
	if (n_handled == WARM_UP)
		measure_resume(&measure, host_pid);
	else if (n_handled > WARM_UP && n_handled % SAMPLE == 0)
		measure_step_many(&measure);
}

static void on_lone_event(unsigned long sent_ns, int value)
{
	(void)value;
	if (++n_handled > WARM_UP_LONE)
		measure_add(&measure, clock_now_ns() - sent_ns);
}

static int on_asked(int value)
{
	return value;
}

static void on_loaded_event(unsigned long sent_ns, int value)
{
	(void)sent_ns;
	(void)value;
	n_handled++;
}

/* ---- Beginning and end ---- */

static int open_callback(const struct target *target, cbb_any_function handler)
{
	cbb_callback_options options = {.size = sizeof options, .delivery = CBB_LISTENER, .overflow = CBB_OVERFLOW_WAIT};
	n_handled = 0;
	return target_result(cbb_callback_open(target->library, "bench_event", handler, &options, &callback),
	                     "cbb_callback_open");
}

static int produce(const struct target *target, int n_threads)
{
	bench_produce_fn *start = CBB_SYMBOL(target->library, bench_produce_fn, "bench_produce");
	bench_event *pointer = (bench_event *)cbb_callback_pointer(callback);
	if (start && pointer && start(pointer, n_threads) == n_threads)
		return 0;
	return target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "bench_produce");
}

static int produce_lone(const struct target *target)
{
	bench_lone_fn *start = CBB_SYMBOL(target->library, bench_lone_fn, "bench_lone");
	bench_event *pointer = (bench_event *)cbb_callback_pointer(callback);
	if (start && pointer && start(pointer, on_asked) == 1)
		return 0;
	return target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "bench_lone");
}

static int stop(const struct target *target, int n_threads)
{
	bench_join_fn *end = CBB_SYMBOL(target->library, bench_join_fn, "bench_stop");
	if (end && end() == n_threads)
		return 0;
	return target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "bench_stop");
}

static int begin(struct target *target, unsigned ms, size_t max)
{
	cbb_client *client = NULL;
	int r = target_open(target, NULL, -1);
	if (r < 0)
		return r;
	bench_next_fn *next = CBB_SYMBOL(target->library, bench_next_fn, "bench_next");
	if (!next || next(1) != 2)
		r = target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "bench_next");
	if (r == 0)
		r = target_place(target);
	if (r == 0)
		r = target_client(&client);
	if (r == 0)
		r = measure_init(&measure, ms, max);
	if (r < 0) {
		target_close(target);
		return r;
	}
	queue = cbb_queue_default(client);
	host_pid = cbb_host_pid(target->host);
	return 0;
}

static void end(struct target *target)
{
	measure_free(&measure);
	target_close(target);
}

static bool is_enough(void)
{
	if (n_wanted)
		return n_handled >= n_wanted;
	return measure.sample.n > 0 && !measure_more(&measure); /* a slow build needs longer for the first */
}

static int dispatch(void)
{
	int r = 1;
	while (r > 0 && !is_enough())
		r = target_result(cbb_queue_dispatch(queue, DISPATCH_TIMEOUT_MS, 0), "cbb_queue_dispatch");
	if (r == 0 && !is_enough())
		r = detail_set(-ETIMEDOUT, "no event came in %d ms", DISPATCH_TIMEOUT_MS);
	return r < 0 ? r : 0;
}

/* ---- Many, and single ones ---- */

static int measure_many(const char *name, unsigned ms, int n_threads)
{
	struct target target;
	int r = begin(&target, ms, 0);
	if (r < 0)
		return r;
	n_wanted = WARM_UP;
	measure.n_each = SAMPLE;
	r = open_callback(&target, CBB_FUNCTION(on_event));
	if (r == 0)
		r = produce(&target, n_threads);
	if (r == 0)
		r = dispatch();
	n_wanted = 0;
	measure.deadline_ns = clock_deadline_ns(ms);
	if (r == 0)
		r = dispatch();
	measure_pause(&measure);
	if (r == 0)
		r = stop(&target, n_threads);
	if (r == 0)
		table_add_time(name, &measure, NULL, 0);
	end(&target);
	return r;
}

int row_listener_1(unsigned ms)
{
	return measure_many("listener_1", ms, 1);
}

int row_listener_8(unsigned ms)
{
	return measure_many("listener_8", ms, 8);
}

int row_listener_lone(unsigned ms)
{
	struct target target;
	int r = begin(&target, ms, LONE_MAX);
	if (r < 0)
		return r;
	n_wanted = 0;
	r = open_callback(&target, CBB_FUNCTION(on_lone_event));
	if (r == 0)
		r = produce_lone(&target);
	if (r == 0)
		r = dispatch();
	if (r == 0)
		r = stop(&target, 1);
	if (r == 0)
		table_add_time("listener_lone", &measure, NULL, 0);
	end(&target);
	return r;
}

/* ---- Closing ---- */

static int close_once(const struct target *target, int mode)
{
	cbb_close_options options = {.size = sizeof options, .mode = mode};
	n_wanted = CLOSE_AFTER;
	int r = open_callback(target, CBB_FUNCTION(on_loaded_event));
	if (r == 0)
		r = produce(target, CLOSE_THREADS);
	if (r == 0)
		r = dispatch();
	if (r < 0)
		return r;
	measure_resume(&measure, host_pid);
	r = target_result(cbb_callback_close(callback, &options), "cbb_callback_close");
	measure_step(&measure);
	measure_pause(&measure);
	return r < 0 ? r : stop(target, CLOSE_THREADS);
}

static int measure_close(const char *name, unsigned ms, int mode)
{
	struct target target;
	int r = begin(&target, ms, 0);
	if (r < 0)
		return r;
	do
		r = close_once(&target, mode);
	while (r == 0 && measure_more(&measure));
	if (r == 0)
		table_add_time(name, &measure, NULL, 0);
	end(&target);
	return r;
}

int row_close_under_load(unsigned ms)
{
	int r = measure_close("close_drain", ms, CBB_CLOSE_DRAIN);
	return r < 0 ? r : measure_close("close_abort", ms, CBB_CLOSE_ABORT);
}
