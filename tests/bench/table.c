/* SPDX-License-Identifier: MIT */
#include "bench/table.h"

#include "bench/goal.h"
#include "bench/place.h"

#include <stdio.h>
#include <string.h>

#define ROWS_MAX 64

static bool as_tsv;
static struct measured {
	const char *name;
	uint64_t median_ns;
	double ops_per_s;
} measured[ROWS_MAX];
static unsigned n_measured;

void table_begin(bool tsv, unsigned ms)
{
	as_tsv = tsv;
	if (tsv)
		return;
	printf("place %s, %u ms for each row\n\n", place_name(place_mode()), ms);
	printf("%-24s %11s %11s %11s %11s %11s\n", "", "median", "p99", "per s", "cpu us/op", "x raw");
}

/* NULL: it was not measured. */
static const struct measured *find(const char *name)
{
	for (unsigned i = 0; i < n_measured; i++)
		if (strcmp(measured[i].name, name) == 0)
			return &measured[i];
	return NULL;
}

static uint64_t median_of(const char *name)
{
	const struct measured *row = find(name);
	return row ? row->median_ns : 0;
}

static const char *time_text(char (*buffer)[32], double ns)
{
	if (ns < 1e3)
		snprintf(*buffer, sizeof *buffer, "%.0f ns", ns);
	else if (ns < 1e6)
		snprintf(*buffer, sizeof *buffer, "%.2f us", ns / 1e3);
	else if (ns < 1e9)
		snprintf(*buffer, sizeof *buffer, "%.2f ms", ns / 1e6);
	else
		snprintf(*buffer, sizeof *buffer, "%.2f s", ns / 1e9);
	return *buffer;
}

static const char *verdict(bool met)
{
	return met ? "met" : "NOT MET";
}

/* What a round trip is compared with: in `free`, the scheduler decides which one is fair. */
static const char *raw_row(void)
{
	return place_mode() == PLACE_ONE ? "raw_block" : "raw_spin";
}

static void print_ratio_goal(const struct goal *goal, uint64_t median_ns, double ops_per_s)
{
	const struct measured *base = find(goal->base);
	const char *words = goal->rate > 0 ? "at least" : "at most";
	double limit = goal->rate > 0 ? goal->rate : goal->ratio;
	if (!base || base->median_ns == 0 || (goal->rate > 0 && base->ops_per_s <= 0)) {
		printf("  goal: %s %.4g x %s, which was not measured", words, limit, goal->base);
		return;
	}
	double is = goal->rate > 0 ? ops_per_s / base->ops_per_s : (double)median_ns / (double)base->median_ns;
	printf("  goal: %s %.4g x %s: %s (%.2f)", words, limit, goal->base,
	       verdict(goal->rate > 0 ? is >= limit : is <= limit), is);
}

static void print_time_goal(const char *name, uint64_t median_ns, double ops_per_s)
{
	char text[32];
	const struct goal *goal = goal_find(name, place_mode());
	if (goal && goal->max_ns)
		printf("  goal: at most %s: %s", time_text(&text, (double)goal->max_ns), verdict(median_ns <= goal->max_ns));
	else if (goal && goal->base)
		print_ratio_goal(goal, median_ns, ops_per_s);
}

static void print_time(const char *name, uint64_t median_ns, uint64_t p99_ns, double ops_per_s, double cpu_us)
{
	char median[32], p99[32], ops[32] = "-", cpu[32] = "-", ratio[32] = "-";
	if (ops_per_s > 0) {
		snprintf(ops, sizeof ops, "%.0f", ops_per_s);
		snprintf(cpu, sizeof cpu, "%.2f", cpu_us);
	}
	if (median_of(raw_row()))
		snprintf(ratio, sizeof ratio, "%.2f", (double)median_ns / (double)median_of(raw_row()));
	printf("%-24s %11s %11s %11s %11s %11s", name, time_text(&median, (double)median_ns),
	       time_text(&p99, (double)p99_ns), ops, cpu, ratio);
	print_time_goal(name, median_ns, ops_per_s);
}

static void remember(const char *name, uint64_t median_ns, double ops_per_s)
{
	if (n_measured < ROWS_MAX)
		measured[n_measured++] = (struct measured){.name = name, .median_ns = median_ns, .ops_per_s = ops_per_s};
}

static void print_tsv(const char *name, uint64_t median_ns, uint64_t p99_ns, double ops_per_s, double cpu_us)
{
	printf("R\t%s\t%llu\t%llu\t", name, (unsigned long long)median_ns, (unsigned long long)p99_ns);
	if (ops_per_s > 0)
		printf("%.1f\t%.3f", ops_per_s, cpu_us);
	else
		printf("-\t-");
}

void table_add_time(const char *name, struct measure *measure, const char *per, double n_per)
{
	char each[32];
	double n = (double)(measure->sample.n ? measure->sample.n : 1) * (measure->n_each ? measure->n_each : 1);
	uint64_t median_ns = sample_quantile(&measure->sample, 500), p99_ns = sample_quantile(&measure->sample, 990);
	double ops_per_s = measure->busy_ns ? n * 1e9 / (double)measure->busy_ns : 0;
	double cpu_us = (double)measure->cpu_ns / n / 1e3;
	remember(name, median_ns, ops_per_s);
	if (as_tsv) {
		print_tsv(name, median_ns, p99_ns, ops_per_s, cpu_us);
	} else {
		print_time(name, median_ns, p99_ns, ops_per_s, cpu_us);
		if (per && n_per > 0)
			printf("  %.0f %ss, %s each", n_per, per, time_text(&each, (double)median_ns / n_per));
	}
	printf("\n");
	fflush(stdout);
}

void table_add_bytes(const char *name, uint64_t bytes)
{
	const struct goal *goal = goal_find(name, place_mode());
	if (as_tsv) {
		printf("M\t%s\t%llu\n", name, (unsigned long long)bytes);
	} else {
		printf("%-24s %5llu bytes", name, (unsigned long long)bytes);
		if (goal && goal->max_bytes)
			printf(" (%.2f MiB)  goal: at most %.0f MiB: %s", (double)bytes / (1 << 20),
			       (double)goal->max_bytes / (1 << 20), verdict(bytes <= goal->max_bytes));
		printf("\n");
	}
	fflush(stdout);
}

void table_add_failure(const char *name, const char *words)
{
	if (as_tsv)
		fprintf(stderr, "cbb-bench: %s: %s\n", name, words);
	else
		printf("%-24s failed: %s\n", name, words);
	fflush(stdout);
}
