/* SPDX-License-Identifier: MIT */
/*
 * One measurement: operations until the time or their number is used up, with the processor time of both processes.
 */
#ifndef CBB_BENCH_MEASURE_H
#define CBB_BENCH_MEASURE_H

#include "base/clock.h"
#include "bench/sample.h"

#include <sys/types.h>

/* Processor time of this program and of another process, and the clock on the wall, at one moment. */
struct usage {
	uint64_t wall_ns;
	uint64_t own_cpu_ns, peer_cpu_ns;
};

/* Of a process that is gone: 0. */
struct usage usage_now(pid_t peer);

struct measure {
	struct sample sample;
	pid_t peer;
	struct usage before;
	uint64_t deadline_ns;
	size_t max;           /* operations */
	uint64_t busy_ns;     /* wall time, without pauses */
	uint64_t cpu_ns;      /* of both processes, without pauses */
	uint64_t last_ns;     /* when the last operation ended, for measure_step */
	unsigned n_each;      /* operations that one sample stands for, each of which took so long; 0: one */
};

#define MEASURE_MAX_OPERATIONS (1u << 20)

/* 0, -ENOMEM. At most `max` operations (0: MEASURE_MAX_OPERATIONS) in `ms`. */
int measure_init(struct measure *measure, unsigned ms, size_t max);
void measure_free(struct measure *measure);

/* Time counts between these two. peer: the process at the other end; 0: none. */
void measure_resume(struct measure *measure, pid_t peer);
void measure_pause(struct measure *measure);

static inline bool measure_more(const struct measure *measure)
{
	return measure->sample.n < measure->max && clock_now_ns() < measure->deadline_ns;
}

/* An operation that took so long. */
static inline void measure_add(struct measure *measure, uint64_t ns)
{
	sample_add(&measure->sample, ns);
}

/* An operation has ended at this moment, having begun when the last one ended (or at measure_resume). */
static inline void measure_step(struct measure *measure)
{
	uint64_t now_ns = clock_now_ns();
	sample_add(&measure->sample, now_ns - measure->last_ns);
	measure->last_ns = now_ns;
}

/* So many operations have ended since the last did: one sample, of what each took. measure.n_each says how many. */
static inline void measure_step_many(struct measure *measure)
{
	uint64_t now_ns = clock_now_ns();
	sample_add(&measure->sample, (now_ns - measure->last_ns) / measure->n_each);
	measure->last_ns = now_ns;
}

/* The same for a loop of short operations: one look at the clock for both. */
static inline bool measure_step_more(struct measure *measure)
{
	measure_step(measure);
	return measure->sample.n < measure->max && measure->last_ns < measure->deadline_ns;
}

#endif
