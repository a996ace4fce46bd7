/* SPDX-License-Identifier: MIT */
/*
 * What a test of the client library begins with: a broker of its own, a connection, a host, and fixture libraries
 * opened in it from interface text. Ends the test where any of these fails.
 */
#ifndef CBB_TESTS_SUPPORT_REMOTE_H
#define CBB_TESTS_SUPPORT_REMOTE_H

#include "support/harness.h"

#include <cbbroker.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 0 or more is expected; else the test ends with the library's words. */
#define REMOTE_OK(...)                                                                                                 \
	do {                                                                                                           \
		int remote_status = (__VA_ARGS__);                                                                     \
		if (remote_status >= 0)                                                                                \
			break;                                                                                         \
		expect_fail(__FILE__, __LINE__, "%s: %d (%s): %s", #__VA_ARGS__, remote_status,                        \
		            cbb_strerror(remote_status), cbb_last_error_text());                                       \
		expect_end();                                                                                          \
	} while (0)

/* The last call through a CBB_SYMBOL pointer did not fail. */
#define EXPECT_CALL_OK()                                                                                               \
	do {                                                                                                           \
		if (cbb_last_error() != 0)                                                                             \
			expect_fail(__FILE__, __LINE__, "the call failed with %d: %s", cbb_last_error(),               \
			            cbb_last_error_text());                                                            \
	} while (0)

/* It failed with this code, and said so with these words in it. */
#define EXPECT_ERROR(code, words)                                                                                      \
	do {                                                                                                           \
		EXPECT_EQUAL(cbb_last_error(), code);                                                                  \
		EXPECT_CONTAINS(cbb_last_error_text(), words);                                                         \
	} while (0)

static cbb_client *remote_client;
static cbb_host *remote_host;

static inline cbb_host *remote_open_host(void)
{
	cbb_host *host = NULL;
	REMOTE_OK(cbb_host_open(remote_client, NULL, &host));
	return host;
}

static inline void given_a_connection(void)
{
	harness_start_broker(NULL);
	REMOTE_OK(cbb_connect(&remote_client, NULL));
}

static inline void given_a_host_with(const cbb_host_options *options)
{
	given_a_connection();
	REMOTE_OK(cbb_host_open(remote_client, options, &remote_host));
}

static inline void given_a_host(void)
{
	given_a_host_with(NULL);
}

/* The text with the fixture's path as its library. */
static inline const char *remote_text(const char *fixture, const char *text)
{
	const char *file = harness_format("libfixture_%s.so", fixture);
	return harness_format("[library(\"%s\")]\n%s", harness_fixture_path(file), text);
}

static inline cbb_library *remote_library_in(cbb_host *host, const char *fixture, const char *text)
{
	cbb_library *library = NULL;
	REMOTE_OK(cbb_library_open_text(host, remote_text(fixture, text), &library));
	return library;
}

/* The library built from tests/fixtures/FIXTURE.c, described by `text`, in the test's host. */
static inline cbb_library *remote_library(const char *fixture, const char *text)
{
	return remote_library_in(remote_host, fixture, text);
}

static inline cbb_any_function remote_symbol(cbb_library *library, const char *name)
{
	cbb_any_function function = cbb_symbol(library, name);
	if (!function) {
		FAIL("%s: %s", name, cbb_last_error_text());
		expect_end();
	}
	return function;
}

/* The remote function of that name; the test ends if there is none. */
#define REMOTE(library, type, name) ((__typeof__(type) *)remote_symbol(library, name))

static inline cbb_function *remote_function(cbb_library *library, const char *name)
{
	cbb_function *function = NULL;
	REMOTE_OK(cbb_function_find(library, name, &function));
	return function;
}

static inline cbb_callback *remote_callback(cbb_library *library, const char *type, cbb_any_function handler,
                                            void *user_data)
{
	cbb_callback *callback = NULL;
	REMOTE_OK(cbb_callback_open(library, type, handler,
	                            &(cbb_callback_options){.size = sizeof(cbb_callback_options), .user_data = user_data},
	                            &callback));
	return callback;
}

static inline cbb_report remote_report_of(cbb_host *host)
{
	cbb_report report = {.size = sizeof report};
	REMOTE_OK(cbb_host_report(host, &report));
	return report;
}

static inline cbb_report remote_report(void)
{
	return remote_report_of(remote_host);
}

/* Ends the connection with all that was opened through it. */
static inline void remote_end(void)
{
	EXPECT(cbb_disconnect(remote_client) == NULL);
	remote_client = NULL;
	remote_host = NULL;
}

#endif
