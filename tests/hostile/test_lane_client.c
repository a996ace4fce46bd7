/* SPDX-License-Identifier: MIT */
/*
 * Clients that break the protocol on a lane: that lane is cut off and named in the host's log; the other lanes of the
 * same host, and other clients, notice nothing.
 */
#include "lane_party.h"

#include <errno.h>

#define DEPTH_MAX 64

/* ---- What is no frame, or none of a lane ---- */

static void given_what_is_no_frame_when_it_comes_on_a_lane_then_the_lane_is_cut_off(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	given_two_parties();
	expect_bytes_are_cut_off("GET / HTTP/1.1\r\n\r\n", 18, "not a frame");
	frame_write_header(header, 0, CBB__FRAME_TYPE__FRAME_INVOKE);
	header[6] = 1;
	expect_bytes_are_cut_off(header, sizeof header, "reserved bits");
	frame_write_header(header, FRAME_PAYLOAD_DEFAULT_BYTES + FRAME_OVERHEAD_BYTES + 1,
	                   CBB__FRAME_TYPE__FRAME_INVOKE);
	expect_bytes_are_cut_off(header, sizeof header, "at most");
	expect_bytes_are_cut_off("\x02\0\0\0\x40\0\0\0\x7a\x7f", 10, "garbled");
	finish();
}

static void given_frames_of_other_connections_when_they_come_on_a_lane_then_the_lane_is_cut_off(void)
{
	static const Cbb__FrameType types[] = {CBB__FRAME_TYPE__FRAME_HELLO_REPLY, CBB__FRAME_TYPE__FRAME_OPEN_HOST,
	                                       CBB__FRAME_TYPE__FRAME_HOST_EXITED, CBB__FRAME_TYPE__FRAME_HOST_END,
	                                       CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED};
	Cbb__Hello hello;
	given_two_parties();
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_ATTACH);
	expect_message_is_cut_off(CBB__FRAME_TYPE__FRAME_HELLO, &hello.base, "HELLO does not belong on a lane");
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
		uint8_t header[FRAME_HEADER_BYTES];
		frame_write_header(header, 0, types[i]);
		expect_bytes_are_cut_off(header, sizeof header,
		                         harness_format("%s does not belong", frame_type_name((int)types[i])));
	}
	finish();
}

/* ---- Calls that contradict the interface ---- */

static void given_calls_of_what_there_is_not_when_they_come_then_the_lane_is_cut_off(void)
{
	uint64_t word = 41;
	given_two_parties();
	Cbb__Invoke message = an_invoke(1, 0, "add_one", &word, 1);
	message.library = 77;
	expect_invoke_is_cut_off(&message, "77 was never opened");
	message.library = UINT32_MAX;
	expect_invoke_is_cut_off(&message, "was never opened");
	message.library = 0;
	expect_invoke_is_cut_off(&message, "was never opened");
	message = an_invoke(1, 0, "add_one", &word, 1);
	message.function = (uint32_t)callbacks->message.n_functions;
	expect_invoke_is_cut_off(&message, "has no function number");
	message.function = UINT32_MAX;
	expect_invoke_is_cut_off(&message, "has no function number");
	finish();
}

static void given_words_and_blocks_that_contradict_the_interface_when_they_come_then_the_lane_is_cut_off(void)
{
	uint64_t words[3] = {1, 3, 1};
	ProtobufCBinaryData blocks[2] = {raw_bytes("abc"), raw_bytes("abc")};
	given_two_parties();
	Cbb__Invoke message = an_invoke(1, 0, "add_one", words, 0);
	expect_invoke_is_cut_off(&message, "add_one");
	message.n_words = 2;
	expect_invoke_is_cut_off(&message, "add_one");
	message.n_words = 1;
	message.blocks = blocks;
	message.n_blocks = 1;
	expect_invoke_is_cut_off(&message, "add_one");
	message = an_invoke(1, 0, "add_one", words, 2);
	message.library = MEMORY;
	message.function = function_number(memory, "bytes_sum");
	expect_invoke_is_cut_off(&message, "bytes_sum"); /* no block */
	message.blocks = blocks;
	message.n_blocks = 2;
	expect_invoke_is_cut_off(&message, "bytes_sum"); /* one too many */
	message.n_blocks = 1;
	blocks[0].len = 2;
	expect_invoke_is_cut_off(&message, "bytes_sum"); /* too small */
	words[1] = UINT32_MAX; /* n is -1 */
	expect_invoke_is_cut_off(&message, "bytes_sum");
	message.function = function_number(memory, "is_null_text");
	message.n_words = 1;
	expect_invoke_is_cut_off(&message, "is_null_text"); /* text without an end */
	words[0] = 2;
	expect_invoke_is_cut_off(&message, "is_null_text"); /* neither NULL nor not */
	finish();
}

static void given_function_pointers_that_are_none_when_passed_then_the_call_fails_and_the_lane_goes_on(void)
{
	static const uint64_t unknown[] = {1ull << 63 | 1ull << 32 | 9, 1ull << 63, UINT64_MAX, 1ull << 62 | 99ull << 32,
	                                   1ull << 62 | 1ull << 32 | 60000, 0x1234, 0};
	given_two_parties();
	given_a_bad_lane();
	for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		uint64_t words[2] = {unknown[i], 5};
		Cbb__Invoke message = an_invoke(i + 1, 0, "call_number", words, 2);
		send_invoke(&bad, &message);
		if (raw_receive(&bad) != CBB__FRAME_TYPE__FRAME_RETURN) {
			EXPECT_EQUAL(unknown[i], 0); /* NULL, where the interface forbids it, is a breach */
			break;
		}
		const Cbb__Return *answer = raw_unpack(&bad, &cbb__return__descriptor);
		EXPECT(answer->status < 0);
		EXPECT_EQUAL(answer->n_words, 0);
	}
	raw_close(&bad);
	finish();
}

