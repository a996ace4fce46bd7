/* SPDX-License-Identifier: MIT */
/*
 * A callback in steady state: no allocation, no lock, and no system call but one send, the receives, and a poll when it
 * must sleep, on each side. Counted in both processes by a preloaded library, and seen by strace.
 */
#include "support/harness.h"

#include "../fixtures/count_calls.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_BEFORE 200
#define N 1000
#define N_BEFORE_TEXT "200"
#define N_TEXT "1000"
#define STRACE "/usr/bin/strace"
#define RUN_TIMEOUT_MS 60000

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static void skip_with_sanitizer(void)
{
#ifdef SANITIZED
	SKIP("a sanitizer has an allocator, locks and system calls of its own");
#endif
}

/* ---- Allocations and locks ---- */

struct counts {
	unsigned long client_allocations, client_locks, host_allocations, host_locks;
};

static struct counts count(const char *who_works)
{
	struct counts counts = {0};
	const char *library = harness_fixture_path("libfixture_count_calls.so");
	const char *const argv[] = {"/usr/bin/env", harness_format("LD_PRELOAD=%s", library),
	                            harness_program("steady_callbacks"), library, N_BEFORE_TEXT, N_TEXT, who_works, NULL};
	struct harness_output output = harness_run(argv, RUN_TIMEOUT_MS);
	EXPECT_STRING(output.err, "");
	REQUIRE_EQUAL(output.status, 0);
	int n = sscanf(output.out, "client: %lu allocations, %lu locks host: %lu allocations, %lu locks",
	               &counts.client_allocations, &counts.client_locks, &counts.host_allocations, &counts.host_locks);
	REQUIRE_EQUAL(n, 4);
	return counts;
}

static void given_a_steady_state_when_callbacks_run_then_neither_side_allocates_or_locks(void)
{
	skip_with_sanitizer();
	struct counts counts = count(NULL);
	EXPECT_EQUAL(counts.client_allocations, 0);
	EXPECT_EQUAL(counts.client_locks, 0);
	EXPECT_EQUAL(counts.host_allocations, 0);
	EXPECT_EQUAL(counts.host_locks, 0);
}

static void given_a_side_that_allocates_and_locks_when_callbacks_run_then_the_counters_see_it(void)
{
	skip_with_sanitizer();
	struct counts counts = count("client");
	EXPECT_EQUAL(counts.client_allocations, 2 * N); /* taken and given back */
	EXPECT_EQUAL(counts.client_locks, N);
	EXPECT_EQUAL(counts.host_allocations, 0);
	counts = count("host");
	EXPECT_EQUAL(counts.host_allocations, 2 * N);
	EXPECT_EQUAL(counts.host_locks, N);
	EXPECT_EQUAL(counts.client_allocations, 0);
}

/* ---- System calls ---- */

struct calls {
	unsigned sends, receives, polls, others;
	const char *other; /* the last of the others */
};

/* strace's lines: thread id, blanks, and the call or "<... recvfrom resumed>". */
static bool line_call(const char *line, int *ret_thread, const char **ret_call)
{
	int n = 0;
	if (sscanf(line, "%d %n", ret_thread, &n) != 1)
		return false;
	*ret_call = line + n;
	return **ret_call >= 'a' && **ret_call <= 'z';
}

