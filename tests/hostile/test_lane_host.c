/* SPDX-License-Identifier: MIT */
/*
 * Hosts that break the protocol on their lanes: the call fails in words that name the host, within its deadline; the
 * client and its next host go on.
 */
#include "lane_host.h"

#include <errno.h>

/* ---- Attaching and opening ---- */

static void expect_opening_fails(const char *way, int code, const char *words)
{
	cbb_library *none = NULL;
	given_a_host_that(way, code == CBB_ERR_TIMEOUT ? DEADLINE_MS : PATIENT_MS);
	EXPECT_EQUAL(cbb_library_open_text(host, "[library(\"libhostile.so\")]\n" TEXT, &none), code);
	EXPECT(none == NULL);
	expect_host_named(way, code, words);
	expect_next_host_works();
}

static void given_a_host_that_lies_at_attach_when_a_library_is_opened_then_the_words_name_it(void)
{
	given_a_client();
	expect_opening_fails("silent at attach", CBB_ERR_TIMEOUT, "no answer");
	expect_opening_fails("garbage at attach", CBB_ERR_PROTOCOL, "not a frame");
	expect_opening_fails("another frame at attach", CBB_ERR_PROTOCOL, "RETURN");
	expect_opening_fails("another version", CBB_ERR_VERSION, "hostile 9.9 speaks protocol version 77");
	expect_opening_fails("refuses the lane", -ENOMEM, "no ?[31mroom");
	remote_end();
}

static void given_a_host_that_leaves_at_attach_when_a_library_is_opened_then_it_fails_and_names_the_host(void)
{
	given_a_client();
	expect_opening_fails("leaves at attach", CBB_ERR_BROKER_GONE, "closed the connection");
	remote_end();
}

static void given_a_host_that_lies_about_the_opening_when_a_library_is_opened_then_it_is_cut_off(void)
{
	given_a_client();
	expect_opening_fails("positive status at opening", CBB_ERR_PROTOCOL, "status 7");
	expect_opening_fails("misses what was not asked", CBB_ERR_PROTOCOL, "60000");
	expect_opening_fails("opens another", CBB_ERR_PROTOCOL, "never made");
	expect_opening_fails("opens with a return", CBB_ERR_PROTOCOL, "RETURN");
	expect_opening_fails("opens garbled", CBB_ERR_PROTOCOL, "LIBRARY_OPENED");
	expect_opening_fails("calls back at opening", CBB_ERR_PROTOCOL, "a callback under call");
	remote_end();
}

static void given_a_host_that_is_silent_when_a_library_is_opened_then_the_deadline_ends_it(void)
{
	given_a_client();
	expect_opening_fails("silent at opening", CBB_ERR_TIMEOUT, "deadline");
	remote_end();
}

/* ---- Answers ---- */

static void expect_call_is_cut_off(const char *way, const char *words)
{
	cbb_report report = {.size = sizeof report};
	given_a_library_of_a_host_that(way, PATIENT_MS);
	EXPECT_EQUAL(call_number_function(), -1);
	expect_host_named(way, CBB_ERR_PROTOCOL, words);
	EXPECT_EQUAL(call_number_function(), -1);
	expect_host_named(way, CBB_ERR_HOST_DIED, "");
	REMOTE_OK(cbb_host_report(host, &report));
	EXPECT_EQUAL(report.state, CBB_HOST_ENDED);
	expect_next_host_works();
}

static void given_a_host_that_sends_no_frames_when_called_then_it_is_cut_off(void)
{
	given_a_client();
	expect_call_is_cut_off("garbage", "not a frame");
	expect_call_is_cut_off("reserved bits", "reserved bits");
	expect_call_is_cut_off("oversized", "at most");
	expect_call_is_cut_off("garbled", "garbled");
	remote_end();
}

static void given_a_host_that_answers_wrongly_when_called_then_it_is_cut_off(void)
{
	given_a_client();
	expect_call_is_cut_off("answers another", "never made");
	expect_call_is_cut_off("positive status", "status 5");
	expect_call_is_cut_off("failure and result", "beside");
	expect_call_is_cut_off("no word", "number");
	expect_call_is_cut_off("two words", "number");
	expect_call_is_cut_off("another frame", "another frame");
	expect_call_is_cut_off("hello", "HELLO_REPLY");
	remote_end();
}

static void expect_deadline(const char *way)
{
	given_a_library_of_a_host_that(way, DEADLINE_MS);
	EXPECT_EQUAL(call_number_function(), -1);
	expect_host_named(way, CBB_ERR_TIMEOUT, "number");
	expect_next_host_works();
}

