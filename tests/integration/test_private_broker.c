/* SPDX-License-Identifier: MIT */
/* The private broker is nobody's child and ends with the program. */
#include <cbbroker.h>

#include "support/harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

static volatile sig_atomic_t n_signals;

static void on_child(int number)
{
	(void)number;
	n_signals++;
}

static void given_a_private_broker_when_the_program_waits_then_it_has_no_child(void)
{
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	int status;
	signal(SIGCHLD, on_child);
	cbb_connect_options options = {.size = sizeof options, .address = "private:"};
	REQUIRE_EQUAL(cbb_connect(&client, &options), 0);
	REQUIRE_EQUAL(cbb_host_open(client, NULL, &host), 0);
	EXPECT_EQUAL(waitpid(-1, &status, WNOHANG | __WALL), -1);
	EXPECT_EQUAL(errno, ECHILD);
	EXPECT(cbb_disconnect(client) == NULL);
	EXPECT_EQUAL(waitpid(-1, &status, WNOHANG | __WALL), -1);
	EXPECT_EQUAL(n_signals, 0);
}

static void connect_and_leave(void *context)
{
	cbb_host **host = context;
	cbb_client *client = NULL;
	REQUIRE_EQUAL(cbb_connect(&client, &(cbb_connect_options){.size = sizeof(cbb_connect_options), .address = "private:"}),
	              0);
	REQUIRE_EQUAL(cbb_host_open(client, NULL, host), 0);
	FILE *file = fopen(harness_temp_path("host.pid"), "we");
	REQUIRE(file != NULL);
	fprintf(file, "%d", (int)cbb_host_pid(*host));
	fclose(file);
}

static void given_a_program_that_ends_without_a_word_then_its_host_ends(void)
{
	cbb_host *host = NULL;
	int status;
	pid_t program = harness_fork(connect_and_leave, &host);
	REQUIRE(harness_wait_child(program, &status, 10000));
	EXPECT_EQUAL(status, 0);
	pid_t pid = atoi(harness_read_file(harness_temp_path("host.pid")));
	REQUIRE(pid > 1);
	EXPECT(harness_wait_gone(pid, 10000));
}

static void given_no_broker_program_when_a_private_one_is_wanted_then_the_words_name_it(void)
{
	cbb_client *client = NULL;
	cbb_connect_options options = {.size = sizeof options, .address = "private:"};
	setenv("CBB_BROKER", harness_temp_file("not_a_program", "no program\n"), 1);
	EXPECT(cbb_connect(&client, &options) < 0);
	EXPECT_CONTAINS(cbb_last_error_text(), "not_a_program");
	EXPECT(client == NULL);
}

static const struct test tests[] = {
	TEST(given_a_private_broker_when_the_program_waits_then_it_has_no_child),
	TEST(given_a_program_that_ends_without_a_word_then_its_host_ends),
	TEST(given_no_broker_program_when_a_private_one_is_wanted_then_the_words_name_it),
};
HARNESS_MAIN(tests)
