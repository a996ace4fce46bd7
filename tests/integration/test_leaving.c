/* SPDX-License-Identifier: MIT */
/* E17 and G13: the program ends while native threads keep calling and waiting. */
#include "support/foreign.h"

#include <signal.h>
#include <stdlib.h>

static pid_t host_of(const char *output)
{
	pid_t pid = atoi(output);
	REQUIRE(pid > 1);
	EXPECT_CONTAINS(output, "under way");
	return pid;
}

static void expect_leaving_of_any_broker(const char *how, int status)
{
	const char *text = remote_text("threads", THREADS_TEXT);
	const char *const command[] = {harness_program("leaves_under_calls"), how, text, NULL};
	for (int round = 0; round < 3; round++) {
		struct harness_output output = harness_run(command, 20000);
		EXPECT_EQUAL(output.status, status);
		EXPECT_STRING(output.err, "");
		EXPECT(harness_wait_gone(host_of(output.out), FOREIGN_WAIT_MS)); /* and its threads with it, which waited */
	}
}

static void expect_leaving(const char *how, int status)
{
	harness_start_broker(NULL);
	expect_leaving_of_any_broker(how, status);
}

static void E17_the_program_exits_inside_a_handler(void)
{
	expect_leaving("exit", 7);
}

static void E17_the_program_ends_at_once_inside_a_handler(void)
{
	expect_leaving("quick", 7);
}

static void E17_main_returns_and_nothing_was_closed(void)
{
	expect_leaving("return", 7);
}

static void E17_the_program_exits_in_a_thread_of_a_started_queue(void)
{
	expect_leaving("threads", 7);
}

static void E17_the_program_exits_with_a_private_broker(void)
{
	expect_leaving_of_any_broker("exit", 7);
}

static void G13_the_program_aborts_inside_a_handler_and_native_threads_that_wait_are_released(void)
{
	expect_leaving("abort", 128 + SIGABRT);
}

static bool is_under_way(void *log)
{
	return strstr(harness_read_file(log), "under way") != NULL;
}

static void G13_the_program_is_killed_and_native_threads_that_wait_are_released(void)
{
	int status = 0;
	harness_start_broker(NULL);
	const char *text = remote_text("threads", THREADS_TEXT);
	const char *const command[] = {harness_program("leaves_under_calls"), "stay", text, NULL};
	char *log = harness_format("%s", harness_temp_path("log"));
	pid_t program = harness_start(command, log);
	REQUIRE(harness_wait_until(is_under_way, log, FOREIGN_WAIT_MS));
	pid_t host = host_of(harness_read_file(log));
	REQUIRE(kill(program, SIGKILL) == 0);
	EXPECT(harness_wait_child(program, &status, FOREIGN_WAIT_MS));
	EXPECT(harness_wait_gone(host, FOREIGN_WAIT_MS));
}

static const struct test tests[] = {
	TEST_TIMEOUT(E17_the_program_exits_inside_a_handler, 60),
	TEST_TIMEOUT(E17_the_program_ends_at_once_inside_a_handler, 60),
	TEST_TIMEOUT(E17_main_returns_and_nothing_was_closed, 60),
	TEST_TIMEOUT(E17_the_program_exits_in_a_thread_of_a_started_queue, 60),
	TEST_TIMEOUT(E17_the_program_exits_with_a_private_broker, 60),
	TEST_TIMEOUT(G13_the_program_aborts_inside_a_handler_and_native_threads_that_wait_are_released, 60),
	TEST_TIMEOUT(G13_the_program_is_killed_and_native_threads_that_wait_are_released, 60),
};
HARNESS_MAIN(tests)
