/* SPDX-License-Identifier: MIT */
/* J07: two programs at one broker; the library of one crashes again and again. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"
#include "../fixtures/deaths.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define N_CRASHES 20

static int doubled(int value)
{
	return value * 2;
}

static void crash_again_and_again(void *context)
{
	(void)context;
	REMOTE_OK(cbb_connect(&remote_client, NULL));
	for (int i = 0; i < N_CRASHES; i++) {
		remote_host = remote_open_host();
		cbb_library *library = remote_library("deaths", DEATHS_TEXT);
		EXPECT_EQUAL(REMOTE(library, int(int), "die")(i % DEATH_HANG), -1);
		EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
		EXPECT_EQUAL(remote_report().state, CBB_HOST_ENDED);
		if (i % 2)
			EXPECT(cbb_host_close(remote_host) == NULL);
	}
	remote_end();
}

static void call_once(cbb_library *library)
{
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(doubled, 21), 42);
	EXPECT_CALL_OK();
}

static void J07_two_clients_and_one_library_that_crashes_the_other_notices_nothing(void)
{
	harness_start_broker(NULL);
	pid_t child = harness_fork(crash_again_and_again, NULL);
	REMOTE_OK(cbb_connect(&remote_client, NULL));
	remote_host = remote_open_host();
	cbb_library *library = remote_library("callbacks", CALLBACKS_TEXT);
	int status = -1;
	while (!harness_wait_child(child, &status, 0))
		call_once(library);
	EXPECT_EQUAL(status, 0);
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(doubled, 21), 42);
	EXPECT_EQUAL(remote_report().state, CBB_HOST_RUNNING);
	EXPECT_EQUAL(remote_report().late_calls, 0);
	remote_end();
}

static void crash_the_program(void *context)
{
	REMOTE_OK(cbb_connect(&remote_client, NULL));
	remote_host = remote_open_host();
	remote_library("callbacks", CALLBACKS_TEXT);
	*(_Atomic pid_t *)context = cbb_host_pid(remote_host);
	raise(SIGKILL);
}

static void J07_two_clients_and_one_that_is_killed_its_host_ends_and_the_other_notices_nothing(void)
{
	harness_start_broker(NULL);
	_Atomic pid_t *host = mmap(NULL, sizeof *host, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(host != MAP_FAILED);
	pid_t child = harness_fork(crash_the_program, (void *)host);
	REMOTE_OK(cbb_connect(&remote_client, NULL));
	remote_host = remote_open_host();
	cbb_library *library = remote_library("callbacks", CALLBACKS_TEXT);
	int status = 0;
	EXPECT(harness_wait_child(child, &status, 10000));
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	REQUIRE(*host > 0);
	EXPECT(harness_wait_gone(*host, 15000));
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(doubled, 21), 42);
	remote_end();
}

/* A library that starts programs: they are in the host's session. */
static void given_a_program_that_runs_inside_a_host_when_it_asks_the_broker_then_it_is_refused(void)
{
	given_a_host();
	cbb_library *libc = NULL;
	REMOTE_OK(cbb_library_open_text(remote_host, "[library(\"libc.so.6\")] int system(const char *command);", &libc));
	const char *command = harness_format("%s --address %s list", harness_program("cbbctl"), getenv("CBB_ADDRESS"));
	int status = REMOTE(libc, int(const char *), "system")(command);
	EXPECT_CALL_OK();
	EXPECT(WIFEXITED(status));
	EXPECT_EQUAL(WEXITSTATUS(status), 4);
	EXPECT_EQUAL(system(command), 0); /* the program itself may */
	remote_end();
}

static const struct test tests[] = {
	TEST(given_a_program_that_runs_inside_a_host_when_it_asks_the_broker_then_it_is_refused),
	TEST(J07_two_clients_and_one_library_that_crashes_the_other_notices_nothing),
	TEST(J07_two_clients_and_one_that_is_killed_its_host_ends_and_the_other_notices_nothing),
};
HARNESS_MAIN(tests)
