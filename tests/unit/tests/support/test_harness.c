/* SPDX-License-Identifier: MIT */
/*
 * The harness under test: runs failing_tests.c, whose tests must fail, and reads what it says.
 */
#include "support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct harness_output run_one(const char *name)
{
	const char *argv[] = {harness_program("failing_tests"), name, NULL};
	return harness_run(argv, 20000);
}

/* The test fails, alone, and says each of the parts. */
#define EXPECT_FAILS(name, ...)                                                                                        \
	do {                                                                                                           \
		const char *parts[] = {__VA_ARGS__};                                                                   \
		struct harness_output output = run_one(name);                                                          \
		EXPECT_EQUAL(output.status, 1);                                                                        \
		EXPECT_CONTAINS(output.out, "FAIL " name " (");                                                        \
		EXPECT_CONTAINS(output.out, "failing_tests: 1 of 1 failed");                                           \
		EXPECT_LACKS(output.out, "never reached");                                                             \
		for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)                                            \
			EXPECT_CONTAINS(output.out, parts[i]);                                                         \
	} while (0)

static void given_what_is_so_when_expected_then_the_test_passes(void)
{
	struct harness_output output = run_one("passes");
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "ok   passes (");
	EXPECT_CONTAINS(output.out, "ok   passes_with_child_that_follows (");
	EXPECT_CONTAINS(output.out, "0 of 2 failed");
}

static void given_wrong_numbers_when_compared_then_both_are_printed(void)
{
	EXPECT_FAILS("comparing_fails", "failing_tests.c:", "r == 5: not so", "r == 5: is 0, not 5",
	             "-1 == UINT64_MAX: is -1, not 18446744073709551615", "0.5 == 1: is 0.5, not 1",
	             "&r == NULL: is 0x");
}

static void given_wrong_texts_when_compared_then_both_are_printed(void)
{
	EXPECT_FAILS("comparing_text_fails", "is \"left\", not \"right\"", "is NULL, not \"right\"",
	             "\"haystack\" lacks \"needle\"", "\"haystack\" contains \"stack\"",
	             "byte 2 of 4 is 0x63, not 0x78", "4 bytes, not 3");
}

static void given_a_failed_requirement_when_more_follows_then_the_test_ends_there(void)
{
	EXPECT_FAILS("requirement_ends_it", "zero == 1: not so, this test ends here");
	EXPECT_FAILS("equality_ends_it", "zero == 1: is 0, not 1");
}

static void given_a_failure_in_a_thread_when_run_then_it_counts(void)
{
	EXPECT_FAILS("thread_fails", "zero == 1: not so (in thread ");
}

static void given_a_failure_in_a_child_when_run_then_it_counts(void)
{
	EXPECT_FAILS("child_fails", "zero == 1: is 0, not 1 (in child process ");
	EXPECT_FAILS("child_ends_it", "zero == 1: not so, this test ends here (in child process ");
}

static void given_more_failures_than_fit_when_run_then_all_are_counted(void)
{
	EXPECT_FAILS("many_fail", "and 68 more failures");
}

static void given_a_test_that_hangs_when_run_then_it_times_out(void)
{
	setenv("CBB_TEST_SLOW", "1", 1);
	EXPECT_FAILS("times_out", "timed out after 1 s\n");
}

static void given_a_longer_factor_when_a_test_hangs_then_it_gets_more_time(void)
{
	setenv("CBB_TEST_SLOW", "2", 1);
	EXPECT_FAILS("times_out", "timed out after 2 s\n");
}

static void given_a_crash_when_run_then_the_signal_is_named(void)
{
	EXPECT_FAILS("segfaults", "ended by signal 11 (Segmentation fault)\n");
	EXPECT_FAILS("aborts", "ended by signal 6 (Aborted)\n");
}

static void given_an_exit_in_the_midst_when_run_then_it_fails(void)
{
	EXPECT_FAILS("exits_well", "the process ended before the test function returned");
	EXPECT_FAILS("exits_with_status", "ended with exit status 3");
}

static void given_a_descriptor_left_open_when_run_then_it_is_named(void)
{
	EXPECT_FAILS("leaks_descriptor", "is left open: /dev/zero");
}

static void given_a_descriptor_closed_or_swapped_when_run_then_it_is_named(void)
{
	EXPECT_FAILS("closes_descriptor", "descriptor 0 (/dev/null) was open before the test and is not after");
	EXPECT_FAILS("swaps_descriptor", "descriptor 0 was /dev/null and is /dev/zero");
}

static void given_a_thread_left_running_when_run_then_it_is_named(void)
{
	EXPECT_FAILS("leaks_thread", " (forgotten) is left running");
}

static void given_a_child_left_alive_when_run_then_it_is_named_and_killed(void)
{
	struct harness_output output = run_one("leaves_child");
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.out, "outlived the test; killed");
	const char *name = strstr(output.out, "process ");
	int pid = 0;
	REQUIRE(name && sscanf(name, "process %d (failing_tests:", &pid) == 1);
	EXPECT(harness_wait_gone(pid, 15000));
}

static void given_a_grandchild_left_alive_when_run_then_it_is_named(void)
{
	EXPECT_FAILS("leaves_grandchild", "outlived the test; killed");
}

static void given_a_program_that_hangs_when_its_time_is_over_then_it_is_killed_and_named(void)
{
	EXPECT_FAILS("runs_program_that_hangs", "/usr/bin/tail did not end within");
}