static void given_a_host_that_does_not_answer_in_full_when_called_then_the_deadline_ends_the_wait(void)
{
	given_a_client();
	expect_deadline("silent");
	expect_deadline("half");
	expect_deadline("dribbles for ever");
	expect_deadline("answers old calls");
	remote_end();
}

static void given_a_host_that_dribbles_when_the_answer_comes_in_time_then_it_is_taken(void)
{
	given_a_client();
	given_a_library_of_a_host_that("dribbles", PATIENT_MS);
	EXPECT_EQUAL(call_number_function(), 42);
	EXPECT_CALL_OK();
	expect_next_host_works();
	remote_end();
}

static void given_a_host_that_closes_the_lane_when_called_then_it_counts_as_dead(void)
{
	static const char *const leaving[] = {"leaves", "half and leaves"};
	given_a_client();
	for (int i = 0; i < 2; i++) {
		given_a_library_of_a_host_that(leaving[i], PATIENT_MS);
		EXPECT_EQUAL(call_number_function(), -1);
		expect_host_named(leaving[i], CBB_ERR_HOST_DIED, "number");
		expect_next_host_works();
	}
	remote_end();
}

static void expect_text_is_cut_off(const char *way)
{
	given_a_library_of_a_host_that(way, PATIENT_MS);
	EXPECT(REMOTE(library, const char *(void), "text")() == NULL);
	expect_host_named(way, CBB_ERR_PROTOCOL, "text");
	expect_next_host_works();
}

static void given_a_host_that_gives_wrong_text_when_called_then_it_is_cut_off(void)
{
	given_a_client();
	expect_text_is_cut_off("text without end");
	expect_text_is_cut_off("text with two ends");
	expect_text_is_cut_off("two blocks");
	expect_text_is_cut_off("no block");
	remote_end();
}

static void expect_filling_is_cut_off(const char *way)
{
	int values[4] = {1, 2, 3, 4};
	static const int before[4] = {1, 2, 3, 4};
	given_a_library_of_a_host_that(way, PATIENT_MS);
	EXPECT_EQUAL(REMOTE(library, int(int *), "fill")(values), -1);
	expect_host_named(way, CBB_ERR_PROTOCOL, "fill");
	EXPECT_BYTES(values, sizeof values, before, sizeof before);
	expect_next_host_works();
}

static void given_a_host_that_fills_wrongly_when_called_then_nothing_is_written(void)
{
	given_a_client();
	expect_filling_is_cut_off("a number too few");
	expect_filling_is_cut_off("a number too many");
	expect_filling_is_cut_off("no word");
	remote_end();
}

static char many_bytes[8 << 20]; /* more than sockets hold */

static int take_many(void)
{
	return REMOTE(library, int(const char *, int), "take")(many_bytes, sizeof many_bytes);
}

static void given_a_host_that_does_not_read_when_called_with_much_then_the_deadline_ends_the_wait(void)
{
	given_a_client();
	given_a_library_of_a_host_that("stops reading once open", DEADLINE_MS);
	EXPECT_EQUAL(take_many(), -1);
	expect_host_named("stops reading once open", CBB_ERR_TIMEOUT, "did not take the arguments");
	EXPECT_EQUAL(call_number_function(), 42); /* on another lane */
	EXPECT_CALL_OK();
	expect_next_host_works();
	remote_end();
}

static const struct test tests[] = {
    TEST(given_a_host_that_lies_at_attach_when_a_library_is_opened_then_the_words_name_it),
    TEST(given_a_host_that_leaves_at_attach_when_a_library_is_opened_then_it_fails_and_names_the_host),
    TEST(given_a_host_that_lies_about_the_opening_when_a_library_is_opened_then_it_is_cut_off),
    TEST(given_a_host_that_is_silent_when_a_library_is_opened_then_the_deadline_ends_it),
    TEST(given_a_host_that_sends_no_frames_when_called_then_it_is_cut_off),
    TEST(given_a_host_that_answers_wrongly_when_called_then_it_is_cut_off),
    TEST(given_a_host_that_does_not_answer_in_full_when_called_then_the_deadline_ends_the_wait),
    TEST(given_a_host_that_dribbles_when_the_answer_comes_in_time_then_it_is_taken),
    TEST(given_a_host_that_closes_the_lane_when_called_then_it_counts_as_dead),
    TEST(given_a_host_that_gives_wrong_text_when_called_then_it_is_cut_off),
    TEST(given_a_host_that_fills_wrongly_when_called_then_nothing_is_written),
    TEST(given_a_host_that_does_not_read_when_called_with_much_then_the_deadline_ends_the_wait),
};
HARNESS_MAIN(tests)
