/* SPDX-License-Identifier: MIT */
#include "lib/error.h"

#include "cbbroker.pb-c.h"
#include "support/harness.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

/* Every named status of the protocol has words in the library, and no two the same. */
static void given_every_status_of_the_protocol_when_asked_for_words_then_it_has_its_own(void)
{
	const ProtobufCEnumDescriptor *status = &cbb__status__descriptor;
	EXPECT_EQUAL(status->n_values, 20);
	for (unsigned i = 0; i < status->n_values; i++) {
		const char *words = cbb_strerror(status->values[i].value);
		EXPECT(strlen(words) > 5);
		EXPECT_LACKS(words, "unknown");
		for (unsigned j = 0; j < i; j++)
			EXPECT(strcmp(words, cbb_strerror(status->values[j].value)) != 0);
	}
	EXPECT_EQUAL(CBB_ERR_HOST_DIED, -4096);
	EXPECT_EQUAL(CBB_ERR_UNSUPPORTED, CBB__STATUS__STATUS_UNSUPPORTED);
}

static void given_any_number_when_asked_for_words_then_there_are_some(void)
{
	EXPECT_STRING(cbb_strerror(0), "success");
	EXPECT_STRING(cbb_strerror(INT_MAX), "success");
	EXPECT_STRING(cbb_strerror(-ENOENT), "No such file or directory");
	EXPECT_CONTAINS(cbb_strerror(-4095), "4095");
	EXPECT_STRING(cbb_strerror(CBB_ERR_UNSUPPORTED - 1), "unknown error -4115");
	EXPECT_STRING(cbb_strerror(INT_MIN), "unknown error -2147483648");
}

static void given_a_failure_without_words_when_it_ends_then_it_has_general_ones(void)
{
	detail_set(0, "words of an earlier failure");
	error_begin();
	EXPECT_EQUAL(error_end(-ENOENT), -ENOENT);
	EXPECT_EQUAL(cbb_last_error(), -ENOENT);
	EXPECT_STRING(cbb_last_error_text(), "No such file or directory");
	error_begin();
	EXPECT_EQUAL(error_end(detail_set(CBB_ERR_LIMIT, "at most %d", 5)), CBB_ERR_LIMIT);
	EXPECT_STRING(cbb_last_error_text(), "at most 5");
}

static void given_a_failure_when_others_succeed_then_only_calls_forget_it(void)
{
	error_begin();
	error_end(-EIO);
	error_begin();
	EXPECT_EQUAL(error_end(0), 0);
	EXPECT_EQUAL(error_end(3), 3);
	EXPECT_EQUAL(cbb_last_error(), -EIO);
	error_begin();
	EXPECT_EQUAL(error_end_call(3), 3);
	EXPECT_EQUAL(cbb_last_error(), 0);
}

static void *look(void *error)
{
	*(int *)error = cbb_last_error();
	error_begin();
	error_end(-EPERM);
	return NULL;
}

static void given_a_failure_when_another_thread_looks_then_it_is_this_threads_alone(void)
{
	pthread_t thread;
	int seen = 77;
	error_begin();
	error_end(-EIO);
	REQUIRE_EQUAL(pthread_create(&thread, NULL, look, &seen), 0);
	pthread_join(thread, NULL);
	EXPECT_EQUAL(seen, 0);
	EXPECT_EQUAL(cbb_last_error(), -EIO);
}

static const struct test tests[] = {
    TEST(given_every_status_of_the_protocol_when_asked_for_words_then_it_has_its_own),
    TEST(given_any_number_when_asked_for_words_then_there_are_some),
    TEST(given_a_failure_without_words_when_it_ends_then_it_has_general_ones),
    TEST(given_a_failure_when_others_succeed_then_only_calls_forget_it),
    TEST(given_a_failure_when_another_thread_looks_then_it_is_this_threads_alone),
};
HARNESS_MAIN(tests)
