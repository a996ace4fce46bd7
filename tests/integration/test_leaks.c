/* SPDX-License-Identifier: MIT */
/* What is opened and closed leaves no memory behind: a small program under valgrind. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#define VALGRIND "/usr/bin/valgrind"

static void given_1000_callbacks_and_20_hosts_opened_and_closed_then_nothing_leaks(void)
{
	if (access(VALGRIND, X_OK) < 0)
		SKIP("needs valgrind");
	if (harness_slow() > 1)
		SKIP("valgrind does not run what a sanitizer was built into, and runs here already for other builds");
	harness_start_broker(NULL);
	const char *const command[] = {VALGRIND, "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
	                               "--error-exitcode=9", "-q", harness_program("open_close_cycles"),
	                               remote_text("callbacks", CALLBACKS_TEXT), "1000", "20", NULL};
	struct harness_output output = harness_run(command, 110000);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_1000_callbacks_and_20_hosts_opened_and_closed_then_nothing_leaks, 120),
};
HARNESS_MAIN(tests)
