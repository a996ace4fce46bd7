/* SPDX-License-Identifier: MIT */
/* cbb-bench measures what it says and prints it in the promised form. What the figures are is not tested. */
#include "support/harness.h"

#include <stdio.h>
#include <string.h>

#define RUN_TIMEOUT_MS 60000

/* The line that begins with kind and name, up to its end; NULL. */
static const char *line_of(const char *out, char kind, const char *name)
{
	const char *beginning = harness_format("%c\t%s\t", kind, name);
	for (const char *line = out; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, beginning, strlen(beginning)) == 0)
			return harness_format("%.*s", (int)strcspn(line, "\n"), line);
	FAIL("no line %s in: %s", beginning, out);
	return NULL;
}

static void expect_times(const char *out, const char *name)
{
	unsigned long long median_ns = 0, p99_ns = 0;
	double ops_per_s = 0, cpu_us = 0;
	const char *line = line_of(out, 'R', name);
	if (!line)
		return;
	EXPECT_EQUAL(sscanf(line, "R\t%*s\t%llu\t%llu\t%lf\t%lf", &median_ns, &p99_ns, &ops_per_s, &cpu_us), 4);
	EXPECT(median_ns > 0 && p99_ns >= median_ns);
	EXPECT(ops_per_s > 0 && cpu_us > 0);
}

static void expect_bytes_row(const char *out, const char *name)
{
	unsigned long long bytes = 0;
	const char *line = line_of(out, 'M', name);
	EXPECT(line && sscanf(line, "M\t%*s\t%llu", &bytes) == 1 && bytes > 0);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Runs those rows, the last of them NULL, for a short time each. */
static const char *run(const char *place, const char *rounds, const char *const rows[])
{
	const char *argv[32] = {harness_program("cbb-bench"), "--tsv", "--ms", "20", "--place", place, "--rounds", rounds};
	for (size_t n = 0; rows[n]; n++)
		argv[8 + n] = rows[n];
	struct harness_output output = harness_run(argv, RUN_TIMEOUT_MS);
	EXPECT_STRING(output.err, "");
	EXPECT_EQUAL(output.status, 0);
	return output.out;
}

static void given_any_place_when_measured_then_each_row_has_its_figures(void)
{
	static const char *const places[] = {"one", "free"}, *const rounds[] = {"2", "1"};
	static const char *const rows[] = {"raw_block", "raw_spin", "raw_stream", "raw_lone", "call", "callback",
	                                   "callback_nested_call", "host_start", "death_status", "host_idle",
	                                   "callback_open", "callback_closed", NULL};
	static const char *const times[] = {"raw_block", "raw_spin", "raw_stream", "call", "callback",
	                                    "callback_nested_call", "host_start", "callback_open", "callback_closed"};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const char *out = run(places[i], rounds[i], rows);
		for (size_t k = 0; k < sizeof times / sizeof *times; k++)
			expect_times(out, times[k]);
		const char *death = line_of(out, 'R', "death_status");
		EXPECT(death && strstr(death, "\t-\t-"));
		expect_bytes_row(out, "host_idle");
		expect_bytes_row(out, "callback_open");
		expect_bytes_row(out, "callback_closed");
	}
}

static void given_threads_of_a_library_when_measured_then_each_row_has_its_figures(void)
{
	static const char *const places[] = {"one", "free"}, *const rounds[] = {"2", "1"};
	static const char *const rows[] = {"callback_thread", "callback_thread_in_call", "listener_1", "listener_8",
	                                   "listener_lone", "close_under_load", NULL};
	static const char *const times[] = {"callback_thread", "callback_thread_in_call", "listener_1", "listener_8",
	                                    "close_drain", "close_abort"};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const char *out = run(places[i], rounds[i], rows);
		for (size_t k = 0; k < sizeof times / sizeof *times; k++)
			expect_times(out, times[k]);
		const char *lone = line_of(out, 'R', "listener_lone");
		EXPECT(lone && strstr(lone, "\t-\t-"));
	}
}

