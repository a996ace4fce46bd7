/* SPDX-License-Identifier: MIT */
#include "ctl/text.h"

#include "support/harness.h"

#include <stdint.h>
#include <string.h>

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static const char *cut(const char *text, unsigned at)
{
	ProtobufCBinaryData data = bytes(text);
	return text_of(&data, at);
}

static void given_a_name_when_it_has_control_characters_then_they_are_question_marks(void)
{
	EXPECT_STRING(cut("a\x1b[31mb\n\x7f", 0), "a?[31mb??");
	EXPECT_STRING(cut("", 0), "");
	text_free_all();
}

static void given_a_name_at_the_limit_when_one_character_more_comes_then_it_is_cut(void)
{
	EXPECT_STRING(cut("abcd", 4), "abcd");
	EXPECT_STRING(cut("abcde", 4), "abcd…");
	EXPECT_STRING(cut("äöüß", 4), "äöüß"); /* characters, not bytes */
	EXPECT_STRING(cut("äöüßa", 4), "äöüß…");
	EXPECT_STRING(cut("abcde", 0), "abcde");
	text_free_all();
}

static void given_times_when_shown_then_the_unit_fits(void)
{
	EXPECT_STRING(text_duration(0), "0.0 s");
	EXPECT_STRING(text_duration(59999), "59.9 s");
	EXPECT_STRING(text_duration(60000), "1 min 0 s");
	EXPECT_STRING(text_duration(3599999), "59 min 59 s");
	EXPECT_STRING(text_duration(3600000), "1 h 0 min");
	text_free_all();
}

static void given_sizes_and_rates_when_shown_then_they_are_rounded(void)
{
	EXPECT_STRING(text_size(0), "0.0 KiB");
	EXPECT_STRING(text_size((1u << 20) - 1), "1024.0 KiB");
	EXPECT_STRING(text_size(1u << 20), "1.0 MiB");
	EXPECT_STRING(text_rate(5, 0), "0.0");
	EXPECT_STRING(text_rate(5, 1000), "5.0");
	EXPECT_STRING(text_rate(123, 1000), "123");
	text_free_all();
}

static void given_a_state_of_a_later_version_when_shown_then_it_is_unknown(void)
{
	EXPECT_STRING(text_state(CBB__HOST_STATE__HOST_RUNNING), "running");
	EXPECT_STRING(text_state(CBB__HOST_STATE__HOST_ENDED), "ended");
	EXPECT_STRING(text_state((Cbb__HostState)5), "unknown");
	EXPECT_STRING(text_state((Cbb__HostState)-1), "unknown");
}

static const struct test tests[] = {
	TEST(given_a_name_when_it_has_control_characters_then_they_are_question_marks),
	TEST(given_a_name_at_the_limit_when_one_character_more_comes_then_it_is_cut),
	TEST(given_times_when_shown_then_the_unit_fits),
	TEST(given_sizes_and_rates_when_shown_then_they_are_rounded),
	TEST(given_a_state_of_a_later_version_when_shown_then_it_is_unknown),
};
HARNESS_MAIN(tests)
