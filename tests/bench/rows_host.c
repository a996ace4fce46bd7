/* SPDX-License-Identifier: MIT */
/*
 * A host's beginning, rest and end.
 */
#include "base/descriptor.h"
#include "base/detail.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "bench/target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define HOSTS_MAX 2000
#define WARM_UP_HOSTS 2
#define PIPE_TIMEOUT_MS 5000

/* ---- Beginning ---- */

static uint64_t arrived_ns;

static int on_first(int value)
{
	arrived_ns = clock_now_ns();
	return value + 1;
}

/* measure NULL: not counted. */
static int start_once(struct measure *measure)
{
	struct target target;
	struct usage before = usage_now(0);
	int r = target_open(&target, NULL, -1);
	if (r < 0)
		return r;
	bench_loop_fn *loop = CBB_SYMBOL(target.library, bench_loop_fn, "bench_loop");
	if (!loop || loop(on_first, 1) != 1)
		r = target_result(cbb_last_error() < 0 ? cbb_last_error() : -EPROTO, "the first callback");
	if (r == 0 && measure) {
		struct usage after = usage_now(cbb_host_pid(target.host));
		measure_add(measure, arrived_ns - before.wall_ns);
		measure->busy_ns += arrived_ns - before.wall_ns;
		measure->cpu_ns += after.own_cpu_ns - before.own_cpu_ns + after.peer_cpu_ns;
	}
	target_close(&target);
	return r;
}

int row_host_start(unsigned ms)
{
	struct measure measure;
	int r = 0;
	for (int i = 0; i < WARM_UP_HOSTS && r == 0; i++)
		r = start_once(NULL);
	if (r == 0)
		r = measure_init(&measure, ms, HOSTS_MAX);
	if (r < 0)
		return r;
	do
		r = start_once(&measure);
	while (r == 0 && measure_more(&measure));
	if (r == 0)
		table_add_time("host_start", &measure, NULL, 0);
	measure_free(&measure);
	return r;
}

/* ---- Rest ---- */

int row_host_idle(unsigned ms)
{
	struct target target;
	uint64_t bytes = 0;
	(void)ms;
	int r = target_open(&target, "expat", -1);
	if (r < 0)
		return r;
	r = target_private_bytes(cbb_host_pid(target.host), &bytes);
	if (r == 0)
		table_add_bytes("host_idle", bytes);
	target_close(&target);
	return r;
}

/* ---- End ---- */

static int read_fault_time(int fd, uint64_t *ret_ns)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	if (poll(&poller, 1, PIPE_TIMEOUT_MS) == 1 && read(fd, ret_ns, sizeof *ret_ns) == sizeof *ret_ns)
		return 0;
	return detail_set(-EPROTO, "the library did not say when it died");
}

static int die(const struct target *target, int pipe_fd, uint64_t *ret_status_ns, uint64_t *ret_report_ns)
{
	cbb_function *crash = NULL;
	cbb_report report = {.size = sizeof report};
	int *nowhere = NULL;
	uint64_t fault_ns = 0;
	int r = target_result(cbb_function_find(target->library, "bench_crash", &crash), "bench_crash");
	if (r < 0)
		return r;
	r = cbb_call(crash, NULL, (void *[]){&nowhere});
	uint64_t status_ns = clock_now_ns();
	if (r != CBB_ERR_HOST_DIED)
		return detail_set(-EPROTO, "the call into the dying library returned %d: %s", r, cbb_last_error_text());
	r = target_result(cbb_host_report(target->host, &report), "cbb_host_report");
	uint64_t report_ns = clock_now_ns();
	if (r == 0 && (report.end != CBB_END_SIGNAL || strcmp(report.function, "bench_crash") != 0))
		r = detail_set(-EPROTO, "the report does not tell how the host died: %s", report.text);
	if (r == 0)
		r = read_fault_time(pipe_fd, &fault_ns);
	if (r < 0)
		return r;
	*ret_status_ns = status_ns - fault_ns;
	*ret_report_ns = report_ns - fault_ns;
	return 0;
}

static int die_once(struct measure *to_status, struct measure *to_report)
{
	struct target target;
	uint64_t status_ns = 0, report_ns = 0;
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return detail_set(-errno, "pipe: %s", strerror(errno));
	int r = target_open(&target, NULL, fds[1]);
	if (r == 0)
		r = die(&target, fds[0], &status_ns, &report_ns);
	target_close(&target);
	descriptor_close(fds[0]);
	descriptor_close(fds[1]);
	if (r < 0)
		return r;
	measure_add(to_status, status_ns);
	measure_add(to_report, report_ns);
	return 0;
}

int row_death_status(unsigned ms)
{
	struct measure to_status = {0}, to_report = {0};
	int r = measure_init(&to_status, ms, HOSTS_MAX);
	if (r == 0)
		r = measure_init(&to_report, ms, HOSTS_MAX);
	while (r == 0 && (to_status.sample.n == 0 || measure_more(&to_status)))
		r = die_once(&to_status, &to_report);
	if (r == 0) {
		table_add_time("death_status", &to_status, NULL, 0);
		table_add_time("death_report", &to_report, NULL, 0);
	}
	measure_free(&to_status);
	measure_free(&to_report);
	return r;
}
