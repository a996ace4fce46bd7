/* SPDX-License-Identifier: MIT */
/*
 * The codec of the two hot messages against protobuf-c: the same bytes out, the same values in.
 */
#include "base/detail.h"
#include "support/harness.h"
#include "support/hot_compare.h"
#include "wire/hot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 100000
#define BLOCKS_MAX 6
#define SEED 0x68f7

static const Cbb__FrameType both_types[] = {CBB__FRAME_TYPE__FRAME_INVOKE, CBB__FRAME_TYPE__FRAME_RETURN};

static uint64_t state;
static uint8_t bytes_of_blocks[70000];
static uint64_t random_words[HOT_WORDS_MAX];
static ProtobufCBinaryData random_blocks[BLOCKS_MAX];

/* Numbers of every length on the wire, zero and the largest among them. */
static uint64_t random_number(void)
{
	uint64_t number = harness_random(&state);
	return number % 5 == 0 ? 0 : number % 11 == 0 ? UINT64_MAX : number >> (harness_random(&state) % 64);
}

static size_t random_size(void)
{
	static const size_t edges[] = {0, 1, 127, 128, 129, 16383, 16384, 65536};
	uint64_t choice = harness_random(&state);
	return choice % 64 == 0 ? edges[choice / 64 % 8] : choice / 64 % 40;
}

static size_t fill_words(void)
{
	size_t n = harness_random(&state) % (harness_random(&state) % 8 ? 9 : HOT_WORDS_MAX + 1);
	for (size_t i = 0; i < n; i++)
		random_words[i] = random_number();
	return n;
}

static size_t fill_blocks(void)
{
	size_t n = harness_random(&state) % (BLOCKS_MAX + 1);
	for (size_t i = 0; i < n; i++) {
		random_blocks[i].len = random_size();
		random_blocks[i].data = bytes_of_blocks + harness_random(&state) % 1000;
	}
	return n;
}

static size_t random_invoke(uint8_t *to)
{
	Cbb__Invoke invoke = CBB__INVOKE__INIT;
	invoke.sequence = random_number();
	invoke.parent = random_number();
	invoke.error_number = (int32_t)random_number();
	invoke.core = (uint32_t)random_number();
	invoke.timeout_ms = random_number();
	invoke.library = (uint32_t)random_number();
	invoke.function = (uint32_t)random_number();
	invoke.slot = (uint32_t)random_number();
	invoke.generation = (uint32_t)random_number();
	invoke.thread = (uint32_t)random_number();
	invoke.dispatches = random_number();
	invoke.serves = random_number();
	invoke.after = random_number();
	invoke.last_queue = (uint32_t)random_number();
	invoke.n_words = fill_words();
	invoke.words = random_words;
	invoke.n_blocks = fill_blocks();
	invoke.blocks = random_blocks;
	return cbb__invoke__pack(&invoke, to);
}

static size_t random_return(uint8_t *to)
{
	Cbb__Return answer = CBB__RETURN__INIT;
	answer.sequence = random_number();
	answer.error_number = (int32_t)random_number();
	answer.core = (uint32_t)random_number();
	answer.status = (int32_t)random_number();
	answer.detail = (ProtobufCBinaryData){random_size(), bytes_of_blocks + 5};
	answer.has_error_number = random_number() & 1;
	answer.n_words = fill_words();
	answer.words = random_words;
	answer.n_blocks = fill_blocks();
	answer.blocks = random_blocks;
	return cbb__return__pack(&answer, to);
}

static size_t random_message(Cbb__FrameType type, uint8_t *to)
{
	return type == CBB__FRAME_TYPE__FRAME_INVOKE ? random_invoke(to) : random_return(to);
}

static void begin(void)
{
	state = harness_seed(SEED);
	for (size_t i = 0; i < sizeof bytes_of_blocks; i++)
		bytes_of_blocks[i] = (uint8_t)harness_random(&state);
}

/* In memory of exactly its size, whose end a sanitizer watches. */
static void compare(Cbb__FrameType type, const uint8_t *data, size_t size, unsigned i)
{
	uint8_t *exact = calloc(1, size ? size : 1);
	memcpy(exact, data, size);
	const char *why = hot_compare(type, exact, size);
	free(exact);
	if (why)
		FAIL("message %u of seed %#llx, %s of %zu bytes: %s", i, (unsigned long long)harness_seed(SEED),
		     frame_type_name((int)type), size, why);
}

static uint8_t message[2 * (BLOCKS_MAX + 1) * 66000];

static void given_random_messages_when_written_and_read_then_protobuf_agrees(void)
{
	begin();
	for (unsigned i = 0; i < MESSAGES && expect_failures() < 5; i++) {
		Cbb__FrameType type = both_types[i % 2];
		compare(type, message, random_message(type, message), i);
	}
}

