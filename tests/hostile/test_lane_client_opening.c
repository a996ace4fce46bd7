/* SPDX-License-Identifier: MIT */
/*
 * Clients that lie about callbacks and libraries on a lane.
 */
#include "lane_party.h"

/* ---- One-way frames ---- */

static void expect_callback_is_cut_off(const Cbb__OpenCallback *message, const char *words)
{
	expect_message_is_cut_off(CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, &message->base, words);
}

static void given_callbacks_opened_wrongly_when_they_come_then_the_lane_is_cut_off(void)
{
	char name[129];
	given_two_parties();
	Cbb__OpenCallback message = a_callback(0, 0);
	expect_callback_is_cut_off(&message, "out of range");
	message = a_callback(0, 1u << 30);
	expect_callback_is_cut_off(&message, "out of range");
	message = a_callback(UINT32_MAX, 1);
	expect_callback_is_cut_off(&message, "out of range");
	message = a_callback(0, 1);
	memset(name, 'n', sizeof name);
	message.name = (ProtobufCBinaryData){.len = 128, .data = (uint8_t *)name};
	expect_callback_is_cut_off(&message, "out of range");
	message = a_callback(0, 1);
	message.library = 77;
	expect_callback_is_cut_off(&message, "77, which was never opened");
	message = a_callback(0, 1);
	message.function = 60000;
	expect_callback_is_cut_off(&message, "60000");
	message.function = function_number(callbacks, "add_one");
	expect_callback_is_cut_off(&message, "no type but a function");
	finish();
}

static void given_one_slot_opened_twice_when_the_second_is_another_then_the_lane_is_cut_off(void)
{
	given_two_parties();
	Cbb__OpenCallback first = a_callback(3, 4), other = first;
	given_a_bad_lane();
	send_callback(&bad, &first);
	send_callback(&bad, &first); /* the same again changes nothing */
	call_add_one(&bad, 1);
	raw_close(&bad);
	other.function = function_number(callbacks, "notice_fn");
	expect_callback_is_cut_off(&other, "slot 3 was opened as something else");
	other = first;
	other.timeout_ms = 1;
	expect_callback_is_cut_off(&other, "something else");
	other = first;
	other.plain = true;
	expect_callback_is_cut_off(&other, "something else");
	other = first;
	other.delivery = CBB__DELIVERY__DELIVERY_LOCAL;
	expect_callback_is_cut_off(&other, "something else");
	other = first;
	other.name = raw_bytes("");
	expect_callback_is_cut_off(&other, "something else");
	finish();
}

static void given_one_way_frames_that_lie_when_they_come_then_the_lane_is_cut_off_or_they_are_ignored(void)
{
	Cbb__CloseCallback closing = CBB__CLOSE_CALLBACK__INIT;
	Cbb__Abandon abandon = CBB__ABANDON__INIT;
	given_two_parties();
	closing.slot = UINT32_MAX;
	closing.generation = 1;
	expect_message_is_cut_off(CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, &closing.base, "out of range");
	closing.slot = 1;
	closing.generation = 0;
	expect_message_is_cut_off(CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, &closing.base, "out of range");
	expect_bytes_are_cut_off("\x02\0\0\0\x45\0\0\0\x7a\x7f", 10, "Abandon");
	given_a_bad_lane();
	abandon.sequence = 12345;
	raw_send(&bad, CBB__FRAME_TYPE__FRAME_ABANDON, &abandon.base);
	closing.generation = 7; /* never opened: closed from the start */
	raw_send(&bad, CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, &closing.base);
	call_add_one(&bad, 1);
	raw_close(&bad);
	finish();
}

/* ---- Libraries ---- */

static void expect_opening_is_cut_off(const Cbb__OpenLibrary *message, const char *words)
{
	expect_message_is_cut_off(CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &message->base, words);
}

static void given_openings_that_lie_when_they_come_then_the_lane_is_cut_off(void)
{
	given_two_parties();
	Cbb__OpenLibrary message = an_opening(5, NULL);
	expect_opening_is_cut_off(&message, "without an interface");
	message = an_opening(0, callbacks);
	expect_opening_is_cut_off(&message, "number 0 taken");
	message = an_opening(LIBRARY, callbacks);
	expect_opening_is_cut_off(&message, "number 1 taken");
	expect_bytes_are_cut_off("\x03\0\0\0\x42\0\0\0\x1a\x7f\0", 11, "OpenLibrary");
	finish();
}

static void expect_opening_fails(const Cbb__OpenLibrary *message, int status)
{
	const Cbb__LibraryOpened *opened = open_library(&bad, message);
	EXPECT_EQUAL(opened->sequence, message->sequence);
	EXPECT_EQUAL(opened->status, status);
	EXPECT(opened->detail.len > 0);
	EXPECT_EQUAL(opened->n_missing, 0);
}

static void given_interfaces_that_are_broken_when_opened_then_it_fails_in_words_and_the_lane_goes_on(void)
{
	Cbb__Interface empty = CBB__INTERFACE__INIT;
	struct interface *broken;
	given_two_parties();
	given_a_bad_lane();
	Cbb__OpenLibrary message = an_opening(5, NULL);
	message.interface = &empty;
	expect_opening_fails(&message, CBB__STATUS__STATUS_INTERFACE);
	broken = parse("callbacks", CALLBACKS_TEXT);
	broken->message.params[0]->type = 60000;
	message = an_opening(5, broken);
	expect_opening_fails(&message, CBB__STATUS__STATUS_INTERFACE);
	interface_free(broken);
	broken = parse("callbacks", CALLBACKS_TEXT);
	broken->message.soname.len = 0;
	message = an_opening(5, broken);
	expect_opening_fails(&message, CBB__STATUS__STATUS_INTERFACE);
	interface_free(broken);
	broken = parse("callbacks", CALLBACKS_TEXT);
	broken->message.soname.data[1]++; /* another path */
	message = an_opening(5, broken);
	expect_opening_fails(&message, CBB__STATUS__STATUS_NO_LIBRARY);
	interface_free(broken);
	message = an_opening(4096, callbacks);
	expect_opening_fails(&message, CBB__STATUS__STATUS_LIMIT);
	message = an_opening(4095, callbacks);
	EXPECT_EQUAL(open_library(&bad, &message)->status, 0);
	message = an_opening(5, callbacks); /* the number is free still */
	EXPECT_EQUAL(open_library(&bad, &message)->status, 0);
	call_add_one(&bad, 1);
	raw_close(&bad);
	finish();
}

static const struct test tests[] = {
    TEST(given_callbacks_opened_wrongly_when_they_come_then_the_lane_is_cut_off),
    TEST(given_one_slot_opened_twice_when_the_second_is_another_then_the_lane_is_cut_off),
    TEST(given_one_way_frames_that_lie_when_they_come_then_the_lane_is_cut_off_or_they_are_ignored),
    TEST(given_openings_that_lie_when_they_come_then_the_lane_is_cut_off),
    TEST(given_interfaces_that_are_broken_when_opened_then_it_fails_in_words_and_the_lane_goes_on),
};
HARNESS_MAIN(tests)
