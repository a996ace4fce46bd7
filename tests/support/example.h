/* SPDX-License-Identifier: MIT */
/*
 * Running an example as a user does: it starts a private broker. And looking for words in what it printed.
 */
#ifndef CBB_TESTS_SUPPORT_EXAMPLE_H
#define CBB_TESTS_SUPPORT_EXAMPLE_H

#include "support/harness.h"

#include <stdlib.h>
#include <string.h>

#define EXAMPLE_RUN_MS 50000

/*
 * ThreadSanitizer takes a thread that starts a private broker (by clone) for one whose locks no longer count: here is a
 * broker for it. And what orders the calls of a library it does not see: that is the program, in another process.
 */
static inline void prepare_for_sanitizer(void)
{
#if defined(__SANITIZE_THREAD__)
	if (getenv("CBB_ADDRESS"))
		return;
	setenv("TSAN_OPTIONS", harness_format("%s:ignore_noninstrumented_modules=1", getenv("TSAN_OPTIONS")), 1);
	harness_start_broker(NULL);
#endif
}

static inline struct harness_output run_example(const char *name, const char *first, const char *second)
{
	const char *const argv[] = {harness_program(name), first, second, NULL};
	prepare_for_sanitizer();
	return harness_run(argv, EXAMPLE_RUN_MS);
}

/* What it printed, after it ended well. */
static inline const char *run_well(const char *name, const char *first)
{
	struct harness_output output = run_example(name, first, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	return output.out;
}

/* The text behind `start`; ends the test if it is not there. */
static inline const char *after(const char *text, const char *start)
{
	const char *at = strstr(text, start);
	EXPECT_CONTAINS(text, start);
	REQUIRE(at != NULL);
	return at + strlen(start);
}

/* How often the part stands in the text. */
static inline unsigned count_of(const char *text, const char *part)
{
	unsigned n = 0;
	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

#endif
