/* SPDX-License-Identifier: MIT */
/*
 * A broker of the build tree for one test. What a test has not stopped is stopped when it ends, and must end well.
 */
#ifndef CBB_TESTS_SUPPORT_BROKER_H
#define CBB_TESTS_SUPPORT_BROKER_H

#include <stdbool.h>
#include <sys/types.h>

struct harness_broker {
	pid_t pid;            /* 0 once stopped */
	const char *socket;   /* path */
	const char *address;  /* "unix:" and the path; also in the environment's CBB_ADDRESS */
	const char *log_path;
};

/*
 * Starts cbbrokerd --socket with further arguments (ends with NULL; or NULL) and returns when it has said READY=1.
 * Ends the test if it does not. Call it before the test has threads: it sets the environment.
 */
struct harness_broker *harness_start_broker(const char *const arguments[]);

/* All it has logged so far. */
const char *harness_broker_log(const struct harness_broker *broker);
/* Until the log contains the text; false, and a failure that prints the log, at the time-out. */
bool harness_broker_wait_log(const struct harness_broker *broker, const char *part, unsigned timeout_ms);

/* SIGTERM; expects exit status 0 within 20 s. */
void harness_stop_broker(struct harness_broker *broker);
/* SIGKILL, and reaps it. */
void harness_kill_broker(struct harness_broker *broker);

#endif
