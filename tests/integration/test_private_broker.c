/* SPDX-License-Identifier: MIT */
/* "private:": a broker for one program, which never sees it and takes it along. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

static cbb_library *library;

static void given_a_private_broker(void)
{
	cbb_connect_options options = {.size = sizeof options, .address = "private:"};
	REMOTE_OK(cbb_connect(&remote_client, &options));
	remote_host = remote_open_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	EXPECT_EQUAL(REMOTE(library, int(int), "add_one")(1), 2);
	EXPECT_CALL_OK();
}

static pid_t parent_of(pid_t pid)
{
	const char *line = strstr(harness_read_file(harness_format("/proc/%d/status", pid)), "\nPPid:");
	return line ? (pid_t)atoi(line + 6) : 0;
}

/* Directories of private brokers in the runtime directory. */
static unsigned n_socket_directories(void)
{
	unsigned n = 0;
	DIR *folder = opendir(harness_temp_dir());
	REQUIRE(folder != NULL);
	for (struct dirent *entry; (entry = readdir(folder));)
		n += strncmp(entry->d_name, "cbbroker-", 9) == 0;
	closedir(folder);
	return n;
}

static bool no_socket_directory(void *context)
{
	(void)context;
	return n_socket_directories() == 0;
}

static void given_a_private_broker_then_wait_never_sees_it(void)
{
	given_a_private_broker();
	pid_t broker = parent_of(cbb_host_pid(remote_host));
	EXPECT(broker > 1 && broker != getpid());
	EXPECT(parent_of(broker) != getpid());
	EXPECT_EQUAL(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	EXPECT_EQUAL(errno, ECHILD);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT_EQUAL(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	EXPECT_EQUAL(errno, ECHILD);
	remote_end();
}

static void given_a_program_that_handles_SIGCHLD_then_it_gets_none(void)
{
	sigset_t set, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	given_a_private_broker();
	remote_end();
	sigpending(&pending);
	EXPECT(!sigismember(&pending, SIGCHLD));
}

static void given_two_private_connections_then_each_has_its_broker_and_one_may_end(void)
{
	cbb_client *other = NULL;
	cbb_host *other_host = NULL;
	cbb_connect_options options = {.size = sizeof options, .address = "private:"};
	given_a_private_broker();
	REMOTE_OK(cbb_connect(&other, &options));
	REMOTE_OK(cbb_host_open(other, NULL, &other_host));
	EXPECT(parent_of(cbb_host_pid(other_host)) != parent_of(cbb_host_pid(remote_host)));
	EXPECT_EQUAL(n_socket_directories(), 2);
	EXPECT(cbb_disconnect(other) == NULL);
	EXPECT_EQUAL(REMOTE(library, int(int), "add_one")(1), 2);
	EXPECT_CALL_OK();
	remote_end();
}

/* ---- Its end ---- */

struct seen {
	_Atomic pid_t broker, host;
};

static void program(void *context)
{
	struct seen *seen = context;
	given_a_private_broker();
	seen->host = cbb_host_pid(remote_host);
	seen->broker = parent_of(seen->host);
}

static void program_killed(void *context)
{
	program(context);
	raise(SIGKILL);
}

static void program_that_disconnects(void *context)
{
	program(context);
	remote_end();
}

static void expect_it_ends_with(void (*run)(void *context), int expected_status)
{
	int status = -1;
	struct seen *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(seen != MAP_FAILED);
	pid_t child = harness_fork(run, seen);
	EXPECT(harness_wait_child(child, &status, 10000));
	EXPECT_EQUAL(status, expected_status);
	REQUIRE(seen->host > 1 && seen->broker > 1);
	EXPECT(harness_wait_gone(seen->host, 15000));
	EXPECT(harness_wait_gone(seen->broker, 15000));
	EXPECT(harness_wait_until(no_socket_directory, NULL, 15000));
}

static void given_a_program_that_ends_well_then_broker_host_and_socket_are_gone(void)
{
	expect_it_ends_with(program_that_disconnects, 0);
}

static void given_a_program_that_ends_without_a_word_then_broker_host_and_socket_are_gone(void)
{
	expect_it_ends_with(program, 0);
}

static void given_a_program_that_is_killed_then_broker_host_and_socket_are_gone(void)
{
	expect_it_ends_with(program_killed, SIGKILL);
}

static void given_the_private_broker_is_killed_then_calls_go_on_and_opening_says_so(void)
{
	cbb_host *host = NULL;
	given_a_private_broker();
	pid_t broker = parent_of(cbb_host_pid(remote_host)), running = cbb_host_pid(remote_host);
	EXPECT_EQUAL(kill(broker, SIGKILL), 0);
	EXPECT(harness_wait_gone(broker, 15000));
	EXPECT_EQUAL(REMOTE(library, int(int), "add_one")(1), 2);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(cbb_host_open(remote_client, NULL, &host), CBB_ERR_BROKER_GONE);
	cbb_report report = {.size = sizeof report};
	EXPECT_EQUAL(cbb_host_report(remote_host, &report), CBB_ERR_BROKER_GONE);
	EXPECT_EQUAL(report.state, CBB_HOST_RUNNING);
	EXPECT_CONTAINS(report.text, "no broker answers");
	remote_end();
	EXPECT(harness_wait_gone(running, 15000)); /* with its last lane */
}

static void given_the_private_broker_is_told_to_end_then_the_report_says_so(void)
{
	given_a_private_broker();
	pid_t broker = parent_of(cbb_host_pid(remote_host));
	EXPECT_EQUAL(kill(broker, SIGTERM), 0);
	EXPECT(harness_wait_gone(broker, 15000));
	EXPECT_EQUAL(REMOTE(library, int(int), "add_one")(1), 0);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
	cbb_report report = {.size = sizeof report};
	EXPECT_EQUAL(cbb_host_report(remote_host, &report), 0);
	EXPECT_EQUAL(report.end, CBB_END_CLOSED);
	EXPECT_STRING(report.text, "the broker ended");
	remote_end();
}

static const struct test tests[] = {
	TEST(given_a_private_broker_then_wait_never_sees_it),
	TEST(given_a_program_that_handles_SIGCHLD_then_it_gets_none),
	TEST(given_two_private_connections_then_each_has_its_broker_and_one_may_end),
	TEST(given_a_program_that_ends_well_then_broker_host_and_socket_are_gone),
	TEST(given_a_program_that_ends_without_a_word_then_broker_host_and_socket_are_gone),
	TEST(given_a_program_that_is_killed_then_broker_host_and_socket_are_gone),
	TEST(given_the_private_broker_is_killed_then_calls_go_on_and_opening_says_so),
	TEST(given_the_private_broker_is_told_to_end_then_the_report_says_so),
};
HARNESS_MAIN(tests)
