/* SPDX-License-Identifier: MIT */
/*
 * A row's measured times, one per operation, and what they amount to.
 */
#ifndef CBB_BENCH_SAMPLE_H
#define CBB_BENCH_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sample {
	uint64_t *ns;
	size_t n, max;
};

/* Memory is touched here, so that no page fault falls into a measurement. 0, -ENOMEM. */
int sample_init(struct sample *sample, size_t max);
void sample_free(struct sample *sample);

static inline void sample_add(struct sample *sample, uint64_t ns)
{
	if (sample->n < sample->max)
		sample->ns[sample->n++] = ns;
}

/* The time that so many thousandths of the operations stayed within (nearest rank). Sorts. 0 without samples. */
uint64_t sample_quantile(struct sample *sample, unsigned thousandths);

#endif
