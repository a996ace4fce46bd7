/* SPDX-License-Identifier: MIT */
/*
 * The test harness: CUnit's registry and result counts, and around them what CUnit lacks. Each test runs in a
 * process of its own, with a time-out in real time, and fails also by a signal, by a descriptor or thread it leaves
 * open, and by a child process that outlives it.
 *
 *	static void given_an_empty_buffer_when_extended_then_it_has_room(void)
 *	{
 *		EXPECT_EQUAL(buffer.size, 0);
 *	}
 *	static const struct test tests[] = {
 *		TEST(given_an_empty_buffer_when_extended_then_it_has_room),
 *		TEST_TIMEOUT(given_much_work_when_done_then_it_ends, 120),
 *	};
 *	HARNESS_MAIN(tests)
 *
 * Command line of such a program: [--list] [--no-fork] [PATTERN...], a pattern being a part of a name or a glob.
 * --no-fork is for a debugger: no process of its own, no time-out, no look at what is left behind.
 */
#ifndef CBB_TESTS_SUPPORT_HARNESS_H
#define CBB_TESTS_SUPPORT_HARNESS_H

#include "support/broker.h"
#include "support/expect.h"
#include "support/paths.h"
#include "support/program.h"
#include "support/wait.h"

#define HARNESS_TIMEOUT_S 60

struct test {
	const char *name;
	void (*run)(void);
	unsigned timeout_s; /* 0: HARNESS_TIMEOUT_S. Multiplied by CBB_TEST_SLOW */
};

#define TEST(name) {#name, name, 0}
#define TEST_TIMEOUT(name, seconds) {#name, name, seconds}

/*
 * Runs the tests that fit the command line, or without one the environment's CBB_TEST_PATTERN (all, if that is a part
 * of the module's name). The program's exit status: 0, 1 if any failed, 2 for a wrong command line, 77 if none fits.
 */
int harness_main(const char *module, const struct test *tests, unsigned n_tests, int argc, char **argv);

/* HARNESS_MODULE is set by the build to the name of the test program. */
#define HARNESS_MAIN(tests)                                                                                            \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		return harness_main(HARNESS_MODULE, tests, sizeof(tests) / sizeof *(tests), argc, argv);               \
	}

#endif
