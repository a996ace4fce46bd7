/* SPDX-License-Identifier: MIT */
#include "bench/measure.h"

#include <time.h>

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec time;
	if (clock_gettime(clock, &time) < 0)
		return 0;
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

struct usage usage_now(pid_t peer)
{
	struct usage usage = {.own_cpu_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID)};
	clockid_t clock;
	if (peer > 0 && clock_getcpuclockid(peer, &clock) == 0)
		usage.peer_cpu_ns = cpu_ns(clock);
	usage.wall_ns = clock_now_ns();
	return usage;
}

int measure_init(struct measure *measure, unsigned ms, size_t max)
{
	*measure = (struct measure){.max = max ? max : MEASURE_MAX_OPERATIONS};
	int r = sample_init(&measure->sample, measure->max);
	measure->deadline_ns = clock_deadline_ns(ms);
	return r;
}

void measure_free(struct measure *measure)
{
	sample_free(&measure->sample);
}

void measure_resume(struct measure *measure, pid_t peer)
{
	measure->peer = peer;
	measure->before = usage_now(peer);
	measure->last_ns = clock_now_ns();
}

void measure_pause(struct measure *measure)
{
	struct usage now = usage_now(measure->peer);
	measure->busy_ns += now.wall_ns - measure->before.wall_ns;
	measure->cpu_ns += now.own_cpu_ns - measure->before.own_cpu_ns;
	if (now.peer_cpu_ns > measure->before.peer_cpu_ns)
		measure->cpu_ns += now.peer_cpu_ns - measure->before.peer_cpu_ns;
}
