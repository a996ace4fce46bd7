/* SPDX-License-Identifier: MIT */
#include "lib/fork.h"

#include "lib/error.h"
#include "support/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define MANY 100

static int fds[MANY];

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void open_descriptors(unsigned n)
{
	fork_watch();
	for (unsigned i = 0; i < n; i++)
		REQUIRE((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
}

static void expect_child_is_well(void (*child)(void *context))
{
	int status = -1;
	REQUIRE(harness_wait_child(harness_fork(child, NULL), &status, 10000));
	EXPECT_EQUAL(status, 0);
}

static void look_in_child(void *context)
{
	(void)context;
	EXPECT(!is_open(fds[0]));
	EXPECT(is_open(fds[1]));  /* unregistered in time */
	EXPECT(is_open(fds[2]));  /* never registered */
	EXPECT_EQUAL(fork_epoch(), 1);
	EXPECT_EQUAL(fork_check(1), 0);
	EXPECT_EQUAL(fork_check(0), CBB_ERR_FORKED);
	EXPECT_CONTAINS(detail_text(), "fork()");
	/* What the child registers is its own, also under a number that was the parent's. */
	EXPECT_EQUAL(open("/dev/null", O_RDONLY | O_CLOEXEC), fds[0]);
	EXPECT_EQUAL(fork_register(fds[0]), 0);
	fork_unregister(fds[0]);
	EXPECT(is_open(fds[0]));
}

static void given_registered_descriptors_when_the_program_forks_then_only_these_are_closed_in_the_child(void)
{
	open_descriptors(3);
	EXPECT_EQUAL(fork_register(fds[0]), 0);
	EXPECT_EQUAL(fork_register(fds[1]), 0);
	fork_unregister(fds[1]);
	expect_child_is_well(look_in_child);
	EXPECT(is_open(fds[0]));
	EXPECT_EQUAL(fork_epoch(), 0);
	EXPECT_EQUAL(fork_check(0), 0);
	fork_unregister(fds[0]);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
}

static void look_for_many(void *context)
{
	(void)context;
	for (unsigned i = 0; i < MANY; i++)
		if (is_open(fds[i]) != (i % 3 == 0))
			FAIL("descriptor %u of %d", i, MANY);
}

static void given_many_descriptors_when_some_are_unregistered_then_the_others_are_closed_in_the_child(void)
{
	open_descriptors(MANY);
	for (unsigned i = 0; i < MANY; i++)
		EXPECT_EQUAL(fork_register(fds[i]), 0);
	for (unsigned i = 0; i < MANY; i += 3)
		fork_unregister(fds[i]);
	fork_unregister(fds[0]); /* once more: harmless */
	fork_unregister(-1);
	expect_child_is_well(look_for_many);
	for (unsigned i = 0; i < MANY; i++) {
		fork_unregister(fds[i]);
		close(fds[i]);
	}
}

static void look_in_grandchild(void *context)
{
	(void)context;
	EXPECT_EQUAL(fork_epoch(), 2);
	EXPECT_EQUAL(fork_check(1), CBB_ERR_FORKED);
	registry_lock(); /* not held by anybody here */
	registry_unlock();
}

static void fork_again(void *context)
{
	(void)context;
	expect_child_is_well(look_in_grandchild);
}

static void given_a_child_that_forks_when_epochs_are_asked_for_then_each_generation_has_its_own(void)
{
	fork_watch();
	fork_watch(); /* twice is once */
	expect_child_is_well(fork_again);
}

static const struct test tests[] = {
    TEST(given_registered_descriptors_when_the_program_forks_then_only_these_are_closed_in_the_child),
    TEST(given_many_descriptors_when_some_are_unregistered_then_the_others_are_closed_in_the_child),
    TEST(given_a_child_that_forks_when_epochs_are_asked_for_then_each_generation_has_its_own),
};
HARNESS_MAIN(tests)
