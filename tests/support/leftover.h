/* SPDX-License-Identifier: MIT */
/*
 * What a test leaves behind: open descriptors and threads of its own process, children of the main process.
 * For the harness only.
 */
#ifndef CBB_TESTS_SUPPORT_LEFTOVER_H
#define CBB_TESTS_SUPPORT_LEFTOVER_H

#include <stdbool.h>

/* In the test's process: before it, and after it (failures name each descriptor and thread). */
void leftover_remember(void);
void leftover_check(void);

/*
 * In the main process, to which orphans fall, after the test's process has ended: reaps all, kills what is still
 * alive. With `grace` they get time to end by themselves, and what does not is a failure.
 */
void leftover_end_processes(bool grace);

#endif
