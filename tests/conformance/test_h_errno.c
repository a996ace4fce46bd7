/* SPDX-License-Identifier: MIT */
/* H: errno across the boundary. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#include <errno.h>

static cbb_library *library;
static int seen_errno, seen_by_invocation, errno_to_set;

static void given_the_library(void)
{
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
}

static int spoils_errno(void)
{
	seen_errno = errno;
	seen_by_invocation = cbb_invocation_errno(cbb_invocation_current());
	if (errno_to_set)
		cbb_invocation_set_errno(cbb_invocation_current(), errno_to_set);
	REMOTE(library, int(int), "fail_with")(EDOM); /* a call made by the handler changes the program's errno */
	errno = EXDEV;
	return 0;
}

typedef int around_fn(plain_fn, int);

static void H01_native_code_sees_its_own_errno_after_a_callback(void)
{
	given_the_library();
	EXPECT_EQUAL(REMOTE(library, around_fn, "errno_around")(spoils_errno, ENOTTY), ENOTTY);
	EXPECT_EQUAL(REMOTE(library, around_fn, "errno_around")(spoils_errno, 0), 0);
	EXPECT_CALL_OK();
	remote_end();
}

static void H02_a_handler_can_set_the_errno_that_native_code_sees(void)
{
	given_the_library();
	errno_to_set = ELOOP;
	EXPECT_EQUAL(REMOTE(library, around_fn, "errno_around")(spoils_errno, ENOTTY), ELOOP);
	errno_to_set = 0;
	EXPECT_EQUAL(REMOTE(library, around_fn, "errno_around")(spoils_errno, ENOTTY), ENOTTY);
	remote_end();
}

static void H03_a_handler_can_read_the_native_errno_of_the_moment_of_the_call(void)
{
	given_the_library();
	REMOTE(library, around_fn, "errno_around")(spoils_errno, EISDIR);
	EXPECT_EQUAL(seen_errno, EISDIR);
	EXPECT_EQUAL(seen_by_invocation, EISDIR);
	remote_end();
}

static void H01_errno_goes_in_with_a_call_and_comes_back_with_its_result(void)
{
	given_the_library();
	int (*now)(void) = REMOTE(library, int(void), "errno_now");
	int (*fail)(int) = REMOTE(library, int(int), "fail_with");
	errno = ENFILE;
	EXPECT_EQUAL(now(), ENFILE);
	EXPECT_EQUAL(errno, ENFILE);
	EXPECT_EQUAL(fail(ENOSPC), -1);
	EXPECT_EQUAL(errno, ENOSPC);
	REMOTE_OK(cbb_host_kill(remote_host));
	errno = EBADF;
	now();
	EXPECT_EQUAL(errno, EBADF); /* unchanged by a call that failed */
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_HOST_DIED);
	remote_end();
}

static const struct test tests[] = {
	TEST(H01_native_code_sees_its_own_errno_after_a_callback),
	TEST(H01_errno_goes_in_with_a_call_and_comes_back_with_its_result),
	TEST(H02_a_handler_can_set_the_errno_that_native_code_sees),
	TEST(H03_a_handler_can_read_the_native_errno_of_the_moment_of_the_call),
};
HARNESS_MAIN(tests)
