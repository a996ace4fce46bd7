/* SPDX-License-Identifier: MIT */
#include "bench/result.h"

#include <stdlib.h>
#include <string.h>

#define RESULTS_MAX 64

static struct result {
	const char *name;
	double rounds[ROUNDS_MAX][N_FIGURES];
} results[RESULTS_MAX];
static unsigned n_results;

static struct result *find(const char *name)
{
	for (unsigned i = 0; i < n_results; i++)
		if (strcmp(results[i].name, name) == 0)
			return &results[i];
	return NULL;
}

void result_add(const char *name, unsigned round, const double figures[N_FIGURES])
{
	struct result *result = find(name);
	if (!result && n_results < RESULTS_MAX) {
		result = &results[n_results++];
		result->name = name;
	}
	if (result && round < ROUNDS_MAX)
		memcpy(result->rounds[round], figures, sizeof result->rounds[round]);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Sorts. */
static struct spread spread_of(double *values, unsigned n)
{
	if (n == 0)
		return (struct spread){0};
	qsort(values, n, sizeof *values, compare);
	return (struct spread){
	    .median = (values[(n - 1) / 2] + values[n / 2]) / 2,
	    .low = values[0],
	    .high = values[n - 1],
	    .n_rounds = n,
	};
}

struct spread result_spread(const char *name, enum figure figure)
{
	const struct result *result = find(name);
	double values[ROUNDS_MAX];
	unsigned n = 0;
	for (unsigned i = 0; result && i < ROUNDS_MAX; i++)
		if (result->rounds[i][figure] > 0)
			values[n++] = result->rounds[i][figure];
	return spread_of(values, n);
}

struct spread result_ratio(const char *name, const char *base, enum figure figure)
{
	const struct result *result = find(name), *other = find(base);
	double values[ROUNDS_MAX];
	unsigned n = 0;
	for (unsigned i = 0; result && other && i < ROUNDS_MAX; i++)
		if (result->rounds[i][figure] > 0 && other->rounds[i][figure] > 0)
			values[n++] = result->rounds[i][figure] / other->rounds[i][figure];
	return spread_of(values, n);
}
