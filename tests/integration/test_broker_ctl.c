/* SPDX-License-Identifier: MIT */
/* cbbctl list and status against a broker with real hosts. */
#include "support/raw_client.h"

#include <signal.h>
#include <stdlib.h>

static struct harness_broker *broker;
static struct raw_client client;

static uint64_t given_a_host(uint32_t *ret_pid)
{
	Cbb__OpenHost message;
	broker = harness_start_broker(NULL);
	raw_open_session(&client, broker->socket);
	raw_open_host_init(&message, &client);
	message.name = raw_bytes("decoder \303\251");
	uint64_t host = raw_open_host(&client, &message, NULL, 0, ret_pid);
	REQUIRE_EQUAL(host, 1);
	return host;
}

static struct harness_output ctl(const char *a, const char *b, const char *c)
{
	struct harness_output output = harness_run((const char *[]){harness_program("cbbctl"), a, b, c, NULL}, 10000);
	return output;
}

static void given_a_host_when_listed_then_people_and_programs_see_it(void)
{
	uint32_t pid;
	given_a_host(&pid);
	struct harness_output output = ctl("--text", "list", NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "HOST");
	EXPECT_CONTAINS(output.out, harness_format("h1    %u", pid));
	EXPECT_CONTAINS(output.out, "decoder \303\251");
	EXPECT_CONTAINS(output.out, "running");
	EXPECT_CONTAINS(output.out, harness_format("%d (uid %u, ", (int)getpid(), (unsigned)getuid()));
	EXPECT_STRING(output.err, "");
	/* No terminal: JSON without asking. */
	output = ctl(NULL, NULL, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, harness_format("{\"host\":1,\"pid\":%u,\"state\":\"running\",", pid));
	EXPECT_CONTAINS(output.out, "\"name\":\"decoder \303\251\"");
	EXPECT_CONTAINS(output.out, "\"closed_callbacks\":0");
	output = ctl("-t", "--string-size=3", NULL);
	EXPECT_CONTAINS(output.out, "dec…");
	raw_close(&client);
}

static void given_a_host_that_died_when_its_status_is_asked_for_then_it_says_how(void)
{
	uint32_t pid;
	given_a_host(&pid);
	struct harness_output output = ctl("--text", "status", "h1");
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "h1 decoder");
	EXPECT_CONTAINS(output.out, "running");
	EXPECT_CONTAINS(output.out, "threads");
	kill((pid_t)pid, SIGKILL);
	raw_exited(&client);
	output = ctl("--text", "status", "1");
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "ended");
	EXPECT_CONTAINS(output.out, "SIGKILL");
	output = ctl("--json", "status", "h1");
	EXPECT_CONTAINS(output.out, "\"state\":\"ended\"");
	EXPECT_CONTAINS(output.out, "\"exited\":{\"wait_status\":9,\"asked\":false");
	output = ctl("--color=always", "-t", "list");
	EXPECT_EQUAL(output.status, 0);
	raw_close(&client);
}

static void given_a_name_that_is_no_utf8_when_listed_as_json_then_nothing_is_lost(void)
{
	Cbb__OpenHost message;
	broker = harness_start_broker(NULL);
	raw_open_session(&client, broker->socket);
	raw_open_host_init(&message, &client);
	message.name = raw_bytes("a\377b");
	REQUIRE(raw_open_host(&client, &message, NULL, 0, NULL) != 0);
	struct harness_output output = ctl("list", NULL, NULL);
	EXPECT_CONTAINS(output.out, "\"name\":{\"base64\":\"Yf9i\"}");
	raw_close(&client);
}

static void given_mistakes_when_cbbctl_runs_then_the_exit_status_tells_them_apart(void)
{
	given_a_host(NULL);
	EXPECT_EQUAL(ctl("status", "h99", NULL).status, 3);
	EXPECT_EQUAL(ctl("status", "abc", NULL).status, 2);
	EXPECT_EQUAL(ctl("status", NULL, NULL).status, 2);
	EXPECT_EQUAL(ctl("frobnicate", NULL, NULL).status, 2);
	EXPECT_EQUAL(ctl("--user", "--system", NULL).status, 2);
	EXPECT_EQUAL(ctl("--json", "--text", NULL).status, 2);
	EXPECT_EQUAL(ctl("--address=private:", NULL, NULL).status, 2);
	struct harness_output output = ctl("--address", "unix:/no/such/socket", NULL);
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.err, "/no/such/socket");
	raw_close(&client);
}

static void given_help_when_asked_for_then_it_names_commands_and_options(void)
{
	struct harness_output output = ctl("--help", NULL, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "status HOST");
	EXPECT_CONTAINS(output.out, "--string-size=N");
	output = ctl("--version", NULL, NULL);
	EXPECT_STRING(output.out, "cbbctl " CBB_VERSION "\n");
}

static const struct test tests[] = {
    TEST(given_a_host_when_listed_then_people_and_programs_see_it),
    TEST(given_a_host_that_died_when_its_status_is_asked_for_then_it_says_how),
    TEST(given_a_name_that_is_no_utf8_when_listed_as_json_then_nothing_is_lost),
    TEST(given_mistakes_when_cbbctl_runs_then_the_exit_status_tells_them_apart),
    TEST(given_help_when_asked_for_then_it_names_commands_and_options),
};
HARNESS_MAIN(tests)
