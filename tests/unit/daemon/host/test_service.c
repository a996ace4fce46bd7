/* SPDX-License-Identifier: MIT */
/* The ways in which a host ends that need its own code inside, in forked children that are hosts but for their name. */
#include "base/clock.h"
#include "base/descriptor.h"
#include "host/death.h"
#include "host/fork.h"
#include "host/interpose.h"
#include "host/service.h"
#include "host/thread.h"
#include "support/harness.h"
#include "wire/connection.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDS_MS 20000

static int broker[2]; /* the test's end, the host's end */
static int out[2];    /* the host's standard output: where the test reads, where the host writes */

static void become_host(void)
{
	struct connection connection;
	interpose_install();
	host_thread_enter("host");
	close(broker[0]);
	close(out[0]);
	dup2(out[1], STDOUT_FILENO);
	close(out[1]);
	REQUIRE_EQUAL(death_install(NULL), 0);
	REQUIRE_EQUAL(fork_install(), 0);
	connection_init(&connection, broker[1], FRAME_HELLO_MAX_BYTES);
	REQUIRE_EQUAL(service_start(&connection), 0);
}

static pid_t start_host(void (*run)(void *context))
{
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, broker), 0);
	REQUIRE_EQUAL(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = harness_fork(run, NULL);
	broker[1] = descriptor_close(broker[1]);
	out[1] = descriptor_close(out[1]);
	return pid;
}

static void send_end(void)
{
	struct connection connection;
	Cbb__HostEnd end = CBB__HOST_END__INIT;
	connection_init(&connection, broker[0], FRAME_HELLO_MAX_BYTES);
	EXPECT_EQUAL(connection_send(&connection, CBB__FRAME_TYPE__FRAME_HOST_END, &end.base, NULL, 0,
	                             clock_deadline_ns(ENDS_MS)), 0);
	connection_take_fd(&connection);
	connection_free(&connection);
}

/* Until it ends by itself; its exit status. */
static int end_of(pid_t pid)
{
	int status = -1;
	EXPECT(harness_wait_child(pid, &status, ENDS_MS));
	EXPECT(WIFEXITED(status));
	broker[0] = descriptor_close(broker[0]);
	return WEXITSTATUS(status);
}

/* Says that it is ready, as a byte that is not buffered, and waits. */
static void wait_for_ever(void)
{
	EXPECT_EQUAL(write(STDOUT_FILENO, ".", 1), 1);
	for (;;)
		pause();
}

static void wait_until_ready(void)
{
	char dot;
	EXPECT(harness_wait_readable(out[0], ENDS_MS));
	EXPECT_EQUAL(read(out[0], &dot, 1), 1);
}

/* ---- exit() ---- */

static void hang(void)
{
	for (;;)
		pause();
}

static void exit_with_a_handler_that_hangs(void *context)
{
	(void)context;
	become_host();
	atexit(hang);
	exit(5);
}

static void given_an_exit_handler_that_hangs_when_the_library_exits_then_the_host_ends_with_its_status(void)
{
	uint64_t begin_ns = clock_now_ns();
	pid_t pid = start_host(exit_with_a_handler_that_hangs);
	EXPECT_EQUAL(end_of(pid), 5);
	EXPECT((clock_now_ns() - begin_ns) / 1000000 >= SERVICE_GRACE_MS);
	close(out[0]);
}

/* ---- What was printed ---- */

static void print_and_wait(void *context)
{
	(void)context;
	become_host();
	fputs("printed without a newline", stdout);
	wait_for_ever();
}

static void given_buffered_output_when_the_host_is_told_to_end_then_it_is_not_lost(void)
{
	char text[64] = "";
	pid_t pid = start_host(print_and_wait);
	wait_until_ready();
	send_end();
	EXPECT_EQUAL(end_of(pid), 0);
	EXPECT(read(out[0], text, sizeof text - 1) > 0);
	EXPECT_STRING(text, "printed without a newline");
	close(out[0]);
}

static void print_into_a_full_pipe(void *context)
{
	static char filler[4096];
	(void)context;
	become_host();
	EXPECT_EQUAL(write(STDOUT_FILENO, ".", 1), 1);
	fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDOUT_FILENO, filler, sizeof filler) > 0)
		;
	fcntl(STDOUT_FILENO, F_SETFL, 0);
	fputs("nobody reads this", stdout);
	/* Full from here on, and the flush will wait: tell it on the other way. */
	EXPECT_EQUAL(send(broker[1], ".", 1, MSG_NOSIGNAL), 1);
	for (;;)
		pause();
}

static void given_output_that_nobody_reads_when_the_host_is_told_to_end_then_it_ends_all_the_same(void)
{
	char dot;
#if defined(__SANITIZE_THREAD__)
	SKIP("ThreadSanitizer flushes standard output in _exit()");
#endif
	pid_t pid = start_host(print_into_a_full_pipe);
	EXPECT(harness_wait_readable(broker[0], ENDS_MS));
	EXPECT_EQUAL(recv(broker[0], &dot, 1, 0), 1);
	send_end();
	EXPECT_EQUAL(end_of(pid), 0);
	close(out[0]);
}

/* ---- Fork ---- */

static void fork_and_wait(void *context)
{
	(void)context;
	become_host();
	pid_t pid = fork();
	if (pid == 0)
		hang();
	dprintf(STDOUT_FILENO, "%d\n", (int)pid);
	wait_for_ever();
}

static void given_a_child_that_a_library_forked_when_the_host_ends_then_the_broker_reads_end_of_file(void)
{
	char text[32] = "", byte;
	pid_t pid = start_host(fork_and_wait);
	EXPECT(harness_wait_readable(out[0], ENDS_MS));
	EXPECT(read(out[0], text, sizeof text - 1) > 0);
	send_end();
	int fd = broker[0];
	broker[0] = -1; /* kept open */
	EXPECT_EQUAL(end_of(pid), 0);
	EXPECT(harness_wait_readable(fd, ENDS_MS)); /* the child may be about to close its copy */
	EXPECT_EQUAL(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	EXPECT_EQUAL(kill(atoi(text), SIGKILL), 0);
	EXPECT(harness_wait_gone(atoi(text), ENDS_MS));
	close(fd);
	close(out[0]);
}

static const struct test tests[] = {
    TEST(given_an_exit_handler_that_hangs_when_the_library_exits_then_the_host_ends_with_its_status),
    TEST(given_buffered_output_when_the_host_is_told_to_end_then_it_is_not_lost),
    TEST(given_output_that_nobody_reads_when_the_host_is_told_to_end_then_it_ends_all_the_same),
    TEST(given_a_child_that_a_library_forked_when_the_host_ends_then_the_broker_reads_end_of_file),
};
HARNESS_MAIN(tests)
