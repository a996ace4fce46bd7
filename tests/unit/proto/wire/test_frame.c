/* SPDX-License-Identifier: MIT */
#include "base/detail.h"
#include "support/harness.h"
#include "wire/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool type_is_named(unsigned type)
{
	return type != 0 && protobuf_c_enum_descriptor_get_value(&cbb__frame_type__descriptor, (int)type) != NULL;
}

static void given_a_header_when_written_then_it_has_the_documented_bytes(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	memset(header, 0xff, sizeof header);
	frame_write_header(header, 0x01020304, CBB__FRAME_TYPE__FRAME_RETURN);
	static const uint8_t expected[] = {4, 3, 2, 1, 65, 0, 0, 0};
	EXPECT_BYTES(header, sizeof header, expected, sizeof expected);
}

static void given_a_written_header_when_read_then_size_and_type_come_back(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	uint32_t size = 0;
	Cbb__FrameType type = CBB__FRAME_TYPE__FRAME_NONE;
	frame_write_header(header, UINT32_MAX, CBB__FRAME_TYPE__FRAME_HELLO);
	EXPECT_EQUAL(frame_read_header(header, SIZE_MAX, &size, &type), 0);
	EXPECT_EQUAL(size, UINT32_MAX);
	EXPECT_EQUAL(type, CBB__FRAME_TYPE__FRAME_HELLO);
}

static void given_the_size_limit_when_met_then_it_passes_and_one_more_is_refused_in_words(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	uint32_t size = 7;
	Cbb__FrameType type = CBB__FRAME_TYPE__FRAME_NONE;
	frame_write_header(header, FRAME_HELLO_MAX_BYTES, CBB__FRAME_TYPE__FRAME_HELLO);
	EXPECT_EQUAL(frame_read_header(header, FRAME_HELLO_MAX_BYTES, &size, &type), 0);
	EXPECT_EQUAL(size, FRAME_HELLO_MAX_BYTES);
	frame_write_header(header, FRAME_HELLO_MAX_BYTES + 1, CBB__FRAME_TYPE__FRAME_HELLO);
	size = 7;
	EXPECT_EQUAL(frame_read_header(header, FRAME_HELLO_MAX_BYTES, &size, &type), -EBADMSG);
	EXPECT_EQUAL(size, 7);
	EXPECT_CONTAINS(detail_text(), "HELLO");
	EXPECT_CONTAINS(detail_text(), "4097");
	EXPECT_CONTAINS(detail_text(), "4096");
}

static void given_every_type_when_read_then_exactly_the_named_ones_pass(void)
{
	for (unsigned number = 0; number <= UINT16_MAX; number++) {
		uint8_t header[FRAME_HEADER_BYTES] = {0, 0, 0, 0, (uint8_t)number, (uint8_t)(number >> 8), 0, 0};
		uint32_t size;
		Cbb__FrameType type = CBB__FRAME_TYPE__FRAME_NONE;
		int r = frame_read_header(header, 100, &size, &type);
		if (r != (type_is_named(number) ? 0 : -EBADMSG) || (r == 0 && type != number))
			FAIL("type %u: %d", number, r);
	}
	EXPECT_CONTAINS(detail_text(), "65535");
}

static void given_reserved_bits_when_read_then_it_is_refused(void)
{
	for (unsigned bit = 0; bit < 16; bit++) {
		uint8_t header[FRAME_HEADER_BYTES];
		uint32_t size;
		Cbb__FrameType type;
		frame_write_header(header, 0, CBB__FRAME_TYPE__FRAME_HELLO);
		header[6 + bit / 8] |= (uint8_t)(1u << bit % 8);
		EXPECT_EQUAL(frame_read_header(header, 100, &size, &type), -EBADMSG);
	}
	EXPECT_CONTAINS(detail_text(), "reserved");
	static const uint8_t http[] = "GET / HTTP/1.1";
	uint32_t size;
	Cbb__FrameType type;
	EXPECT_EQUAL(frame_read_header(http, 100, &size, &type), -EBADMSG);
}

static void given_types_when_named_then_unknown_ones_have_a_number(void)
{
	EXPECT_STRING(frame_type_name(CBB__FRAME_TYPE__FRAME_HELLO_REPLY), "HELLO_REPLY");
	EXPECT_STRING(frame_type_name(77), "type 77");
	EXPECT_STRING(frame_type_name(-2147483647 - 1), "type -2147483648");
}

static void given_descriptors_in_a_frame_when_closed_then_taken_ones_are_left_alone(void)
{
	int taken = open("/dev/null", O_RDONLY | O_CLOEXEC), other = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct frame frame = {.fds = {taken, other}, .n_fds = 2};
	frame.fds[0] = -1;
	frame_close_fds(&frame);
	EXPECT_EQUAL(frame.n_fds, 0);
	EXPECT(fcntl(taken, F_GETFD) >= 0);
	EXPECT(fcntl(other, F_GETFD) < 0);
	close(taken);
	frame_close_fds(&frame);
}

static const struct test tests[] = {
    TEST(given_a_header_when_written_then_it_has_the_documented_bytes),
    TEST(given_a_written_header_when_read_then_size_and_type_come_back),
    TEST(given_the_size_limit_when_met_then_it_passes_and_one_more_is_refused_in_words),
    TEST(given_every_type_when_read_then_exactly_the_named_ones_pass),
    TEST(given_reserved_bits_when_read_then_it_is_refused),
    TEST(given_types_when_named_then_unknown_ones_have_a_number),
    TEST(given_descriptors_in_a_frame_when_closed_then_taken_ones_are_left_alone),
};
HARNESS_MAIN(tests)
