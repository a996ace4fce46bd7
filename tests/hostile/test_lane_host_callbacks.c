/* SPDX-License-Identifier: MIT */
/*
 * Hosts that lie when they call back: no handler sees wrong data, and none keeps a call beyond its deadline.
 */
#include "lane_host.h"

#include <fcntl.h>

/* ---- Callbacks ---- */

static int call_with_number(void)
{
	return REMOTE(library, int(number_handler *), "with_number")(count_number);
}

static void given_a_host_that_calls_back_rightly_when_called_then_the_handler_runs(void)
{
	given_a_client();
	given_a_library_of_a_host_that("calls back", PATIENT_MS);
	EXPECT_EQUAL(call_with_number(), 42);
	EXPECT_EQUAL(n_handled, 1);
	expect_next_host_works();
	remote_end();
}

static void given_a_host_that_calls_what_is_not_open_when_called_then_it_is_told_and_no_handler_runs(void)
{
	static const char *const unknown[] = {"unknown slot", "another generation"};
	given_a_client();
	for (int i = 0; i < 2; i++) {
		given_a_library_of_a_host_that(unknown[i], PATIENT_MS);
		EXPECT_EQUAL(call_with_number(), -1);
		EXPECT_EQUAL(cbb_last_error(), CBB_ERR_CLOSED); /* what it was told, it told as the call's end */
		EXPECT_EQUAL(n_handled, 0);
		expect_next_host_works();
	}
	remote_end();
}

static void expect_callback_is_cut_off(const char *way, const char *words)
{
	given_a_library_of_a_host_that(way, PATIENT_MS);
	EXPECT_EQUAL(call_with_number(), -1);
	expect_host_named(way, CBB_ERR_PROTOCOL, words);
	EXPECT_EQUAL(n_handled, 0);
	expect_next_host_works();
}

static void given_a_host_that_calls_back_wrongly_when_called_then_it_is_cut_off_and_no_handler_runs(void)
{
	given_a_client();
	expect_callback_is_cut_off("calls back under another", "not the one in flight");
	expect_callback_is_cut_off("calls back with two words", "number_fn");
	expect_callback_is_cut_off("calls back with text without end", "number_fn");
	given_a_library_of_a_host_that("calls back with text without end", PATIENT_MS);
	EXPECT_EQUAL(REMOTE(library, int(text_handler *), "with_text")(count_text), -1);
	expect_host_named("text without end", CBB_ERR_PROTOCOL, "text_fn");
	EXPECT_EQUAL(n_handled, 0);
	expect_next_host_works();
	remote_end();
}

static int call_given(number_handler *given, int value)
{
	return given(value);
}

static void given_a_host_that_hands_back_a_callback_of_another_type_when_called_then_no_handler_runs(void)
{
	given_a_client();
	given_a_library_of_a_host_that("hands back another type", PATIENT_MS);
	EXPECT_EQUAL(REMOTE(library, int(given_handler *, text_handler *), "with_given")(call_given, count_text), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_ARGUMENT);
	EXPECT_EQUAL(n_handled, 0);
	expect_next_host_works();
	remote_end();
}

/* Takes its time: when it is done the next callback has long been there. */
static int count_slowly(int value)
{
	for (uint64_t end_ns = clock_now_ns() + 1000000; clock_now_ns() < end_ns;)
		;
	return count_number(value);
}

static void given_a_host_that_calls_back_for_ever_when_the_deadline_passes_then_the_call_ends(void)
{
	given_a_client();
	given_a_library_of_a_host_that("calls back for ever", DEADLINE_MS);
	EXPECT_EQUAL(REMOTE(library, int(number_handler *), "with_number")(count_slowly), -1);
	expect_host_named("calls back for ever", CBB_ERR_TIMEOUT, "with_number");
	EXPECT(n_handled > 0);
	/* What it still sends does not hold up the next call either. */
	began_ns = clock_now_ns();
	EXPECT_EQUAL(call_with_number(), -1);
	expect_in_time();
	expect_next_host_works();
	remote_end();
}

static void time_out_and_wait_for_leftovers(const char *way)
{
	int pipe_fds[2];
	char byte;
	REQUIRE_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	host_output = pipe_fds[1];
	given_a_library_of_a_host_that(way, DEADLINE_MS);
	host_output = -1;
	close(pipe_fds[1]);
	EXPECT_EQUAL(call_number_function(), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_TIMEOUT);
	REQUIRE(harness_wait_readable(pipe_fds[0], 15000));
	EXPECT_EQUAL(read(pipe_fds[0], &byte, 1), 1);
	close(pipe_fds[0]);
}

