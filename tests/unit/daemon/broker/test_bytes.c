/* SPDX-License-Identifier: MIT */
#include "broker/bytes.h"
#include "support/harness.h"

#include <stdlib.h>
#include <string.h>

static ProtobufCBinaryData bytes(const char *data, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

static void given_control_characters_when_made_printable_then_they_are_marks_and_the_text_fits(void)
{
	char text[8];
	ProtobufCBinaryData b = bytes("a\n\x1b[\x7f\0z", 7);
	bytes_to_printable(&b, text, sizeof text);
	EXPECT_STRING(text, "a??[??z");
	b = bytes("0123456789", 10);
	bytes_to_printable(&b, text, sizeof text);
	EXPECT_STRING(text, "0123456");
	b = bytes(NULL, 0);
	bytes_to_printable(&b, text, sizeof text);
	EXPECT_STRING(text, "");
}

static void given_a_nul_when_made_a_string_then_it_fails(void)
{
	ProtobufCBinaryData b = bytes("ab\0c", 4);
	EXPECT(bytes_to_string(&b) == NULL);
	b = bytes("abc", 3);
	char *text = bytes_to_string(&b);
	EXPECT_STRING(text, "abc");
	free(text);
	b = bytes(NULL, 0);
	text = bytes_to_string(&b);
	EXPECT_STRING(text, "");
	free(text);
}

static void given_a_secret_when_compared_then_only_the_whole_of_it_is_equal(void)
{
	uint8_t secret[16];
	memset(secret, 7, sizeof secret);
	char guess[17];
	memset(guess, 7, sizeof guess);
	ProtobufCBinaryData b = bytes(guess, 16);
	EXPECT(bytes_equal_secret(&b, secret, 16));
	b.len = 15;
	EXPECT(!bytes_equal_secret(&b, secret, 16));
	b.len = 17;
	EXPECT(!bytes_equal_secret(&b, secret, 16));
	b.len = 0;
	EXPECT(!bytes_equal_secret(&b, secret, 16));
	b.len = 16;
	for (int i = 0; i < 16; i++) {
		guess[i] ^= 0x10;
		EXPECT(!bytes_equal_secret(&b, secret, 16));
		guess[i] ^= 0x10;
	}
}

static const struct test tests[] = {
    TEST(given_control_characters_when_made_printable_then_they_are_marks_and_the_text_fits),
    TEST(given_a_nul_when_made_a_string_then_it_fails),
    TEST(given_a_secret_when_compared_then_only_the_whole_of_it_is_equal),
};
HARNESS_MAIN(tests)
