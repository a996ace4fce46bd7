/* SPDX-License-Identifier: MIT */
/*
 * What a row shall reach, in absolute figures or against another row of the same run.
 */
#ifndef CBB_BENCH_GOAL_H
#define CBB_BENCH_GOAL_H

#include "bench/place.h"

struct goal {
	const char *name;      /* of the row */
	unsigned places;       /* bits 1 << enum place_mode where it holds */
	const char *base;      /* the median is compared with that row's */
	double ratio;          /* and is at most so many times that, */
	double rate;           /* or the operations per second are at least so many times that row's */
	uint64_t max_ns;       /* the median is at most so much */
	uint64_t max_bytes;
};

/* NULL: there is none. */
const struct goal *goal_find(const char *name, enum place_mode place);

#endif
