/* SPDX-License-Identifier: MIT */
/*
 * A client of libcbbroker whose hosts are programs/hostile_lane.c: what the tests of hostile hosts begin with, and what
 * must hold afterwards.
 */
#ifndef CBB_TESTS_HOSTILE_LANE_HOST_H
#define CBB_TESTS_HOSTILE_LANE_HOST_H

#include "base/clock.h"
#include "support/remote.h"

/* A deadline where the host lets it pass, one where it does not, and what a call may take beyond the first. */
#define DEADLINE_MS 500u
#define PATIENT_MS 10000u
#define LEEWAY_MS 5000u

#define TEXT                                                                                                           \
	"[on_error(-77)] typedef int (*number_fn)(int value);\n"                                                       \
	"[on_error(-78)] typedef int (*text_fn)(const char *text);\n"                                                  \
	"[on_error(-79)] typedef int (*given_fn)(number_fn given, int value);\n"                                       \
	"[on_error(-1)] int number(int value);\n"                                                                      \
	"[nullable] const char *text(void);\n"                                                                         \
	"[on_error(-1)] int take([size(n)] const char *bytes, int n);\n"                                               \
	"[on_error(-1)] int fill([out, size(3)] int *values);\n"                                                       \
	"[on_error(-1)] int with_number([scope(forever)] number_fn handler);\n"                                        \
	"[on_error(-1)] int with_text([scope(forever)] text_fn handler);\n"                                            \
	"[on_error(-1)] int with_given([scope(forever)] given_fn handler, [scope(forever)] text_fn other);\n"           \
	"typedef void (*event_fn)(int value);\n"                                                                       \
	"[on_error(-1)] int with_both([scope(forever)] event_fn handler, [scope(forever)] number_fn other);\n"

typedef int number_handler(int value);
typedef int text_handler(const char *text);
typedef int given_handler(number_handler *given, int value);
typedef void event_handler(int value);

static cbb_host *host;
static cbb_library *library;
static uint64_t began_ns;
static int n_handled;
static int host_output = -1; /* standard output of the next host */

static inline cbb_host *open_host(const char *way, uint64_t call_timeout_ms)
{
	cbb_host *opened = NULL;
	const char *const environment[] = {harness_format("HOSTILE=%s", way),
	                                   harness_format("REAL_HOST=%s", harness_program("cbb-host")), NULL};
	REMOTE_OK(cbb_host_open(remote_client,
	                        &(cbb_host_options){.size = sizeof(cbb_host_options),
	                                            .environment = environment,
	                                            .stdio_fds = (const int[]){-1, host_output, -1},
	                                            .call_timeout_ms = call_timeout_ms * harness_slow()},
	                        &opened));
	return opened;
}

static inline void given_a_client(void)
{
	harness_start_broker((const char *[]){"--host-program", harness_program("hostile_lane"), NULL});
	REMOTE_OK(cbb_connect(&remote_client, NULL));
}

static inline void given_a_host_that(const char *way, uint64_t call_timeout_ms)
{
	host = open_host(way, call_timeout_ms);
	n_handled = 0;
	began_ns = clock_now_ns();
}

/* The deadline is the opening's, too: on a busy machine a short one may pass there, and another host is opened. */
static inline void given_a_library_of_a_host_that(const char *way, uint64_t call_timeout_ms)
{
	int r = CBB_ERR_TIMEOUT;
	for (int i = 0; r == CBB_ERR_TIMEOUT && i < 20; i++) {
		if (i > 0)
			EXPECT(cbb_host_close(host) == NULL);
		given_a_host_that(way, call_timeout_ms);
		r = cbb_library_open_text(host, "[library(\"libhostile.so\")]\n" TEXT, &library);
	}
	REMOTE_OK(r);
	began_ns = clock_now_ns();
}

static inline void expect_in_time(void)
{
	uint64_t took_ms = (clock_now_ns() - began_ns) / 1000000;
	if (took_ms > (uint64_t)(DEADLINE_MS + LEEWAY_MS) * harness_slow())
		FAIL("it took %llu ms", (unsigned long long)took_ms);
}

/* The last error has this code, names the host, and holds the words. */
static inline void expect_host_named(const char *way, int code, const char *words)
{
	const char *text = harness_format("%s", cbb_last_error_text());
	expect_in_time();
	if (cbb_last_error() != code)
		FAIL("\"%s\": %d instead of %d: %s", way, cbb_last_error(), code, text);
	if (!strstr(text, harness_format("h%llu", (unsigned long long)cbb_host_id(host))) || !strstr(text, words))
		FAIL("\"%s\": expected the host's number and \"%s\" in: %s", way, words, text);
}

static inline void expect_next_host_works(void)
{
	EXPECT(cbb_host_close(host) == NULL);
	cbb_host *next = open_host("real", 0);
	cbb_library *scalars = remote_library_in(next, "scalars", "int i32_is(int value, unsigned i);");
	EXPECT_EQUAL(REMOTE(scalars, int(int, unsigned), "i32_is")(INT32_MIN, 0), 1);
	EXPECT_CALL_OK();
	EXPECT(cbb_host_close(next) == NULL);
}

static inline int count_number(int value)
{
	n_handled++;
	return value == 7 ? 8 : 0;
}

static inline int count_text(const char *text)
{
	n_handled++;
	return (int)strlen(text);
}

static inline int call_number_function(void)
{
	return REMOTE(library, int(int), "number")(1);
}

#endif
