/* SPDX-License-Identifier: MIT */
#include "support/harness.h"

#include "support/isolate.h"
#include "support/record.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_NONE_FITS 77 /* for ctest: skipped */

static const char *module_name;
static const struct test *all_tests;
static unsigned n_all_tests;
static bool in_this_process;

static const struct test *test_find(const char *name)
{
	for (unsigned i = 0; i < n_all_tests; i++)
		if (strcmp(all_tests[i].name, name) == 0)
			return &all_tests[i];
	return NULL;
}

/* Into CUnit's hands: its counts decide. */
static void failures_hand_over(void)
{
	struct record_board *board = record_board();
	unsigned n = board->n;
	for (unsigned i = 0; i < n && i < RECORD_MAX; i++) {
		const struct record *record = &board->records[i];
		if (record->complete)
			CU_assertImplementation(CU_FALSE, (unsigned)record->line, record->text, record->file, "",
			                        CU_FALSE);
		else
			CU_assertImplementation(CU_FALSE, 0, "(its process ended while it said what failed)", "", "",
			                        CU_FALSE);
	}
	if (n == 0)
		CU_assertImplementation(CU_TRUE, 0, "nothing failed", "", "", CU_FALSE);
}

static void failures_print(void)
{
	struct record_board *board = record_board();
	for (unsigned i = 0; i < board->n && i < RECORD_MAX; i++) {
		const struct record *record = &board->records[i];
		if (record->line)
			printf("       %s:%d: %s\n", record->file, record->line, record->text);
		else
			printf("       %s\n", record->text);
	}
	if (board->n > RECORD_MAX)
		printf("       and %u more failures\n", board->n - RECORD_MAX);
}

/* For a program that counts: one line per test, appended in one write. */
static void result_append(const char *name, const char *result, unsigned ms)
{
	const char *path = getenv("CBB_TEST_RESULTS");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	if (fd < 0)
		return;
	dprintf(fd, "%s\t%s\t%s\t%u\n", module_name, name, result, ms);
	close(fd);
}

static void run_current(void)
{
	const struct test *test = test_find(CU_get_current_test()->pName);
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (in_this_process)
		isolate_run_here(test);
	else
		isolate_run(test);
	clock_gettime(CLOCK_MONOTONIC, &end);
	unsigned ms = (unsigned)((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
	struct record_board *board = record_board();
	const char *result = board->n ? "FAIL" : board->skipped ? "skip" : "ok";
	printf("%-4s %s (%u ms)%s%s\n", result, test->name, ms, board->skipped ? ": " : "", board->skip_text);
	failures_print();
	fflush(stdout);
	result_append(test->name, result, ms);
	failures_hand_over();
}

static bool name_fits(const char *name, char **patterns, int n_patterns)
{
	if (n_patterns == 0)
		return true;
	for (int i = 0; i < n_patterns; i++)
		if (strstr(name, patterns[i]) || fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

static int tests_run(char **patterns, int n_patterns)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	CU_pSuite suite = CU_add_suite(module_name, NULL, NULL);
	unsigned n = 0;
	for (unsigned i = 0; i < n_all_tests; i++) {
		if (!name_fits(all_tests[i].name, patterns, n_patterns))
			continue;
		if (!CU_add_test(suite, all_tests[i].name, run_current)) {
			fprintf(stderr, "%s: %s: %s\n", module_name, all_tests[i].name, CU_get_error_msg());
			return 1;
		}
		n++;
	}
	if (n == 0)
		return EXIT_NONE_FITS;
	record_open();
	isolate_begin();
	CU_run_all_tests();
	unsigned failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	printf("%s: %u of %u failed\n", module_name, failed, n);
	return failed ? 1 : 0;
}

int harness_main(const char *module, const struct test *tests, unsigned n_tests, int argc, char **argv)
{
	module_name = module;
	all_tests = tests;
	n_all_tests = n_tests;
	int first = 1;
	bool list = false;
	for (; first < argc && argv[first][0] == '-'; first++) {
		if (strcmp(argv[first], "--list") == 0)
			list = true;
		else if (strcmp(argv[first], "--no-fork") == 0)
			in_this_process = true;
		else {
			fprintf(stderr, "usage: %s [--list] [--no-fork] [PATTERN...]\n", argv[0]);
			return 2;
		}
	}
	char **patterns = argv + first, *pattern = getenv("CBB_TEST_PATTERN");
	int n_patterns = argc - first;
	if (n_patterns == 0 && pattern && *pattern && !strstr(module, pattern)) {
		patterns = &pattern;
		n_patterns = 1;
	}
	if (!list)
		return tests_run(patterns, n_patterns);
	for (unsigned i = 0; i < n_tests; i++)
		if (name_fits(tests[i].name, patterns, n_patterns))
			puts(tests[i].name);
	return 0;
}
