/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the function writes to standard error. */
static const char *capture(void (*write_lines)(void))
{
	char *text = harness_format("%4096s", "");
	int saved = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);
	dup2(file, STDERR_FILENO);
	write_lines();
	dup2(saved, STDERR_FILENO);
	ssize_t n = pread(file, text, 4096, 0);
	text[n < 0 ? 0 : n] = '\0';
	close(saved);
	close(file);
	return text;
}

static void write_three(void)
{
	log_info("host %d started", 3);
	log_warning("late");
	log_error("gone: %s", "reason");
}

static void given_a_name_when_logging_then_it_stands_in_front_of_each_line(void)
{
	log_open("cbbrokerd", LOG_LEAST_INFO);
	EXPECT_STRING(capture(write_three), "cbbrokerd: host 3 started\ncbbrokerd: late\ncbbrokerd: gone: reason\n");
}

static void given_a_least_level_when_logging_then_what_is_below_is_hidden(void)
{
	log_open("cbbrokerd", LOG_LEAST_WARNING);
	EXPECT_STRING(capture(write_three), "cbbrokerd: late\ncbbrokerd: gone: reason\n");
	log_open("cbbrokerd", LOG_LEAST_ERROR);
	EXPECT_STRING(capture(write_three), "cbbrokerd: gone: reason\n");
}

static void given_a_journal_when_logging_then_each_line_has_its_priority(void)
{
	setenv("JOURNAL_STREAM", "8:1234", 1);
	log_open("cbb-host h3", LOG_LEAST_INFO);
	EXPECT_STRING(capture(write_three),
	              "<6>cbb-host h3: host 3 started\n<4>cbb-host h3: late\n<3>cbb-host h3: gone: reason\n");
}

static char long_text[5000];

static void write_long(void)
{
	log_error("%s", long_text);
	log_error("next");
}

static void given_a_line_longer_than_there_is_room_when_logged_then_it_is_cut_and_ends(void)
{
	memset(long_text, 'x', sizeof long_text - 1);
	log_open("p", LOG_LEAST_INFO);
	const char *text = capture(write_long), *end = strchr(text, '\n');
	REQUIRE(end != NULL);
	EXPECT_EQUAL(end - text + 1, 2047);
	EXPECT_STRING(end + 1, "p: next\n");
}

static void given_a_name_longer_than_there_is_room_when_logging_then_it_is_cut(void)
{
	memset(long_text, 'n', sizeof long_text - 1);
	log_open(long_text, LOG_LEAST_INFO);
	const char *text = capture(write_three), *colon = strstr(text, ": ");
	REQUIRE(colon != NULL);
	EXPECT_EQUAL(colon - text, 63);
}

static const struct test tests[] = {
    TEST(given_a_name_when_logging_then_it_stands_in_front_of_each_line),
    TEST(given_a_least_level_when_logging_then_what_is_below_is_hidden),
    TEST(given_a_journal_when_logging_then_each_line_has_its_priority),
    TEST(given_a_line_longer_than_there_is_room_when_logged_then_it_is_cut_and_ends),
    TEST(given_a_name_longer_than_there_is_room_when_logging_then_it_is_cut),
};
HARNESS_MAIN(tests)
