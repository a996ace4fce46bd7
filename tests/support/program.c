/* SPDX-License-Identifier: MIT */
#include "support/program.h"

#include "support/expect.h"
#include "support/paths.h"
#include "support/test_environment.h"
#include "support/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the test's main thread starts ends with it, also if it is killed together with the harness. */
static void __attribute__((noreturn)) child_exec(const char *const argv[], int out_fd, int err_fd, const char *setting,
                                                 bool of_main_thread)
{
	if (of_main_thread)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	if (out_fd >= 0)
		dup2(out_fd, STDOUT_FILENO);
	if (err_fd >= 0)
		dup2(err_fd, STDERR_FILENO);
	close_range(3, ~0u, 0);
	if (setting)
		putenv((char *)setting);
	execv(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

pid_t test_environment_spawn(const char *const argv[], int out_fd, int err_fd, const char *setting)
{
	bool of_main_thread = gettid() == getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		child_exec(argv, out_fd, err_fd, setting, of_main_thread);
	REQUIRE(pid > 0);
	return pid;
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct harness_output harness_run(const char *const argv[], unsigned timeout_ms)
{
	int out = memfd_create("stdout", MFD_CLOEXEC), err = memfd_create("stderr", MFD_CLOEXEC);
	pid_t pid = test_environment_spawn(argv, out, err, NULL);
	struct harness_output output = {.status = -1};
	int status;
	if (harness_wait_child(pid, &status, timeout_ms)) {
		output.status = exit_code(status);
	} else {
		FAIL("%s did not end within %u ms; killed", argv[0], timeout_ms * harness_slow());
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	output.out = test_environment_read(out);
	output.err = test_environment_read(err);
	close(out);
	close(err);
	return output;
}

pid_t harness_start(const char *const argv[], const char *log_path)
{
	if (!log_path)
		return test_environment_spawn(argv, -1, -1, NULL);
	int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	REQUIRE(log >= 0);
	pid_t pid = test_environment_spawn(argv, log, log, NULL);
	close(log);
	return pid;
}

pid_t harness_fork(void (*run)(void *context), void *context)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		run(context);
		fflush(NULL);
		_exit(0);
	}
	REQUIRE(pid > 0);
	return pid;
}
