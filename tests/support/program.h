/* SPDX-License-Identifier: MIT */
/*
 * Running programs: to their end with what they printed, or beside the test.
 */
#ifndef CBB_TESTS_SUPPORT_PROGRAM_H
#define CBB_TESTS_SUPPORT_PROGRAM_H

#include <sys/types.h>

struct harness_output {
	int status;      /* exit status; 128 + signal; -1 if it did not end in time (then it was killed: a failure) */
	const char *out; /* what came on standard output, and */
	const char *err; /* on standard error: texts that live until the test ends */
};

/* Runs argv[0] (a path) to its end. Its input is /dev/null, its environment the test's. argv ends with NULL. */
struct harness_output harness_run(const char *const argv[], unsigned timeout_ms);

/*
 * Starts it with both outputs appended to `log_path` (NULL: the test's) and returns at once. Started by the test's main
 * thread it is killed when that ends.
 */
pid_t harness_start(const char *const argv[], const char *log_path);

/* Runs a function in a forked child, which ends with status 0 when it returns. Expectations in it count. */
pid_t harness_fork(void (*run)(void *context), void *context);

#endif
