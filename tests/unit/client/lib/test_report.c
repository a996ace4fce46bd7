/* SPDX-License-Identifier: MIT */
#include "lib/report.h"

#include "support/harness.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>

#define EXITED_WITH(status) ((status) << 8)

static cbb_report report;

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static void take(const Cbb__HostExited *exited)
{
	memset(&report, 0x55, sizeof report);
	report_take_exit(&report, exited);
	EXPECT_EQUAL(report.state, CBB_HOST_ENDED);
}

static void given_an_exit_status_when_taken_then_the_end_is_an_exit(void)
{
	Cbb__HostExited exited = CBB__HOST_EXITED__INIT;
	exited.wait_status = EXITED_WITH(3);
	take(&exited);
	EXPECT_EQUAL(report.end, CBB_END_EXIT);
	EXPECT_EQUAL(report.exit_status, 3);
	EXPECT_EQUAL(report.signal, 0);
	EXPECT_STRING(report.text, "");
}

static void given_a_signal_when_taken_then_the_kernels_word_outranks_the_hosts_record(void)
{
	Cbb__HostExited exited = CBB__HOST_EXITED__INIT;
	exited.wait_status = SIGSEGV;
	exited.signal = SIGFPE; /* what the host wrote */
	exited.signal_code = 9;
	exited.address = 0x1234;
	exited.thread = 77;
	take(&exited);
	EXPECT_EQUAL(report.end, CBB_END_SIGNAL);
	EXPECT_EQUAL(report.signal, SIGSEGV);
	EXPECT_EQUAL(report.signal_code, 9);
	EXPECT_EQUAL(report.exit_status, -1);
	EXPECT_EQUAL(report.address, 0x1234);
	EXPECT_EQUAL(report.thread, 77);
}

static void given_an_end_that_was_asked_for_when_taken_then_it_is_closed_whatever_the_status(void)
{
	Cbb__HostExited exited = CBB__HOST_EXITED__INIT;
	exited.asked = true;
	exited.wait_status = SIGKILL;
	take(&exited);
	EXPECT_EQUAL(report.end, CBB_END_CLOSED);
	exited.asked = false;
	exited.wait_status = 0xffff; /* neither */
	take(&exited);
	EXPECT_EQUAL(report.end, CBB_END_UNKNOWN);
	EXPECT_EQUAL(report.exit_status, -1);
}

static void given_text_that_is_too_long_when_taken_then_it_is_cut_and_ends(void)
{
	char text[600];
	Cbb__HostExited exited = CBB__HOST_EXITED__INIT;
	memset(text, 'x', sizeof text);
	exited.thread_name = (ProtobufCBinaryData){.len = 15, .data = (uint8_t *)text};
	exited.library = (ProtobufCBinaryData){.len = 64, .data = (uint8_t *)text};
	exited.notice = (ProtobufCBinaryData){.len = sizeof text, .data = (uint8_t *)text};
	take(&exited);
	EXPECT_EQUAL(strlen(report.thread_name), 15);
	EXPECT_EQUAL(strlen(report.library), sizeof report.library - 1);
	EXPECT_EQUAL(strlen(report.notice), sizeof report.notice - 1);
	EXPECT_STRING(report.function, "");
}

static void given_text_of_the_hosts_when_taken_then_control_characters_are_gone(void)
{
	static const char all[] = "a\0b\033[2J\n\x7f\xc3\xa4";
	Cbb__HostExited exited = CBB__HOST_EXITED__INIT;
	exited.function = (ProtobufCBinaryData){.len = sizeof all - 1, .data = (uint8_t *)(uintptr_t)all};
	exited.why = bytes("it ended");
	take(&exited);
	EXPECT_STRING(report.function, "a?b?[2J??\xc3\xa4");
	EXPECT_STRING(report.text, "it ended");
}

static void given_counters_when_taken_then_each_is_in_its_place(void)
{
	Cbb__HostInfo info = CBB__HOST_INFO__INIT;
	Cbb__HostExited exited = CBB__HOST_EXITED__INIT;
	info.calls = 1;
	info.callbacks = 2;
	info.late_calls = 3;
	info.wrong_thread_calls = 4;
	info.late_answers = 5;
	info.late_results = UINT64_MAX;
	take(&exited);
	EXPECT_EQUAL(report.calls, 0);
	exited.info = &info;
	take(&exited);
	EXPECT_EQUAL(report.calls, 1);
	EXPECT_EQUAL(report.callbacks, 2);
	EXPECT_EQUAL(report.late_calls, 3);
	EXPECT_EQUAL(report.wrong_thread_calls, 4);
	EXPECT_EQUAL(report.late_answers, 5);
	EXPECT_EQUAL(report.late_results, UINT64_MAX);
}

static const struct test tests[] = {
    TEST(given_an_exit_status_when_taken_then_the_end_is_an_exit),
    TEST(given_a_signal_when_taken_then_the_kernels_word_outranks_the_hosts_record),
    TEST(given_an_end_that_was_asked_for_when_taken_then_it_is_closed_whatever_the_status),
    TEST(given_text_that_is_too_long_when_taken_then_it_is_cut_and_ends),
    TEST(given_text_of_the_hosts_when_taken_then_control_characters_are_gone),
    TEST(given_counters_when_taken_then_each_is_in_its_place),
};
HARNESS_MAIN(tests)