static bool begins(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

static void note_call(struct calls *calls, const char *call, int thread)
{
	if (begins(call, "sendto(")) {
		calls->sends++;
	} else if (begins(call, "recvfrom(")) {
		calls->receives++;
	} else if (begins(call, "poll(")) {
		calls->polls++;
	} else {
		calls->others++;
		calls->other = harness_format("%d %.*s", thread, (int)strcspn(call, "\n"), call);
	}
}

/* What the thread that made both marking calls did between them, and what any third thread did meanwhile. */
static struct calls calls_between(const char *trace, const char *begin, const char *end, const char *other_begin)
{
	struct calls calls = {0};
	const char *from = strstr(trace, begin), *to = strstr(trace, end), *other = strstr(trace, other_begin), *call;
	int own = 0, peer = 0, thread;
	REQUIRE(from != NULL && to != NULL && other != NULL && from < to);
	while (from > trace && from[-1] != '\n')
		from--;
	while (other > trace && other[-1] != '\n')
		other--;
	REQUIRE(line_call(from, &own, &call) && line_call(other, &peer, &call));
	for (const char *line = strchr(from, '\n'); line && line + 1 < to; line = strchr(line + 1, '\n')) {
		if (!line_call(line + 1, &thread, &call) || thread == peer)
			continue;
		if (strcspn(call, "\n") > (size_t)(to - call))
			break; /* the line of the second mark */
		note_call(&calls, call, thread);
	}
	return calls;
}

static const char *trace_of(const char *who_works)
{
	const char *library = harness_fixture_path("libfixture_count_calls.so");
	const char *trace = harness_temp_path("trace");
	if (access(STRACE, X_OK) < 0)
		SKIP("there is no " STRACE);
	struct harness_output output = harness_run((const char *[]){STRACE, "-o", trace, "/bin/true", NULL}, RUN_TIMEOUT_MS);
	if (output.status != 0)
		SKIP("strace cannot trace here: %s", output.err);
	const char *const argv[] = {STRACE, "-f", "-qq", "-s", "64", "-o", trace,
	                            "-E", harness_format("LD_PRELOAD=%s", library), harness_program("steady_callbacks"),
	                            library, N_BEFORE_TEXT, N_TEXT, who_works, NULL};
	output = harness_run(argv, RUN_TIMEOUT_MS);
	EXPECT_STRING(output.err, "");
	REQUIRE_EQUAL(output.status, 0);
	return harness_read_file(trace);
}

static void expect_lean(const char *side, struct calls calls)
{
	if (calls.others)
		FAIL("the %s made %u other system calls, such as %s", side, calls.others, calls.other);
	EXPECT_EQUAL(calls.sends, N);
	EXPECT(calls.receives >= N);
	EXPECT(calls.polls <= N);
}

static struct calls client_calls(const char *trace)
{
	return calls_between(trace, COUNT_MARK_CLIENT_BEGIN, COUNT_MARK_CLIENT_END, COUNT_MARK_HOST_BEGIN);
}

static struct calls host_calls(const char *trace)
{
	return calls_between(trace, COUNT_MARK_HOST_BEGIN, COUNT_MARK_HOST_END, COUNT_MARK_CLIENT_BEGIN);
}

static void given_a_steady_state_when_callbacks_run_then_each_side_sends_once_receives_and_polls_at_most(void)
{
	skip_with_sanitizer();
	const char *trace = trace_of(NULL);
	expect_lean("client", client_calls(trace));
	expect_lean("host", host_calls(trace));
}

static void given_a_side_that_makes_another_system_call_when_callbacks_run_then_the_trace_shows_it(void)
{
	skip_with_sanitizer();
	const char *trace = trace_of("client");
	EXPECT_EQUAL(client_calls(trace).others, N);
	EXPECT_EQUAL(host_calls(trace).others, 0);
	trace = trace_of("host");
	EXPECT_EQUAL(host_calls(trace).others, N);
	EXPECT_EQUAL(client_calls(trace).others, 0);
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_a_steady_state_when_callbacks_run_then_neither_side_allocates_or_locks, 120),
    TEST_TIMEOUT(given_a_side_that_allocates_and_locks_when_callbacks_run_then_the_counters_see_it, 120),
    TEST_TIMEOUT(given_a_steady_state_when_callbacks_run_then_each_side_sends_once_receives_and_polls_at_most, 120),
    TEST_TIMEOUT(given_a_side_that_makes_another_system_call_when_callbacks_run_then_the_trace_shows_it, 120),
};
HARNESS_MAIN(tests)