static void given_two_messages_in_a_row_when_read_then_the_last_scalar_wins_and_the_rest_adds_up(void)
{
	begin();
	for (unsigned i = 0; i < MESSAGES / 10 && expect_failures() < 5; i++) {
		Cbb__FrameType type = both_types[i % 2];
		size_t size = random_message(type, message);
		size += random_message(type, message + size);
		compare(type, message, size, i);
	}
}

static void given_the_other_message_when_read_then_its_own_fields_are_unknown(void)
{
	begin();
	for (unsigned i = 0; i < MESSAGES / 10 && expect_failures() < 5; i++)
		compare(both_types[i % 2], message, random_message(both_types[(i + 1) % 2], message), i);
}

static void given_every_truncation_when_read_then_both_agree(void)
{
	begin();
	for (unsigned i = 0; i < 200 && expect_failures() < 5; i++) {
		Cbb__FrameType type = both_types[i % 2];
		size_t size = random_message(type, message);
		for (size_t cut = 0; cut < size && cut < 400; cut++)
			compare(type, message, cut, i);
		if (size)
			compare(type, message, size - 1, i);
	}
}

static void given_damaged_messages_when_read_then_both_agree(void)
{
	begin();
	for (unsigned i = 0; i < MESSAGES && expect_failures() < 5; i++) {
		Cbb__FrameType type = both_types[i % 2];
		size_t size = random_message(type, message);
		for (unsigned n = 1 + (unsigned)(harness_random(&state) % 4); size && n; n--)
			message[harness_random(&state) % (size < 40 ? size : 40)] = (uint8_t)harness_random(&state);
		compare(type, message, size, i);
	}
}

static void given_garbage_when_read_then_both_agree(void)
{
	begin();
	for (unsigned i = 0; i < MESSAGES && expect_failures() < 5; i++) {
		size_t size = harness_random(&state) % 40;
		for (size_t k = 0; k < size; k++) {
			uint64_t number = harness_random(&state);
			/* Small bytes make tags and lengths that go on. */
			message[k] = (uint8_t)(number & 0x100 ? number & 0x7f : number & 0x200 ? number & 7 : number);
		}
		compare(both_types[i % 2], message, size, i);
	}
}

/* Both types read the bytes as protobuf-c does. */
#define COMPARE(bytes)                                                                                                 \
	do {                                                                                                           \
		compare(both_types[0], (const uint8_t *)(bytes), sizeof(bytes) - 1, __LINE__);                         \
		compare(both_types[1], (const uint8_t *)(bytes), sizeof(bytes) - 1, __LINE__);                         \
	} while (0)

static void given_what_protobuf_allows_and_nobody_writes_when_read_then_both_agree(void)
{
	COMPARE("");
	COMPARE("\x71\1\2\3\4\5\6\7\x08");                         /* one word, unpacked */
	COMPARE("\x71\1\2\3\4\5\6\7\x08\x72\x08\1\2\3\4\5\6\7\x08"); /* then packed */
	COMPARE("\x72\0");                                         /* no words, packed */
	COMPARE("\x72\7\1\2\3\4\5\6\7");                            /* part of a word */
	COMPARE("\xa0\6\1");                                       /* unknown varint, fixed64, bytes, fixed32 */
	COMPARE("\xa1\6\1\2\3\4\5\6\7\x08");
	COMPARE("\xa2\6\3xyz");
	COMPARE("\xa5\6\1\2\3\4");
	COMPARE("\xa3\6\xa4\6");                                   /* a group */
	COMPARE("\x0b\x0c");
	COMPARE("\xa6\6");                                         /* wire types that do not exist */
	COMPARE("\xa7\6");
	COMPARE("\0");                                             /* field 0 */
	COMPARE("\0\0");
	COMPARE("\2\0");
	COMPARE("\x80\0\1");                                       /* field 0, the long way */
	COMPARE("\x88\0\5");                                       /* sequence, its tag the long way */
	COMPARE("\x88\x80\x80\x80\0\5");
	COMPARE("\x88\x80\x80\x80\x80\0\5");                         /* longer than a tag may be */
	COMPARE("\xf8\xff\xff\xff\x0f\5");                          /* the largest field */
	COMPARE("\xf8\xff\xff\xff\x7f\5");
	COMPARE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\1");        /* the largest number */
	COMPARE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f");       /* bits beyond 64 */
	COMPARE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1");     /* 11 bytes */
	COMPARE("\x68\x80\x80\x80\x80\x80\x80\x80\x80\x80\2");        /* a bool whose only bit is beyond 64 */
	COMPARE("\x68\x80\x80\0");
	COMPARE("\x6a\x80\0");                                     /* a bool in other wire types */
	COMPARE("\x6a\1\0");
	COMPARE("\x6d\0\0\0\x80");
	COMPARE("\x69\0\0\0\0\0\0\0\1");
	COMPARE("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\1");        /* core: 64 bits for 32 */
	COMPARE("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\1");        /* error_number, likewise */
	COMPARE("\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\1");
	COMPARE("\x7a\x83\0xyz");                                  /* a block, its length the long way */
	COMPARE("\x7a\x83\x80\x80\x80\0xyz");
	COMPARE("\x7a\x83\x80\x80\x80\x80\0xyz");
	COMPARE("\x7a\x83\x80\x80\x80\x10xyz");                     /* 2^32 + 3 */
	COMPARE("\x7a\xff\xff\xff\xff\x07xyz");
	COMPARE("\x09\1\2\3\4\5\6\7\x08");                          /* known fields in wrong wire types */
	COMPARE("\x0a\1x");
	COMPARE("\x0d\1\2\3\4");
	COMPARE("\x60\1");
	COMPARE("\x70\1");
	COMPARE("\x78\1");
	COMPARE("\x12\1x");
	COMPARE("\x5a\1x");
}

