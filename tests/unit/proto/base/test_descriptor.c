/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/descriptor.h"
#include "support/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void given_a_descriptor_when_closed_then_minus_one_comes_back_and_errno_is_kept(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	errno = ENOENT;
	EXPECT_EQUAL(descriptor_close(fd), -1);
	EXPECT_EQUAL(errno, ENOENT);
	EXPECT_EQUAL(fcntl(fd, F_GETFD), -1);
	errno = ENOENT;
	EXPECT_EQUAL(descriptor_close(fd), -1); /* close(2) fails */
	EXPECT_EQUAL(errno, ENOENT);
	EXPECT_EQUAL(descriptor_close(-1), -1);
	EXPECT_EQUAL(errno, ENOENT);
}

static int open_in_scope(void)
{
	__attribute__((cleanup(descriptor_cleanup))) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd + 0;
}

static void given_a_descriptor_with_cleanup_when_its_scope_ends_then_it_is_closed(void)
{
	int fd = open_in_scope();
	EXPECT(fd >= 0);
	EXPECT_EQUAL(fcntl(fd, F_GETFD), -1);
}

static void wait_to_be_killed(void *unused)
{
	(void)unused;
	poll(NULL, 0, -1);
}

static void given_a_process_when_killed_then_its_pidfd_says_so(void)
{
	pid_t pid = harness_fork(wait_to_be_killed, NULL);
	int fd = descriptor_pidfd(pid);
	if (fd == -ENOSYS) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		SKIP("no pidfd_open here (valgrind)");
	}
	REQUIRE(fd >= 0);
	EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	EXPECT(!descriptor_process_gone(fd));
	EXPECT_EQUAL(descriptor_wait_readable(fd, clock_deadline_ns(10)), 0);
	kill(pid, SIGKILL);
	EXPECT_EQUAL(descriptor_wait_readable(fd, clock_deadline_ns(10000)), 1);
	EXPECT(descriptor_process_gone(fd));
	waitpid(pid, NULL, 0);
	EXPECT(descriptor_process_gone(fd));
	descriptor_close(fd);
}

static void given_no_such_process_when_asked_then_the_error_is_named(void)
{
	pid_t pid = harness_fork(wait_to_be_killed, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	int fd = descriptor_pidfd(pid);
	EXPECT(fd == -ESRCH || fd == -ENOSYS);
	EXPECT(!descriptor_process_gone(-1));
}

static void given_a_pipe_when_waited_for_then_data_and_end_of_file_wake_and_the_deadline_ends_it(void)
{
	int fds[2];
	REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
	uint64_t start_ns = clock_now_ns();
	EXPECT_EQUAL(descriptor_wait_readable(fds[0], clock_deadline_ns(20)), 0);
	EXPECT(clock_now_ns() - start_ns >= 20000000);
	EXPECT_EQUAL(write(fds[1], "x", 1), 1);
	EXPECT_EQUAL(descriptor_wait_readable(fds[0], clock_deadline_ns(0)), 1);
	char byte;
	EXPECT_EQUAL(read(fds[0], &byte, 1), 1);
	close(fds[1]);
	EXPECT_EQUAL(descriptor_wait_readable(fds[0], CLOCK_NEVER), 1);
	close(fds[0]);
}

static void on_alarm(int number)
{
	(void)number;
}

static void given_signals_while_waiting_when_the_deadline_passes_then_it_is_kept(void)
{
	int fds[2];
	REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
	struct sigaction action = {.sa_handler = on_alarm};
	sigaction(SIGALRM, &action, NULL);
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	struct itimerspec often = {{0, 5000000}, {0, 5000000}};
	timer_settime(timer, 0, &often, NULL);
	uint64_t start_ns = clock_now_ns();
	EXPECT_EQUAL(descriptor_wait_readable(fds[0], clock_deadline_ns(50)), 0);
	EXPECT(clock_now_ns() - start_ns >= 50000000);
	timer_delete(timer);
	close(fds[0]);
	close(fds[1]);
}

static const struct test tests[] = {
    TEST(given_a_descriptor_when_closed_then_minus_one_comes_back_and_errno_is_kept),
    TEST(given_a_descriptor_with_cleanup_when_its_scope_ends_then_it_is_closed),
    TEST(given_a_process_when_killed_then_its_pidfd_says_so),
    TEST(given_no_such_process_when_asked_then_the_error_is_named),
    TEST(given_a_pipe_when_waited_for_then_data_and_end_of_file_wake_and_the_deadline_ends_it),
    TEST(given_signals_while_waiting_when_the_deadline_passes_then_it_is_kept),
};
HARNESS_MAIN(tests)
