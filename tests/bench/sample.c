/* SPDX-License-Identifier: MIT */
#include "bench/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sample_init(struct sample *sample, size_t max)
{
	*sample = (struct sample){.ns = malloc(max * sizeof *sample->ns), .max = max};
	if (!sample->ns)
		return -ENOMEM;
	memset(sample->ns, 0xff, max * sizeof *sample->ns);
	return 0;
}

void sample_free(struct sample *sample)
{
	free(sample->ns);
	*sample = (struct sample){0};
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

uint64_t sample_quantile(struct sample *sample, unsigned thousandths)
{
	if (sample->n == 0)
		return 0;
	qsort(sample->ns, sample->n, sizeof *sample->ns, compare);
	size_t rank = (sample->n * thousandths + 999) / 1000;
	return sample->ns[rank ? rank - 1 : 0];
}
