/* SPDX-License-Identifier: MIT */
#include "support/isolate.h"

#include "support/harness.h"
#include "support/leftover.h"
#include "support/record.h"
#include "support/test_environment.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void isolate_begin(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	close(null);
}

static void __attribute__((noreturn)) test_process(const struct test *test)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct record_board *board = record_board();
	board->test_pid = getpid();
	test_environment_set();
	leftover_remember();
	test->run();
	board->returned = true;
	test_environment_stop_brokers();
	leftover_check();
	board->checked = true;
	/* With the exit handlers: leak checkers are among them. */
	exit(0);
}

static void status_judge(int status)
{
	struct record_board *board = record_board();
	if (WIFSIGNALED(status))
		expect_fail("", 0, "ended by signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
		            board->returned ? " after the test function had returned" : "");
	else if (board->ended)
		return; /* its reason is on the board */
	else if (WEXITSTATUS(status) != 0)
		expect_fail("", 0, "ended with exit status %d%s%s", WEXITSTATUS(status),
		            board->returned ? " after the test function had returned" : "",
		            WEXITSTATUS(status) == 23 || WEXITSTATUS(status) >= 66
		                ? ": see the checker's report above" : "");
	else if (!board->checked)
		expect_fail("", 0, "the process ended before the test function returned");
}

static long left_ns(const struct timespec *end, struct timespec *ret_left)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long long left = (end->tv_sec - now.tv_sec) * 1000000000ll + (end->tv_nsec - now.tv_nsec);
	if (left < 0)
		left = 0;
	*ret_left = (struct timespec){left / 1000000000, left % 1000000000};
	return left > 0;
}

/* True when the test's process has ended. Orphans are reaped on the way: tests wait for them to be gone. */
static bool test_await(pid_t pid, unsigned timeout_s, int *ret_status)
{
	struct timespec end, left;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_s;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		int status;
		for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
			if (ended == pid) {
				*ret_status = status;
				return true;
			}
		if (!left_ns(&end, &left))
			return false;
		sigtimedwait(&set, NULL, &left);
	}
}

void isolate_run(const struct test *test)
{
	unsigned timeout_s = (test->timeout_s ? test->timeout_s : HARNESS_TIMEOUT_S) * harness_slow();
	record_clear();
	test_environment_make_temp_dir();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		test_process(test);
	int status = 0;
	bool ended = pid > 0 && test_await(pid, timeout_s, &status);
	if (pid < 0) {
		expect_fail("", 0, "fork: %s", strerror(errno));
	} else if (!ended) {
		expect_fail("", 0, "timed out after %u s%s", timeout_s,
		            record_board()->returned ? ", after the test function had returned" : "");
		kill(-pid, SIGKILL);
	} else {
		status_judge(status);
	}
	leftover_end_processes(ended && record_board()->checked);
	test_environment_remove_temp_dir();
}

void isolate_run_here(const struct test *test)
{
	record_clear();
	test_environment_make_temp_dir();
	record_board()->test_pid = getpid();
	test_environment_set();
	test->run();
	test_environment_stop_brokers();
	test_environment_remove_temp_dir();
}
