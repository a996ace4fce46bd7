/* SPDX-License-Identifier: MIT */
/*
 * What has been measured, printed in the last round, line by line as it comes: for people with ratios and goals, or as
 * --tsv.
 */
#ifndef CBB_BENCH_TABLE_H
#define CBB_BENCH_TABLE_H

#include "bench/measure.h"

/* Chooses the form, and for people prints the head. rounds: up to ROUNDS_MAX of result.h. */
void table_begin(bool tsv, unsigned ms, unsigned rounds);
/* What is added from now on belongs to it; the first is 0. */
void table_round(unsigned round);

/*
 * A row of times: the medians of what it had in each round. `per` and n_per: what one operation consists of,
 * "comparison" and how many (NULL: nothing).
 */
void table_add_time(const char *name, struct measure *measure, const char *per, double n_per);
/* What is counted once, in the last round. */
void table_add_bytes(const char *name, uint64_t bytes);
/* A row that could not be measured. */
void table_add_failure(const char *name, const char *words);

#endif
