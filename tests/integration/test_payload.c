/* SPDX-License-Identifier: MIT */
/* How much one call may carry: max_payload_bytes of the host, there and back. */
#include "support/remote.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_BYTES (1u << 20)
#define BEYOND_BYTES (LIMIT_BYTES + (1u << 17)) /* the message's own bytes count apart, less than 64 KiB */

static cbb_library *library;

static void given_libc_with_a_limit(void)
{
	cbb_host_options options = {.size = sizeof options, .max_payload_bytes = LIMIT_BYTES};
	given_a_host_with(&options);
	REMOTE_OK(cbb_library_open(remote_host, "libc", &library));
}

static char *text_of_bytes(size_t size)
{
	char *text = malloc(size);
	memset(text, 'a', size);
	text[size - 1] = 0;
	return text;
}

static void given_arguments_at_the_limit_when_called_then_they_pass_and_beyond_it_the_words_name_the_option(void)
{
	given_libc_with_a_limit();
	char *largest = text_of_bytes(LIMIT_BYTES), *beyond = text_of_bytes(BEYOND_BYTES);
	EXPECT_EQUAL(REMOTE(library, size_t(const char *), "strlen")(largest), LIMIT_BYTES - 1);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(REMOTE(library, size_t(const char *), "strlen")(beyond), 0);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_LIMIT);
	EXPECT_CONTAINS(cbb_last_error_text(), "max_payload_bytes");
	EXPECT_EQUAL(REMOTE(library, size_t(const char *), "strlen")("and on"), 6);
	EXPECT_CALL_OK();
	free(largest);
	free(beyond);
	remote_end();
}

static void given_a_result_beyond_the_limit_when_it_comes_back_then_the_call_fails_and_the_next_works(void)
{
	given_libc_with_a_limit();
	typedef void *fill_fn(void *, int, size_t);
	REMOTE_OK(cbb_library_open_text(remote_host,
	                                "[library(\"libc.so.6\")]\n"
	                                "[into(b)] void *memset([out, bytes(n)] void *b, int c, size_t n);",
	                                &library));
	char *buffer = calloc(1, BEYOND_BYTES);
	EXPECT(REMOTE(library, fill_fn, "memset")(buffer, 'b', LIMIT_BYTES) == buffer);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(buffer[LIMIT_BYTES - 1], 'b');
	EXPECT(REMOTE(library, fill_fn, "memset")(buffer, 'c', BEYOND_BYTES) == NULL);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_LIMIT);
	EXPECT_CONTAINS(cbb_last_error_text(), "max_payload_bytes");
	EXPECT_EQUAL(buffer[0], 'b'); /* nothing was written */
	EXPECT(REMOTE(library, fill_fn, "memset")(buffer, 'd', 3) == buffer);
	EXPECT_CALL_OK();
	free(buffer);
	remote_end();
}

static const struct test tests[] = {
	TEST(given_arguments_at_the_limit_when_called_then_they_pass_and_beyond_it_the_words_name_the_option),
	TEST(given_a_result_beyond_the_limit_when_it_comes_back_then_the_call_fails_and_the_next_works),
};
HARNESS_MAIN(tests)
