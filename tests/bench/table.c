/* SPDX-License-Identifier: MIT */
#include "bench/table.h"

#include "bench/goal.h"
#include "bench/place.h"
#include "bench/result.h"

#include <stdio.h>

static bool as_tsv;
static unsigned n_rounds, round_now;

void table_begin(bool tsv, unsigned ms, unsigned rounds)
{
	as_tsv = tsv;
	n_rounds = rounds;
	if (tsv)
		return;
	printf("place %s, %u ms for each row", place_name(place_mode()), ms);
	if (rounds > 1)
		printf(" in %u rounds: their medians", rounds);
	printf("\n\n%-24s %11s %11s %11s %11s %11s\n", "", "median", "p99", "per s", "cpu us/op", "x raw");
}

void table_round(unsigned round)
{
	round_now = round;
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

static void print_ratio_goal(const char *name, const struct goal *goal)
{
	bool by_rate = goal->rate > 0;
	double limit = by_rate ? goal->rate : goal->ratio;
	struct spread is = result_ratio(name, goal->base, by_rate ? FIGURE_OPS_PER_S : FIGURE_MEDIAN_NS);
	printf("  goal: %s %.4g x %s", by_rate ? "at least" : "at most", limit, goal->base);
	if (is.n_rounds == 0) {
		printf(", which was not measured");
		return;
	}
	printf(": %s (%.2f", verdict(by_rate ? is.median >= limit : is.median <= limit), is.median);
	if (is.n_rounds > 1)
		printf(", from %.2f to %.2f", is.low, is.high);
	printf(")");
}

static void print_time_goal(const char *name)
{
	char text[32];
	const struct goal *goal = goal_find(name, place_mode());
	if (goal && goal->max_ns)
		printf("  goal: at most %s: %s", time_text(&text, (double)goal->max_ns),
		       verdict(result_spread(name, FIGURE_MEDIAN_NS).median <= (double)goal->max_ns));
	else if (goal && goal->base)
		print_ratio_goal(name, goal);
}

static void print_time(const char *name)
{
	char median[32], p99[32], ops[32] = "-", cpu[32] = "-", ratio[32] = "-";
	struct spread rate = result_spread(name, FIGURE_OPS_PER_S);
	struct spread raw = result_ratio(name, raw_row(), FIGURE_MEDIAN_NS);
	if (rate.n_rounds) {
		snprintf(ops, sizeof ops, "%.0f", rate.median);
		snprintf(cpu, sizeof cpu, "%.2f", result_spread(name, FIGURE_CPU_US).median);
	}
	if (raw.n_rounds)
		snprintf(ratio, sizeof ratio, "%.2f", raw.median);
	printf("%-24s %11s %11s %11s %11s %11s", name, time_text(&median, result_spread(name, FIGURE_MEDIAN_NS).median),
	       time_text(&p99, result_spread(name, FIGURE_P99_NS).median), ops, cpu, ratio);
	print_time_goal(name);
}

static void print_tsv(const char *name)
{
	struct spread rate = result_spread(name, FIGURE_OPS_PER_S);
	printf("R\t%s\t%.0f\t%.0f\t", name, result_spread(name, FIGURE_MEDIAN_NS).median,
	       result_spread(name, FIGURE_P99_NS).median);
	if (rate.n_rounds)
		printf("%.1f\t%.3f", rate.median, result_spread(name, FIGURE_CPU_US).median);
	else
		printf("-\t-");
}

static void add_figures(const char *name, struct measure *measure)
{
	double n = (double)(measure->sample.n ? measure->sample.n : 1) * (measure->n_each ? measure->n_each : 1);
	result_add(name, round_now, (const double[N_FIGURES]){
	    [FIGURE_MEDIAN_NS] = (double)sample_quantile(&measure->sample, 500),
	    [FIGURE_P99_NS] = (double)sample_quantile(&measure->sample, 990),
	    [FIGURE_OPS_PER_S] = measure->busy_ns ? n * 1e9 / (double)measure->busy_ns : 0,
	    [FIGURE_CPU_US] = (double)measure->cpu_ns / n / 1e3,
	});
}

void table_add_time(const char *name, struct measure *measure, const char *per, double n_per)
{
	char each[32];
	add_figures(name, measure);
	if (round_now + 1 < n_rounds)
		return;
	if (as_tsv) {
		print_tsv(name);
	} else {
		print_time(name);
		if (per && n_per > 0)
			printf("  %.0f %ss, %s each", n_per, per,
			       time_text(&each, result_spread(name, FIGURE_MEDIAN_NS).median / n_per));
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