static void given_a_hundred_thousand_live_callbacks_when_measured_then_there_are_figures(void)
{
	const char *out = run("one", "2", (const char *const[]){"live_100k", NULL});
	expect_times(out, "live_100k_open");
	expect_bytes_row(out, "live_100k");
	expect_times(out, "live_100k");
}

static void given_rounds_when_measured_then_each_row_has_one_line(void)
{
	static const char *const rounds[] = {"1", "2", "5"};
	for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
		const char *out = run("one", rounds[i], (const char *const[]){"raw_block", "call", "host_start", NULL});
		EXPECT_EQUAL(count_lines(out), 3);
		expect_times(out, "raw_block");
		expect_times(out, "call");
		expect_times(out, "host_start");
	}
}

/* A ratio of several rounds has a range that it lies in; that of a single one has none. */
static void given_rounds_when_measured_then_a_ratio_lies_among_theirs(void)
{
	double ratio = 0, low = 0, high = 0;
	const char *argv[] = {harness_program("cbb-bench"), "--ms", "20", "--rounds", "3", "raw_block", "call", NULL};
	struct harness_output output = harness_run(argv, RUN_TIMEOUT_MS);
	const char *goal = strstr(output.out, "x raw_block: ");
	EXPECT_CONTAINS(output.out, "in 3 rounds");
	EXPECT(goal && sscanf(goal + strcspn(goal, "("), "(%lf, from %lf to %lf)", &ratio, &low, &high) == 3);
	EXPECT(low > 0 && low <= ratio && ratio <= high);
	argv[4] = "1";
	output = harness_run(argv, RUN_TIMEOUT_MS);
	EXPECT_CONTAINS(output.out, "x raw_block: ");
	EXPECT_LACKS(output.out, "round");
	EXPECT_LACKS(output.out, "from");
}

static void given_no_tsv_when_measured_then_ratios_and_goals_are_shown(void)
{
	const char *const argv[] = {harness_program("cbb-bench"), "--ms", "20", "--rounds", "2", "raw_block",
	                            "raw_stream", "call", "listener_1", NULL};
	struct harness_output output = harness_run(argv, RUN_TIMEOUT_MS);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "place one");
	EXPECT_CONTAINS(output.out, "goal: at most 1.3 x raw_block: ");
	EXPECT_CONTAINS(output.out, "goal: at least 5 x raw_stream: ");
	EXPECT_LACKS(output.out, "callback");
}

static void given_a_wrong_command_line_when_run_then_words_say_so(void)
{
	struct harness_output output = harness_run((const char *[]){harness_program("cbb-bench"), "no_row", NULL}, 5000);
	EXPECT_EQUAL(output.status, 2);
	EXPECT_CONTAINS(output.err, "no_row");
	output = harness_run((const char *[]){harness_program("cbb-bench"), "--place", "here", NULL}, 5000);
	EXPECT_EQUAL(output.status, 2);
	EXPECT_CONTAINS(output.err, "one, split or free");
	static const char *const rounds[] = {"0", "101"};
	for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
		output = harness_run((const char *[]){harness_program("cbb-bench"), "--rounds", rounds[i], "call", NULL}, 5000);
		EXPECT_EQUAL(output.status, 2);
		EXPECT_CONTAINS(output.err, "from 1 to 100");
	}
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_any_place_when_measured_then_each_row_has_its_figures, 120),
    TEST_TIMEOUT(given_threads_of_a_library_when_measured_then_each_row_has_its_figures, 120),
    TEST_TIMEOUT(given_a_hundred_thousand_live_callbacks_when_measured_then_there_are_figures, 120),
    TEST_TIMEOUT(given_rounds_when_measured_then_each_row_has_one_line, 120),
    TEST_TIMEOUT(given_rounds_when_measured_then_a_ratio_lies_among_theirs, 120),
    TEST(given_no_tsv_when_measured_then_ratios_and_goals_are_shown),
    TEST(given_a_wrong_command_line_when_run_then_words_say_so),
};
HARNESS_MAIN(tests)
