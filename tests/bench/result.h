/* SPDX-License-Identifier: MIT */
/*
 * What each row gave in each round, and what that amounts to. A machine's pace changes within seconds: only figures of
 * the same round are compared with each other.
 */
#ifndef CBB_BENCH_RESULT_H
#define CBB_BENCH_RESULT_H

#define ROUNDS_MAX 100

enum figure {
	FIGURE_MEDIAN_NS,
	FIGURE_P99_NS,
	FIGURE_OPS_PER_S,
	FIGURE_CPU_US, /* of an operation */
	N_FIGURES,
};

/* Over the rounds that have it. */
struct spread {
	double median, low, high;
	unsigned n_rounds; /* 0: none, and all is 0 */
};

/* round: below ROUNDS_MAX. A name stays the caller's, and a figure that is 0 is none. */
void result_add(const char *name, unsigned round, const double figures[N_FIGURES]);

struct spread result_spread(const char *name, enum figure figure);
/* How many times that of another row, over the rounds that have both. */
struct spread result_ratio(const char *name, const char *base, enum figure figure);

#endif
