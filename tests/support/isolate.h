/* SPDX-License-Identifier: MIT */
/*
 * One test in a process of its own, with a deadline. For the harness only.
 */
#ifndef CBB_TESTS_SUPPORT_ISOLATE_H
#define CBB_TESTS_SUPPORT_ISOLATE_H

struct test;

/* Once: signals, and that orphans of tests fall to this process. */
void isolate_begin(void);

/* Runs the test; all that went wrong is on the record board. */
void isolate_run(const struct test *test);

/* The same in this process, without time-out and checks: for a debugger. */
void isolate_run_here(const struct test *test);

#endif
