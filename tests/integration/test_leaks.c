/* SPDX-License-Identifier: MIT */
/* What is opened and closed leaves no memory behind: a small program under valgrind. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#include <stdlib.h>

#define VALGRIND "/usr/bin/valgrind"

/* This test itself may run under valgrind, which then follows all programs that it starts. */
static bool is_watched_already(void)
{
	const char *preload = getenv("LD_PRELOAD");
	return (preload && strstr(preload, "vgpreload")) || harness_slow() > 1; /* a sanitizer looks for leaks, too */
}

static void given_1000_callbacks_and_20_hosts_opened_and_closed_then_nothing_leaks(void)
{
	harness_start_broker(NULL);
	const char *const command[] = {VALGRIND, "-q", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
	                               "--error-exitcode=9", harness_program("open_close_cycles"),
	                               remote_text("callbacks", CALLBACKS_TEXT), "1000", "20", NULL};
	unsigned first = is_watched_already() ? 5 : 0;
	if (first == 0 && access(VALGRIND, X_OK) < 0)
		SKIP("needs valgrind");
	struct harness_output output = harness_run(command + first, 110000);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_LACKS(output.err, "lost in loss record");
	EXPECT_LACKS(output.err, "Invalid");
	if (output.status != 0)
		FAIL("%s", output.err);
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_1000_callbacks_and_20_hosts_opened_and_closed_then_nothing_leaks, 120),
};
HARNESS_MAIN(tests)