static void given_more_words_than_there_is_room_when_read_then_it_is_refused_in_words(void)
{
	uint8_t body[4 + 8 * (HOT_WORDS_MAX + 1)] = {0xc2, 1, 0, 0}; /* field 24, bytes */
	struct hot hot;
	for (unsigned n = HOT_WORDS_MAX; n <= HOT_WORDS_MAX + 1; n++) {
		body[2] = (uint8_t)((n * 8 & 0x7f) | 0x80);
		body[3] = (uint8_t)(n * 8 >> 7);
		struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_INVOKE, .body = body, .size = 4 + 8 * n};
		EXPECT_EQUAL(hot_read(&hot, &frame), n == HOT_WORDS_MAX ? 0 : -EBADMSG);
	}
	EXPECT_CONTAINS(detail_text(), "INVOKE");
}

static void given_a_limit_when_a_block_does_not_fit_then_nothing_is_left_of_the_message(void)
{
	struct buffer out;
	struct hot_writer writer;
	struct hot fields = {.sequence = 1};
	buffer_init(&out, 2000);
	memcpy(buffer_extend(&out, 4), "keep", 4);
	hot_begin(&writer, &out, CBB__FRAME_TYPE__FRAME_INVOKE, &fields, 2);
	EXPECT(hot_add_block(&writer, 100) != NULL);
	EXPECT(hot_add_block(&writer, 2000) == NULL);
	EXPECT(hot_add_block(&writer, 1) == NULL);
	hot_set_word(&writer, 0, 1);
	EXPECT_EQUAL(hot_end(&writer), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(detail_text(), "max_payload_bytes");
	EXPECT_BYTES(out.data, out.size, "keep", 4);
	hot_begin(&writer, &out, CBB__FRAME_TYPE__FRAME_INVOKE, &fields, 2);
	EXPECT(hot_add_block(&writer, SIZE_MAX) == NULL);
	EXPECT(hot_end(&writer) < 0);
	EXPECT_EQUAL(out.size, 4);
	hot_begin(&writer, &out, CBB__FRAME_TYPE__FRAME_INVOKE, &fields, 100000);
	hot_set_word(&writer, 0, 1);
	EXPECT(hot_end(&writer) < 0);
	EXPECT_EQUAL(out.size, 4);
	buffer_free(&out);
}

static void given_words_beyond_their_number_when_set_then_they_are_ignored(void)
{
	struct buffer out;
	struct hot_writer writer;
	buffer_init(&out, 2000);
	hot_begin(&writer, &out, CBB__FRAME_TYPE__FRAME_RETURN, &(struct hot){.sequence = 9}, 1);
	hot_set_word(&writer, 0, 0x1122334455667788);
	hot_set_word(&writer, 1, 5);
	EXPECT_EQUAL(hot_end(&writer), 0);
	static const uint8_t expected[] = {13, 0, 0, 0, 65, 0, 0, 0, 8, 9, 0xc2, 1, 8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
	                                   0x22, 0x11};
	EXPECT_BYTES(out.data, out.size, expected, sizeof expected);
	hot_cancel(&writer);
	EXPECT_EQUAL(out.size, 0);
	buffer_free(&out);
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_random_messages_when_written_and_read_then_protobuf_agrees, 60),
    TEST_TIMEOUT(given_two_messages_in_a_row_when_read_then_the_last_scalar_wins_and_the_rest_adds_up, 60),
    TEST_TIMEOUT(given_the_other_message_when_read_then_its_own_fields_are_unknown, 60),
    TEST_TIMEOUT(given_every_truncation_when_read_then_both_agree, 60),
    TEST_TIMEOUT(given_damaged_messages_when_read_then_both_agree, 60),
    TEST_TIMEOUT(given_garbage_when_read_then_both_agree, 60),
    TEST(given_what_protobuf_allows_and_nobody_writes_when_read_then_both_agree),
    TEST(given_more_words_than_there_is_room_when_read_then_it_is_refused_in_words),
    TEST(given_a_limit_when_a_block_does_not_fit_then_nothing_is_left_of_the_message),
    TEST(given_words_beyond_their_number_when_set_then_they_are_ignored),
};
HARNESS_MAIN(tests)
