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

/* Runs those rows, the last of them NULL, for a short time each. */
static const char *run(const char *place, const char *const rows[])
{
	const char *argv[32] = {harness_program("cbb-bench"), "--tsv", "--ms", "20", "--place", place};
	for (size_t n = 6; rows[n - 6]; n++)
		argv[n] = rows[n - 6];
	struct harness_output output = harness_run(argv, RUN_TIMEOUT_MS);
	EXPECT_STRING(output.err, "");
	EXPECT_EQUAL(output.status, 0);
	return output.out;
}

static void given_any_place_when_measured_then_each_row_has_its_figures(void)
{
	static const char *const places[] = {"one", "free"};
	static const char *const rows[] = {"raw_block", "raw_spin", "raw_stream", "raw_lone", "call", "callback",
	                                   "callback_nested_call", "host_start", "death_status", "host_idle",
	                                   "callback_open", "callback_closed", NULL};
	static const char *const times[] = {"raw_block", "raw_spin", "raw_stream", "call", "callback",
	                                    "callback_nested_call", "host_start", "callback_open", "callback_closed"};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const char *out = run(places[i], rows);
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
	static const char *const places[] = {"one", "free"};
	static const char *const rows[] = {"callback_thread", "callback_thread_in_call", "listener_1", "listener_8",
	                                   "listener_lone", "close_under_load", NULL};
	static const char *const times[] = {"callback_thread", "callback_thread_in_call", "listener_1", "listener_8",
	                                    "close_drain", "close_abort"};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const char *out = run(places[i], rows);
		for (size_t k = 0; k < sizeof times / sizeof *times; k++)
			expect_times(out, times[k]);
		const char *lone = line_of(out, 'R', "listener_lone");
		EXPECT(lone && strstr(lone, "\t-\t-"));
	}
}

static void given_a_hundred_thousand_live_callbacks_when_measured_then_there_are_figures(void)
{
	const char *out = run("one", (const char *const[]){"live_100k", NULL});
	expect_times(out, "live_100k_open");
	expect_bytes_row(out, "live_100k");
	expect_times(out, "live_100k");
}

static void given_no_tsv_when_measured_then_ratios_and_goals_are_shown(void)
{
	const char *const argv[] = {harness_program("cbb-bench"), "--ms", "20", "raw_block", "raw_stream", "call",
	                            "listener_1", NULL};
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
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_any_place_when_measured_then_each_row_has_its_figures, 120),
    TEST_TIMEOUT(given_threads_of_a_library_when_measured_then_each_row_has_its_figures, 120),
    TEST_TIMEOUT(given_a_hundred_thousand_live_callbacks_when_measured_then_there_are_figures, 120),
    TEST(given_no_tsv_when_measured_then_ratios_and_goals_are_shown),
    TEST(given_a_wrong_command_line_when_run_then_words_say_so),
};
HARNESS_MAIN(tests)
