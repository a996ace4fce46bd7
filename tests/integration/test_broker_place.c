/* SPDX-License-Identifier: MIT */
/* Where a broker listens, and how it begins and ends: stale and live sockets, activation, private mode. */
#include "support/raw_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void expect_serving(const char *path)
{
	struct raw_client client;
	raw_open_session(&client, path);
	EXPECT_EQUAL(raw_list(&client)->n_hosts, 0);
	raw_close(&client);
}

/* Conditions to wait for. */
static bool path_is_gone(void *path)
{
	return access(path, F_OK) < 0;
}

static struct harness_output run_broker(const char *path)
{
	return harness_run((const char *[]){harness_program("cbbrokerd"), "--socket", path, NULL}, 10000);
}

/* ---- The path ---- */

static void given_a_live_broker_when_another_starts_there_then_it_says_so_and_harms_nothing(void)
{
	struct harness_broker *broker = harness_start_broker(NULL);
	struct harness_output output = run_broker(broker->socket);
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.err, "another broker runs there");
	expect_serving(broker->socket);
}

static void given_something_else_that_listens_when_a_broker_starts_there_then_it_is_not_replaced(void)
{
	const char *path = harness_temp_path("other.sock");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	REQUIRE_EQUAL(listen(fd, 4), 0);
	struct harness_output output = run_broker(path);
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.err, "something listens at");
	EXPECT_EQUAL(access(path, F_OK), 0);
	close(fd);
}

static void given_a_killed_broker_when_another_starts_then_the_stale_socket_is_replaced(void)
{
	struct harness_broker *first = harness_start_broker(NULL);
	harness_kill_broker(first);
	EXPECT_EQUAL(access(first->socket, F_OK), 0);
	struct harness_broker *second = harness_start_broker((const char *[]){"--socket", first->socket, NULL});
	EXPECT(harness_broker_wait_log(second, "replacing the stale socket", 15000));
	expect_serving(first->socket);
	harness_stop_broker(second);
	EXPECT(access(first->socket, F_OK) < 0);
}

static void given_a_file_when_a_broker_starts_there_then_it_is_left_alone(void)
{
	const char *path = harness_temp_file("precious", "data");
	struct harness_output output = run_broker(path);
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.err, "is not a socket");
	EXPECT_STRING(harness_read_file(path), "data");
}

static void given_a_long_path_when_a_broker_starts_then_the_words_name_the_limit(void)
{
	char name[120];
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	struct harness_output output = run_broker(harness_temp_path(name));
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.err, "at most 107");
}

static void given_a_race_of_brokers_when_they_start_at_one_stale_path_then_one_of_them_serves(void)
{
	enum { N = 8 };
	pid_t pids[N];
	unsigned ended = 0;
	struct harness_broker *first = harness_start_broker(NULL);
	const char *log = harness_temp_path("race.log");
	harness_kill_broker(first);
	for (int i = 0; i < N; i++)
		pids[i] = harness_start(
		    (const char *[]){harness_program("cbbrokerd"), "--socket", first->socket, NULL}, log);
	/* All but one end by themselves, whichever it is. */
	for (int rounds = 0; rounds < 10000 && ended < N - 1; rounds++) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);
		REQUIRE(pid > 0);
		for (int i = 0; i < N; i++)
			if (pids[i] == pid)
				pids[i] = 0;
		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		ended++;
	}
	expect_serving(first->socket);
	for (int i = 0; i < N; i++) {
		if (pids[i] == 0)
			continue;
		int status = -1;
		kill(pids[i], SIGTERM);
		EXPECT(harness_wait_child(pids[i], &status, 10000));
		EXPECT_EQUAL(status, 0);
	}
	EXPECT(access(first->socket, F_OK) < 0);
}

static void given_no_socket_option_when_a_broker_starts_then_it_listens_in_the_users_runtime_directory(void)
{
	const char *log = harness_temp_path("log");
	const char *path = harness_temp_path("cbbroker/broker.sock");
	struct stat status;
	int wait_status = -1;
	pid_t pid = harness_start((const char *[]){harness_program("cbbrokerd"), NULL}, log);
	REQUIRE(harness_wait_until(raw_is_served, (void *)(uintptr_t)path, 15000));
	expect_serving(path);
	EXPECT_EQUAL(stat(harness_temp_path("cbbroker"), &status), 0);
	EXPECT_EQUAL(status.st_mode & 0777, 0700);
	EXPECT_EQUAL(stat(path, &status), 0);
	EXPECT_EQUAL(status.st_mode & 0777, 0600);
	kill(pid, SIGINT);
	EXPECT(harness_wait_child(pid, &wait_status, 10000));
	EXPECT_EQUAL(wait_status, 0);
	EXPECT(access(path, F_OK) < 0);
}

