/* SPDX-License-Identifier: MIT */
/*
 * What the harness does around each test to make its surroundings. For the harness only.
 */
#ifndef CBB_TESTS_SUPPORT_TEST_ENVIRONMENT_H
#define CBB_TESTS_SUPPORT_TEST_ENVIRONMENT_H

#include <sys/types.h>

/* In the main process, before and after the test's process. */
void test_environment_make_temp_dir(void);
void test_environment_remove_temp_dir(void);

/* In the test's process. */
void test_environment_set(void);

/* All of a file as text that lives until the test ends. */
const char *test_environment_read(int fd);

/* fork and exec; argv[0] is a path. Outputs: -1 leaves the test's. `setting` ("NAME=value") may be NULL. */
pid_t test_environment_spawn(const char *const argv[], int out_fd, int err_fd, const char *setting);

/* Stops the brokers that the test has not stopped. */
void test_environment_stop_brokers(void);

#endif