static void given_a_late_answer_when_more_lies_before_it_than_one_look_takes_then_the_next_look_finds_it(void)
{
	given_a_client();
	time_out_and_wait_for_leftovers("leaves 255 behind");
	EXPECT_EQUAL(call_number_function(), 42);
	EXPECT_CALL_OK();
	expect_next_host_works();
	time_out_and_wait_for_leftovers("leaves 256 behind");
	EXPECT_EQUAL(call_number_function(), -1);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_BUSY);
	EXPECT_EQUAL(call_number_function(), 42);
	EXPECT_CALL_OK();
	expect_next_host_works();
	remote_end();
}

static void given_a_busy_lane_when_the_host_floods_it_then_calls_say_busy_at_once(void)
{
	given_a_client();
	given_a_library_of_a_host_that("floods a busy lane", DEADLINE_MS);
	EXPECT_EQUAL(call_number_function(), -1);
	expect_host_named("floods a busy lane", CBB_ERR_TIMEOUT, "number");
	/* Until the flood has surely begun. */
	for (uint64_t end_ns = clock_deadline_ns(DEADLINE_MS); clock_left_ms(end_ns) > 0;) {
		began_ns = clock_now_ns();
		EXPECT_EQUAL(call_number_function(), -1);
		EXPECT_EQUAL(cbb_last_error(), CBB_ERR_BUSY);
		expect_in_time();
	}
	expect_next_host_works();
	remote_end();
}

static int deepest, refusals;

static int call_deeper(int value)
{
	deepest++;
	int r = REMOTE(library, int(number_handler *), "with_number")(call_deeper);
	if (cbb_last_error() == CBB_ERR_DEPTH)
		refusals++;
	else if (r != 42)
		FAIL("%d at depth %d: %s", r, deepest, cbb_last_error_text());
	return value;
}

static void given_a_host_that_calls_back_under_each_call_when_the_depth_is_reached_then_the_next_call_fails(void)
{
	given_a_client();
	given_a_library_of_a_host_that("calls back in depth", PATIENT_MS);
	EXPECT_EQUAL(REMOTE(library, int(number_handler *), "with_number")(call_deeper), 42);
	EXPECT_EQUAL(deepest, CBB_DEPTH_MAX);
	EXPECT_EQUAL(refusals, 1);
	expect_next_host_works();
	remote_end();
}

static char many_bytes[8 << 20]; /* more than sockets hold */
static int inner_error;

static int take_many_inside(int value)
{
	EXPECT_EQUAL(REMOTE(library, int(const char *, int), "take")(many_bytes, sizeof many_bytes), -1);
	inner_error = cbb_last_error();
	return value;
}

/* The lane is of no use after half a frame, but the host lives. */
static void given_a_host_that_does_not_read_when_a_handler_calls_with_much_then_both_calls_time_out(void)
{
	given_a_client();
	given_a_library_of_a_host_that("calls back and stays silent", DEADLINE_MS);
	EXPECT_EQUAL(REMOTE(library, int(number_handler *), "with_number")(take_many_inside), -1);
	expect_host_named("calls back and stays silent", CBB_ERR_TIMEOUT, "with_number");
	EXPECT_EQUAL(inner_error, CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(remote_report_of(host).state, CBB_HOST_RUNNING);
	expect_next_host_works();
	remote_end();
}

static const struct test tests[] = {
    TEST(given_a_host_that_calls_back_rightly_when_called_then_the_handler_runs),
    TEST(given_a_host_that_calls_what_is_not_open_when_called_then_it_is_told_and_no_handler_runs),
    TEST(given_a_host_that_calls_back_wrongly_when_called_then_it_is_cut_off_and_no_handler_runs),
    TEST(given_a_host_that_hands_back_a_callback_of_another_type_when_called_then_no_handler_runs),
    TEST(given_a_host_that_calls_back_for_ever_when_the_deadline_passes_then_the_call_ends),
    TEST(given_a_late_answer_when_more_lies_before_it_than_one_look_takes_then_the_next_look_finds_it),
    TEST(given_a_busy_lane_when_the_host_floods_it_then_calls_say_busy_at_once),
    TEST(given_a_host_that_calls_back_under_each_call_when_the_depth_is_reached_then_the_next_call_fails),
    TEST(given_a_host_that_does_not_read_when_a_handler_calls_with_much_then_both_calls_time_out),
};
HARNESS_MAIN(tests)