static void given_a_skipped_test_when_run_then_it_neither_fails_nor_passes(void)
{
	struct harness_output output = run_one("skips");
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "skip skips (");
	EXPECT_CONTAINS(output.out, ": no moon here\n");
}

static void given_patterns_when_listed_then_only_what_fits_is(void)
{
	const char *argv[] = {harness_program("failing_tests"), "--list", "*_fails", "many", NULL};
	struct harness_output output = harness_run(argv, 5000);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "thread_fails\n");
	EXPECT_CONTAINS(output.out, "many_fail\n");
	EXPECT_LACKS(output.out, "times_out\n");
	EXPECT_EQUAL(run_one("nothing_of_this_name").status, 77);
}

static void given_a_results_file_when_run_then_each_test_has_a_line_in_it(void)
{
	const char *path = harness_temp_path("results");
	setenv("CBB_TEST_RESULTS", path, 1);
	run_one("*y_ends_it");
	run_one("requirement");
	run_one("skips");
	const char *text = harness_read_file(path);
	EXPECT_CONTAINS(text, "failing_tests\trequirement_ends_it\tFAIL\t");
	EXPECT_CONTAINS(text, "failing_tests\tequality_ends_it\tFAIL\t");
	EXPECT_CONTAINS(text, "failing_tests\tskips\tskip\t");
}

static struct harness_output compile(const char *compiler, const char *expression)
{
	const char *code = harness_format("#include \"support/expect.h\"\n"
	                                  "void f(int r, char *p);\nvoid f(int r, char *p) { %s; }\n", expression);
	const char *path = harness_temp_file("expression.c", code);
	const char *include = harness_format("-I%s", harness_build_path("include-law/support"));
	const char *argv[] = {compiler, "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fsyntax-only",
	                      include, path, NULL};
	return harness_run(argv, 20000);
}

static void given_an_assignment_when_expected_then_it_does_not_compile(void)
{
	static const char *const wrong[] = {"EXPECT(r = 5)", "REQUIRE(r = 5)", "EXPECT_EQUAL(r = 5, 5)",
	                                    "EXPECT(p = 0)"};
	static const char *const right[] = {"EXPECT(r == 5 || r == 6)", "EXPECT(p)", "EXPECT_EQUAL(r + 1, 5u)",
	                                    "EXPECT_EQUAL(p, NULL)", "EXPECT(!p && *p == 'a')", "EXPECT(r & 1)"};
	static const char *const compilers[] = {"/usr/bin/gcc", "/usr/bin/clang"};
	for (unsigned c = 0; c < 2; c++) {
		if (access(compilers[c], X_OK) < 0)
			continue;
		for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
			struct harness_output output = compile(compilers[c], wrong[i]);
			EXPECT_EQUAL(output.status, 1);
			EXPECT_CONTAINS(output.err, c == 0 ? "lvalue required" : "expression is not assignable");
		}
		for (unsigned i = 0; i < sizeof right / sizeof *right; i++)
			EXPECT_STRING(compile(compilers[c], right[i]).err, "");
	}
}

static void given_a_temporary_directory_when_the_test_is_over_then_it_is_gone(void)
{
	const char *path = harness_temp_file("a", "text");
	EXPECT_STRING(harness_read_file(path), "text");
	EXPECT(strlen(path) < 40);
	char *other = strstr(run_one("names_its_directory").out, "directory /");
	REQUIRE(other && strstr(other, "/nested!"));
	other += strlen("directory ");
	*strstr(other, "/nested!") = '\0';
	EXPECT(strncmp(other, "/tmp/cbb-test-", 14) == 0);
	EXPECT(access(other, F_OK) < 0);
}

static const struct test tests[] = {
    TEST(given_what_is_so_when_expected_then_the_test_passes),
    TEST(given_wrong_numbers_when_compared_then_both_are_printed),
    TEST(given_wrong_texts_when_compared_then_both_are_printed),
    TEST(given_a_failed_requirement_when_more_follows_then_the_test_ends_there),
    TEST(given_a_failure_in_a_thread_when_run_then_it_counts),
    TEST(given_a_failure_in_a_child_when_run_then_it_counts),
    TEST(given_more_failures_than_fit_when_run_then_all_are_counted),
    TEST(given_a_test_that_hangs_when_run_then_it_times_out),
    TEST(given_a_longer_factor_when_a_test_hangs_then_it_gets_more_time),
    TEST(given_a_crash_when_run_then_the_signal_is_named),
    TEST(given_an_exit_in_the_midst_when_run_then_it_fails),
    TEST(given_a_descriptor_left_open_when_run_then_it_is_named),
    TEST(given_a_descriptor_closed_or_swapped_when_run_then_it_is_named),
    TEST(given_a_thread_left_running_when_run_then_it_is_named),
    TEST(given_a_child_left_alive_when_run_then_it_is_named_and_killed),
    TEST(given_a_grandchild_left_alive_when_run_then_it_is_named),
    TEST(given_a_program_that_hangs_when_its_time_is_over_then_it_is_killed_and_named),
    TEST(given_a_skipped_test_when_run_then_it_neither_fails_nor_passes),
    TEST(given_patterns_when_listed_then_only_what_fits_is),
    TEST(given_a_results_file_when_run_then_each_test_has_a_line_in_it),
    TEST_TIMEOUT(given_an_assignment_when_expected_then_it_does_not_compile, 120),
    TEST(given_a_temporary_directory_when_the_test_is_over_then_it_is_gone),
};
HARNESS_MAIN(tests)
