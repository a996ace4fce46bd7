/* SPDX-License-Identifier: MIT */
#include "base/detail.h"
#include "support/harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static void given_no_error_when_asked_then_the_text_is_empty(void)
{
	EXPECT_STRING(detail_text(), "");
}

static void given_an_error_when_set_then_text_and_code_are_there(void)
{
	EXPECT_EQUAL(detail_set(-EINVAL, "line %d: %s", 7, "no such type"), -EINVAL);
	EXPECT_STRING(detail_text(), "line 7: no such type");
}

static void given_the_present_text_as_argument_when_set_then_it_is_kept_whole(void)
{
	detail_set(-1, "inner");
	detail_set(-1, "outer: %s", detail_text());
	EXPECT_STRING(detail_text(), "outer: inner");
}

static void given_a_text_when_prefixed_then_both_are_there(void)
{
	detail_set(-1, "cannot open");
	EXPECT_EQUAL(detail_prefix(-ENOENT, "library %s: ", "libx.so"), -ENOENT);
	EXPECT_STRING(detail_text(), "library libx.so: cannot open");
}

static void given_texts_longer_than_there_is_room_when_set_then_they_are_cut(void)
{
	char text[DETAIL_SIZE + 100];
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	detail_set(-1, "%s", text);
	EXPECT_EQUAL(strlen(detail_text()), DETAIL_SIZE - 1);
	detail_prefix(-1, "before ");
	EXPECT_EQUAL(strlen(detail_text()), DETAIL_SIZE - 1);
	EXPECT(strncmp(detail_text(), "before xxx", 10) == 0);
	detail_prefix(-1, "%s", text);
	EXPECT_EQUAL(strlen(detail_text()), DETAIL_SIZE - 1);
	detail_set_bytes(-1, text, sizeof text);
	EXPECT_EQUAL(strlen(detail_text()), DETAIL_SIZE - 1);
}

static void given_bytes_of_a_message_when_set_then_control_characters_are_replaced(void)
{
	EXPECT_EQUAL(detail_set_bytes(-EBADMSG, "a\x1b[31mb\0c\nd\x7f", 12), -EBADMSG);
	EXPECT_STRING(detail_text(), "a?[31mb?c\nd?");
	detail_set_bytes(-1, "\xc2\x9b" "31m \xc2\xb5 \xe2\x80\x9b", 12);
	EXPECT_STRING(detail_text(), "\xc2?31m \xc2\xb5 \xe2\x80\x9b");
	detail_set_bytes(-1, "", 0);
	EXPECT_STRING(detail_text(), "");
	detail_set_bytes(-1, NULL, 0);
	EXPECT_STRING(detail_text(), "");
}

static void *set_in_thread(void *unused)
{
	EXPECT_STRING(detail_text(), "");
	detail_set(-1, "of the thread");
	EXPECT_STRING(detail_text(), "of the thread");
	return unused;
}

static void given_two_threads_when_each_sets_then_each_has_its_own(void)
{
	pthread_t thread;
	detail_set(-1, "of the first");
	REQUIRE(pthread_create(&thread, NULL, set_in_thread, NULL) == 0);
	pthread_join(thread, NULL);
	EXPECT_STRING(detail_text(), "of the first");
}

static const struct test tests[] = {
    TEST(given_no_error_when_asked_then_the_text_is_empty),
    TEST(given_an_error_when_set_then_text_and_code_are_there),
    TEST(given_the_present_text_as_argument_when_set_then_it_is_kept_whole),
    TEST(given_a_text_when_prefixed_then_both_are_there),
    TEST(given_texts_longer_than_there_is_room_when_set_then_they_are_cut),
    TEST(given_bytes_of_a_message_when_set_then_control_characters_are_replaced),
    TEST(given_two_threads_when_each_sets_then_each_has_its_own),
};
HARNESS_MAIN(tests)