static void given_socket_activation_when_a_client_comes_then_it_is_served_and_the_socket_stays(void)
{
	const char *tool = "/usr/bin/systemd-socket-activate";
	const char *path = harness_temp_path("activated.sock");
	const char *log = harness_temp_path("log");
	if (access(tool, X_OK) < 0)
		SKIP("needs %s", tool);
	const char *host = harness_format("--setenv=CBB_HOST=%s", getenv("CBB_HOST"));
	const char *const argv[] = {tool, "--listen", path, host, harness_program("cbbrokerd"), NULL};
	pid_t pid = harness_start(argv, log);
	REQUIRE(harness_wait_until(raw_is_served, (void *)(uintptr_t)path, 15000));
	expect_serving(path);
	int status = -1;
	kill(pid, SIGTERM); /* it has become the broker */
	EXPECT(harness_wait_child(pid, &status, 10000));
	EXPECT_EQUAL(status, 0);
	EXPECT_EQUAL(access(path, F_OK), 0);
}

static void given_wrong_usage_when_a_broker_starts_then_it_exits_with_two_and_words(void)
{
	static const char *const wrong[][2] = {
	    {"--sockets", "no such option"}, {"--socket", "wants an argument"}, {"operand", "nothing to say but"}};
	for (unsigned i = 0; i < 3; i++) {
		struct harness_output output =
		    harness_run((const char *[]){harness_program("cbbrokerd"), wrong[i][0], NULL}, 10000);
		EXPECT_EQUAL(output.status, 2);
		EXPECT_CONTAINS(output.err, wrong[i][1]);
	}
}

/* ---- Private ---- */

/* Starts a private broker as the client library does; its first line on the ready pipe. */
static const char *start_private(int owner_fd, int stray_fd, pid_t *ret_first)
{
	int ready[2];
	char line[512] = "";
	size_t size = 0;
	ssize_t n;
	REQUIRE_EQUAL(pipe2(ready, O_CLOEXEC), 0);
	const char *program = harness_program("cbbrokerd");
	const char *owner = harness_format("%d", owner_fd), *ready_fd = harness_format("%d", ready[1]);
	pid_t pid = fork();
	if (pid == 0) {
		fcntl(owner_fd, F_SETFD, 0);
		fcntl(ready[1], F_SETFD, 0);
		/* As a careless program may have it: signals ignored and blocked, and descriptors not marked. */
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		signal(SIGCHLD, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		signal(SIGUSR1, SIG_IGN);
		if (stray_fd >= 0)
			fcntl(stray_fd, F_SETFD, 0);
		execl(program, program, "--private", "--owner-fd", owner, "--ready-fd", ready_fd, NULL);
		_exit(1);
	}
	close(ready[1]);
	while (size < sizeof line - 1 && harness_wait_readable(ready[0], 10000) &&
	       (n = read(ready[0], line + size, sizeof line - 1 - size)) > 0)
		size += (size_t)n;
	close(ready[0]);
	*ret_first = pid;
	return harness_format("%s", line);
}

static void given_a_program_when_it_starts_a_private_broker_then_it_is_no_child_and_ends_with_the_owner(void)
{
	int owner[2], stray[2], status = -1;
	pid_t first;
	char path[256] = "", byte;
	struct raw_client client;
	Cbb__OpenHost message;
	uint32_t host_pid = 0;
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, owner), 0);
	REQUIRE_EQUAL(pipe2(stray, O_CLOEXEC), 0);
	const char *line = start_private(owner[1], stray[1], &first);
	close(owner[1]);
	REQUIRE_EQUAL(sscanf(line, "OK %255s", path), 1);
	EXPECT(harness_wait_child(first, &status, 15000));
	EXPECT_EQUAL(status, 0);
	EXPECT_EQUAL(waitpid(-1, NULL, WNOHANG), -1); /* no child of this process */

	raw_open_session(&client, path);
	raw_open_host_init(&message, &client);
	REQUIRE(raw_open_host(&client, &message, NULL, 0, &host_pid) != 0);
	struct ucred credentials;
	socklen_t size = sizeof credentials;
	REQUIRE_EQUAL(getsockopt(client.connection.fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size), 0);
	EXPECT(getsid(credentials.pid) != getsid(0));
	/* Nothing of the program sticks to it. */
	close(stray[1]);
	EXPECT_EQUAL(read(stray[0], &byte, 1), 0);
	close(stray[0]);
	const char *proc_status = harness_read_file(harness_format("/proc/%d/status", (int)credentials.pid));
	EXPECT_CONTAINS(proc_status, "SigBlk:\t0000000000000000");
	EXPECT_CONTAINS(proc_status, "SigIgn:\t0000000000001000"); /* SIGPIPE, its own wish */

	close(owner[0]);
	EXPECT(harness_wait_gone(credentials.pid, 10000));
	EXPECT(harness_wait_gone((pid_t)host_pid, 10000));
	EXPECT(access(path, F_OK) < 0);
	*strrchr(path, '/') = '\0';
	EXPECT(access(path, F_OK) < 0);
	raw_close(&client);
}

