/* SPDX-License-Identifier: MIT */
/* What the rounds of a row amount to: medians, and ratios of figures of the same round. */
#include "bench/result.h"
#include "support/harness.h"

#include <stddef.h>

/* The medians of a row's rounds; 0: it had none in that round. */
static void add(const char *name, size_t n, const double medians_ns[])
{
	for (size_t i = 0; i < n; i++)
		result_add(name, (unsigned)i, (const double[N_FIGURES]){[FIGURE_MEDIAN_NS] = medians_ns[i]});
}

#define ADD(name, ...)                                                                                                 \
	add(name, sizeof(double[]){__VA_ARGS__} / sizeof(double), (const double[]){__VA_ARGS__})

static void expect_spread(struct spread spread, unsigned n_rounds, double low, double median, double high)
{
	EXPECT_EQUAL(spread.n_rounds, n_rounds);
	EXPECT(spread.low == low && spread.median == median && spread.high == high);
}

static void given_rounds_when_summed_up_then_it_is_their_median(void)
{
	ADD("odd", 40, 10, 20);
	expect_spread(result_spread("odd", FIGURE_MEDIAN_NS), 3, 10, 20, 40);
	ADD("even", 40, 10, 20, 80);
	expect_spread(result_spread("even", FIGURE_MEDIAN_NS), 4, 10, 30, 80);
	ADD("single", 7);
	expect_spread(result_spread("single", FIGURE_MEDIAN_NS), 1, 7, 7, 7);
	expect_spread(result_spread("single", FIGURE_OPS_PER_S), 0, 0, 0, 0);
	expect_spread(result_spread("none", FIGURE_MEDIAN_NS), 0, 0, 0, 0);
}

/* The row's median is 3 times the other's median. */
static void given_a_machine_that_changes_its_pace_when_compared_then_within_each_round(void)
{
	ADD("raw", 10, 40, 10);
	ADD("row", 20, 80, 30);
	expect_spread(result_ratio("row", "raw", FIGURE_MEDIAN_NS), 3, 2, 2, 3);
}

static void given_rounds_that_one_of_them_lacks_when_compared_then_they_do_not_count(void)
{
	ADD("each_round", 10, 10, 20);
	ADD("last_round", 0, 0, 80);
	expect_spread(result_ratio("last_round", "each_round", FIGURE_MEDIAN_NS), 1, 4, 4, 4);
	expect_spread(result_ratio("each_round", "last_round", FIGURE_MEDIAN_NS), 1, 0.25, 0.25, 0.25);
	expect_spread(result_ratio("each_round", "absent", FIGURE_MEDIAN_NS), 0, 0, 0, 0);
	expect_spread(result_ratio("absent", "each_round", FIGURE_MEDIAN_NS), 0, 0, 0, 0);
}

static void given_the_most_rounds_when_added_then_all_count_and_one_beyond_does_not(void)
{
	for (unsigned i = 0; i <= ROUNDS_MAX; i++)
		result_add("most", i, (const double[N_FIGURES]){[FIGURE_OPS_PER_S] = i + 1});
	expect_spread(result_spread("most", FIGURE_OPS_PER_S), ROUNDS_MAX, 1, (ROUNDS_MAX + 1) / 2.0, ROUNDS_MAX);
}

static const struct test tests[] = {
    TEST(given_rounds_when_summed_up_then_it_is_their_median),
    TEST(given_a_machine_that_changes_its_pace_when_compared_then_within_each_round),
    TEST(given_rounds_that_one_of_them_lacks_when_compared_then_they_do_not_count),
    TEST(given_the_most_rounds_when_added_then_all_count_and_one_beyond_does_not),
};
HARNESS_MAIN(tests)
