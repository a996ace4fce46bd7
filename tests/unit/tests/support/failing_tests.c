/* SPDX-License-Identifier: MIT */
/*
 * Tests that must fail, each in its own way, and a few that must not: the harness's own test runs them.
 */
#include "support/harness.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int zero; /* unknown to the compiler */

static void passes(void)
{
	uint8_t byte = 255;
	size_t size = 5;
	enum { RED = 3 } color = RED;
	EXPECT(1 + 1 == 2);
	EXPECT_EQUAL(size, 5);
	EXPECT_EQUAL(byte, 255);
	EXPECT_EQUAL(color, RED);
	EXPECT_EQUAL(0.5f, 0.5);
	EXPECT_EQUAL(&size, &size);
	EXPECT_EQUAL((void *)NULL, NULL);
	EXPECT_STRING("a", "a");
	EXPECT_STRING(NULL, NULL);
	EXPECT_CONTAINS("abc", "b");
	EXPECT_LACKS("abc", "d");
	EXPECT_BYTES("abc", 3, "abc", 3);
	REQUIRE(true);
}

static void comparing_fails(void)
{
	int r = zero;
	EXPECT(r == 5);
	EXPECT_EQUAL(r, 5);
	EXPECT_EQUAL(-1, UINT64_MAX);
	EXPECT_EQUAL(0.5, 1);
	EXPECT_EQUAL(&r, NULL);
}

static void comparing_text_fails(void)
{
	EXPECT_STRING("left", "right");
	EXPECT_STRING(NULL, "right");
	EXPECT_CONTAINS("haystack", "needle");
	EXPECT_LACKS("haystack", "stack");
	EXPECT_BYTES("abcd", 4, "abxd", 4);
	EXPECT_BYTES("abcd", 4, "abc", 3);
}

static void requirement_ends_it(void)
{
	REQUIRE(zero == 1);
	FAIL("never reached");
}

static void equality_ends_it(void)
{
	REQUIRE_EQUAL(zero, 1);
	FAIL("never reached");
}

static void *thread_expecting(void *unused)
{
	EXPECT(zero == 1);
	return unused;
}

static void thread_fails(void)
{
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, thread_expecting, NULL) == 0);
	pthread_join(thread, NULL);
}

static void child_expecting(void *unused)
{
	(void)unused;
	EXPECT_EQUAL(zero, 1);
}

static void child_fails(void)
{
	pid_t pid = harness_fork(child_expecting, NULL);
	EXPECT(harness_wait_child(pid, NULL, 5000));
}

static void child_requiring(void *unused)
{
	(void)unused;
	REQUIRE(zero == 1);
	FAIL("never reached");
}

static void child_ends_it(void)
{
	pid_t pid = harness_fork(child_requiring, NULL);
	int status = 0;
	REQUIRE(harness_wait_child(pid, &status, 5000));
	EXPECT(WIFEXITED(status));
	EXPECT_EQUAL(WEXITSTATUS(status), 1);
}

static void many_fail(void)
{
	for (int i = 0; i < 100; i++)
		EXPECT(i < 0);
}

static void times_out(void)
{
	for (;;)
		poll(NULL, 0, -1);
}

static void segfaults(void)
{
	raise(SIGSEGV);
}

static void aborts(void)
{
	abort();
}

static void exits_well(void)
{
	exit(0);
}

static void exits_with_status(void)
{
	_exit(3);
}

static void leaks_descriptor(void)
{
	(void)!open("/dev/zero", O_RDONLY | O_CLOEXEC);
}

static void closes_descriptor(void)
{
	close(STDIN_FILENO);
}

static void swaps_descriptor(void)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	dup2(fd, STDIN_FILENO);
	close(fd);
}

static void *thread_waiting(void *unused)
{
	poll(NULL, 0, -1);
	return unused;
}

static void leaks_thread(void)
{
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, thread_waiting, NULL) == 0);
	pthread_setname_np(thread, "forgotten");
	pthread_detach(thread);
}

static void wait_for_ever(void *unused)
{
	(void)unused;
	poll(NULL, 0, -1);
}

static void leaves_child(void)
{
	harness_fork(wait_for_ever, NULL);
}

static void fork_again(void *unused)
{
	(void)unused;
	harness_fork(wait_for_ever, NULL);
}

static void leaves_grandchild(void)
{
	EXPECT(harness_wait_child(harness_fork(fork_again, NULL), NULL, 5000));
}

static bool parent_is_gone(void *parent)
{
	return getppid() != *(pid_t *)parent;
}

/* Ends by itself soon after the test's process has ended: it is not left over. */
static void follow_parent(void *parent)
{
	harness_wait_until(parent_is_gone, parent, 10000);
}

static void passes_with_child_that_follows(void)
{
	pid_t self = getpid();
	harness_fork(follow_parent, &self);
}

static void skips(void)
{
	SKIP("no %s here", "moon");
}

static void runs_program_that_hangs(void)
{
	const char *argv[] = {"/usr/bin/tail", "-f", "/dev/null", NULL};
	EXPECT_EQUAL(harness_run(argv, 200).status, -1);
}

static void names_its_directory(void)
{
	FAIL("directory %s!", harness_temp_file("nested", "text"));
}

static const struct test tests[] = {
    TEST(passes),
    TEST(comparing_fails),
    TEST(comparing_text_fails),
    TEST(requirement_ends_it),
    TEST(equality_ends_it),
    TEST(thread_fails),
    TEST(child_fails),
    TEST(child_ends_it),
    TEST(many_fail),
    TEST_TIMEOUT(times_out, 1),
    TEST(segfaults),
    TEST(aborts),
    TEST(exits_well),
    TEST(exits_with_status),
    TEST(leaks_descriptor),
    TEST(closes_descriptor),
    TEST(swaps_descriptor),
    TEST(leaks_thread),
    TEST(leaves_child),
    TEST(leaves_grandchild),
    TEST(passes_with_child_that_follows),
    TEST(skips),
    TEST(runs_program_that_hangs),
    TEST(names_its_directory),
};
HARNESS_MAIN(tests)