/* ---- Answers and nesting ---- */

static void given_answers_that_nobody_waits_for_when_they_come_then_the_lane_is_cut_off(void)
{
	given_two_parties();
	Cbb__OpenCallback callback = a_callback(0, 1);
	given_a_bad_lane();
	send_return(&bad, 5, 0, 0, 1);
	expect_cut_off("a Return to nothing");
	given_a_bad_lane();
	send_callback(&bad, &callback);
	send_return(&bad, call_until_called_back(&bad, 1, 0) + 1, 0, 6, 1);
	expect_cut_off("a Return to nothing");
	given_a_bad_lane();
	uint64_t answered = call_until_called_back(&bad, 1, 0);
	send_return(&bad, answered, 0, 6, 1);
	expect_return(&bad, 1, 0);
	send_return(&bad, answered, 0, 6, 1);
	expect_cut_off("a Return to nothing");
	finish();
}

static void expect_answer_is_cut_off(int status, size_t n_words, const char *words)
{
	given_a_bad_lane();
	send_return(&bad, call_until_called_back(&bad, 1, 0), status, 6, n_words);
	expect_cut_off(words);
}

static void given_answers_that_lie_when_they_come_then_the_lane_is_cut_off(void)
{
	given_two_parties();
	Cbb__OpenCallback callback = a_callback(0, 1);
	send_callback(&hostile.lane, &callback);
	call_add_one(&hostile.lane, 2); /* it has been taken */
	expect_answer_is_cut_off(7, 0, "status 7");
	expect_answer_is_cut_off(CBB__STATUS__STATUS_CLOSED, 1, "beside");
	expect_answer_is_cut_off(0, 0, "number_fn");
	expect_answer_is_cut_off(0, 2, "number_fn");
	finish();
}

static void given_a_handler_that_failed_with_an_errno_when_it_answers_then_the_lane_goes_on(void)
{
	given_two_parties();
	Cbb__OpenCallback callback = a_callback(0, 1);
	static const int codes[] = {-ENOMEM, -EBADMSG, -ECONNRESET, INT32_MIN, CBB__STATUS__STATUS_HOST_DIED};
	given_a_bad_lane();
	send_callback(&bad, &callback);
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
		send_return(&bad, call_until_called_back(&bad, i + 1, 0), codes[i], 0, 0);
		const Cbb__Return *answer = expect_return(&bad, i + 1, 0);
		EXPECT_EQUAL((int)answer->words[0], -77); /* native code got on_error */
	}
	raw_close(&bad);
	finish();
}

static void given_calls_under_what_is_not_in_flight_when_they_come_then_the_lane_is_cut_off(void)
{
	uint64_t word = 41;
	given_two_parties();
	Cbb__OpenCallback callback = a_callback(0, 1);
	Cbb__Invoke message = an_invoke(1, 99, "add_one", &word, 1);
	expect_invoke_is_cut_off(&message, "callback 99, which is not in flight");
	given_a_bad_lane();
	send_callback(&bad, &callback);
	message = an_invoke(2, call_until_called_back(&bad, 1, 0) + 1, "add_one", &word, 1);
	send_invoke(&bad, &message);
	expect_cut_off("which is not in flight");
	given_a_bad_lane();
	call_until_called_back(&bad, 1, 0);
	message.parent = 0;
	send_invoke(&bad, &message);
	expect_cut_off("which is not in flight");
	finish();
}

static void given_calls_nested_to_the_limit_when_one_more_comes_then_the_lane_is_cut_off(void)
{
	uint64_t served[DEPTH_MAX + 1] = {0};
	given_two_parties();
	Cbb__OpenCallback callback = a_callback(0, 1);
	given_a_bad_lane();
	send_callback(&bad, &callback);
	for (uint64_t i = 1; i <= DEPTH_MAX; i++)
		served[i] = call_until_called_back(&bad, i, served[i - 1]);
	for (uint64_t i = DEPTH_MAX; i > 0; i--) {
		send_return(&bad, served[i], 0, i, 1);
		EXPECT_EQUAL(expect_return(&bad, i, 0)->words[0], i);
	}
	for (uint64_t i = 1; i <= DEPTH_MAX; i++)
		served[i] = call_until_called_back(&bad, i, served[i - 1]);
	uint64_t word = 41;
	Cbb__Invoke message = an_invoke(DEPTH_MAX + 1, served[DEPTH_MAX], "add_one", &word, 1);
	send_invoke(&bad, &message);
	expect_cut_off("more than 64 calls nested");
	finish();
}

static const struct test tests[] = {
    TEST(given_what_is_no_frame_when_it_comes_on_a_lane_then_the_lane_is_cut_off),
    TEST(given_frames_of_other_connections_when_they_come_on_a_lane_then_the_lane_is_cut_off),
    TEST(given_calls_of_what_there_is_not_when_they_come_then_the_lane_is_cut_off),
    TEST(given_words_and_blocks_that_contradict_the_interface_when_they_come_then_the_lane_is_cut_off),
    TEST(given_function_pointers_that_are_none_when_passed_then_the_call_fails_and_the_lane_goes_on),
    TEST(given_answers_that_nobody_waits_for_when_they_come_then_the_lane_is_cut_off),
    TEST(given_answers_that_lie_when_they_come_then_the_lane_is_cut_off),
    TEST(given_a_handler_that_failed_with_an_errno_when_it_answers_then_the_lane_goes_on),
    TEST(given_calls_under_what_is_not_in_flight_when_they_come_then_the_lane_is_cut_off),
    TEST(given_calls_nested_to_the_limit_when_one_more_comes_then_the_lane_is_cut_off),
};
HARNESS_MAIN(tests)