static void given_a_pidfd_as_owner_when_the_program_is_killed_then_the_private_broker_ends(void)
{
	pid_t first, program = fork();
	char path[256] = "";
	if (program == 0) {
		pause();
		_exit(0);
	}
	int pidfd = (int)syscall(SYS_pidfd_open, program, 0);
	if (pidfd < 0) {
		kill(program, SIGKILL);
		waitpid(program, NULL, 0);
		SKIP("pidfd_open: %s", strerror(errno));
	}
	const char *line = start_private(pidfd, -1, &first);
	REQUIRE_EQUAL(sscanf(line, "OK %255s", path), 1);
	EXPECT(harness_wait_child(first, NULL, 15000));
	int fd = raw_connect_fd(path);
	kill(program, SIGKILL);
	EXPECT(harness_wait_child(program, NULL, 15000));
	EXPECT(harness_wait_readable(fd, 10000)); /* its end of the connection closes */
	EXPECT(harness_wait_until(path_is_gone, path, 15000));
	close(fd);
	close(pidfd);
}

static void given_a_private_broker_that_cannot_begin_then_the_ready_pipe_says_why(void)
{
	int owner[2];
	pid_t first;
	setenv("CBB_HOST", "/no/such/host", 1);
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, owner), 0);
	const char *line = start_private(owner[1], -1, &first);
	EXPECT(strncmp(line, "ERR ", 4) == 0);
	EXPECT_CONTAINS(line, "/no/such/host");
	EXPECT(harness_wait_child(first, NULL, 15000));
	close(owner[0]);
	close(owner[1]);
}

static const struct test tests[] = {
    TEST(given_a_live_broker_when_another_starts_there_then_it_says_so_and_harms_nothing),
    TEST(given_something_else_that_listens_when_a_broker_starts_there_then_it_is_not_replaced),
    TEST(given_a_killed_broker_when_another_starts_then_the_stale_socket_is_replaced),
    TEST(given_a_file_when_a_broker_starts_there_then_it_is_left_alone),
    TEST(given_a_long_path_when_a_broker_starts_then_the_words_name_the_limit),
    TEST(given_a_race_of_brokers_when_they_start_at_one_stale_path_then_one_of_them_serves),
    TEST(given_no_socket_option_when_a_broker_starts_then_it_listens_in_the_users_runtime_directory),
    TEST(given_socket_activation_when_a_client_comes_then_it_is_served_and_the_socket_stays),
    TEST(given_wrong_usage_when_a_broker_starts_then_it_exits_with_two_and_words),
    TEST(given_a_program_when_it_starts_a_private_broker_then_it_is_no_child_and_ends_with_the_owner),
    TEST(given_a_pidfd_as_owner_when_the_program_is_killed_then_the_private_broker_ends),
    TEST(given_a_private_broker_that_cannot_begin_then_the_ready_pipe_says_why),
};
HARNESS_MAIN(tests)
