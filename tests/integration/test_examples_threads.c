/* SPDX-License-Identifier: MIT */
/* The examples whose libraries call back from threads of their own, run as a user runs them. */
#include "support/example.h"

#include <stdlib.h>

/* ---- web ---- */

static void given_web_when_run_then_eight_are_answered_and_it_stops_while_eight_more_ask(void)
{
	struct harness_output output = run_example("web", NULL, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	const char *second = after(output.out, "Eight more, and the server is stopped while they run:\n");
	EXPECT_EQUAL(count_of(output.out, " reads: Hello ") - count_of(second, " reads: Hello "), 8);
	EXPECT_EQUAL(count_of(output.out, "  GET /hello HTTP/1.1 from "), count_of(output.out, ": asked by thread "));
	char *end = NULL;
	EXPECT(strtol(after(second, "and is back; "), NULL, 10) >= 1);
	const char *gone = after(second, "The server is gone: ");
	unsigned long answered = strtoul(gone, &end, 10), cut_off = strtoul(after(end, " were answered, "), NULL, 10);
	EXPECT_EQUAL(answered + cut_off, 8);
}

/* ---- compress ---- */

static void given_compress_when_it_has_a_file_then_all_progress_is_shown_or_replaced_and_the_file_is_right(void)
{
	char *text = harness_format("%*s", 200 * 1024, "x");
	for (size_t i = 0; i + 1 < 200 * 1024; i++)
		text[i] = (char)('a' + i * i % 7 + i % 11);
	struct harness_output output = run_example("compress", harness_temp_file("large", text), NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	const char *at = after(output.out, "  done, and both callbacks are closed\n");
	at = after(at, "204800 bytes became ");
	char *end = NULL;
	unsigned long shown = strtoul(after(at, "; "), &end, 10);
	EXPECT_EQUAL(shown + strtoul(after(end, " reports were shown, "), NULL, 10), 13);
	EXPECT_EQUAL(count_of(output.out, " of 204800 bytes\n"), shown);
}

/* ---- network ---- */

static void given_network_when_it_reads_a_record_then_every_packet_is_seen_or_told_as_lost(void)
{
	struct harness_output output = run_example("network", NULL, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	const char *at = after(output.out, " that were seen: this program is too slow --\n");
	at = after(at, " lost, 2611 in all\n  libpcap says: truncated dump file");
	at = after(at, "traffic.pcap, icmp or arp:\n");
	at = after(at, " ARP, 42 bytes\n");
	at = after(at, " 10.0.0.3 > 10.0.0.1 ICMP, 98 bytes\n");
	at = after(at, " 51 packets shown or counted, 0 lost, 51 in all\n");
	at = after(at, "traffic.pcap, port eighty:\n  is no filter: ");
	after(at, "/nonexistent.pcap:\n  cannot be read: /nonexistent.pcap: No such file or directory\n");
}

/* ---- Examples to be copied ---- */

static void given_the_examples_to_be_copied_when_counted_then_each_has_less_than_80_lines(void)
{
	static const char *const names[] = {"resource_monitor", "file_watcher",  "priorities", "download", "logger",
	                                    "profile_lookup",   "loop_libevent", "loop_poll"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *path = harness_source_path(harness_format("client/examples/%s.c", names[i]));
		EXPECT(count_of(harness_read_file(path), "\n") < 80);
	}
}

static void given_the_readme_when_compared_then_its_second_program_is_of_the_resource_monitor(void)
{
	const char *program = harness_read_file(harness_source_path("client/examples/resource_monitor.c"));
	const char *first = after(harness_read_file(harness_source_path("README.md")), "\n```c\n");
	const char *block = after(first, "\n```c\n");
	const char *end = strstr(block, "```\n");
	REQUIRE(end != NULL);
	EXPECT_CONTAINS(program, harness_format("%.*s", (int)(end - block), block));
}

static void given_a_resource_monitor_when_it_is_slow_then_it_is_told_what_it_missed(void)
{
	const char *out = run_well("resource_monitor", NULL);
	EXPECT_CONTAINS(out, " s of processor time\n");
	EXPECT_CONTAINS(after(out, " reports lost here\n"), " lost. Nothing waits any more.\n");
}

static void given_a_file_watcher_when_its_queue_is_full_then_nothing_is_lost(void)
{
	const char *out = run_well("file_watcher", NULL);
	const char *at = after(out, "created file 1\nwritten file 1\ncreated file 2\n");
	after(at, "created file 20\nwritten file 20\nmoved last\ndeleted last\n42 events, every one.\n");
}

static void given_two_priorities_when_one_waits_and_one_drops_then_each_is_counted(void)
{
	const char *at = after(run_well("priorities", NULL), "important: 50 of 50 arrived\nchatter: ");
	after(at, " were lost, together 200\n");
}

static void given_a_download_when_it_breaks_at_60_percent_then_the_program_decides(void)
{
	const char *at = after(run_well("download", "again"), "broken at 60 %: connection reset by peer. Once more.\n");
	after(at, "100 %\ncomplete\n");
	const char *stopped = run_well("download", "stop");
	EXPECT_LACKS(stopped, "70 %");
	after(stopped, "broken at 60 %: connection reset by peer. That was it.\ngiven up\n");
}

static void given_a_logger_in_the_background_when_the_work_is_done_then_the_program_ends(void)
{
	const char *at = after(run_well("logger", NULL), "log: still here, round 1\n");
	after(after(at, "download: complete\n"), "Done, after ");
}

static void given_a_profile_lookup_when_answered_later_then_each_thread_gets_its_own_answer(void)
{
	static const char *const names[] = {"Ada", "Grace", "Hedy", "Katherine", "Margaret"};
	const char *out = run_well("profile_lookup", NULL);
	for (int i = 0; i < 5; i++)
		EXPECT_CONTAINS(out, harness_format("user %d: Good morning, %s!\n", i, names[i]));
}

static void given_the_programs_own_loop_when_a_queue_is_in_it_then_both_are_served(void)
{
	EXPECT_CONTAINS(run_well("loop_poll", NULL), "report 5: ");
	EXPECT_CONTAINS(run_well("loop_libevent", NULL), "Reports came, and the timer ticked.\n");
}

static const struct test tests[] = {
	TEST(given_web_when_run_then_eight_are_answered_and_it_stops_while_eight_more_ask),
	TEST(given_compress_when_it_has_a_file_then_all_progress_is_shown_or_replaced_and_the_file_is_right),
	TEST(given_network_when_it_reads_a_record_then_every_packet_is_seen_or_told_as_lost),
	TEST(given_the_examples_to_be_copied_when_counted_then_each_has_less_than_80_lines),
	TEST(given_the_readme_when_compared_then_its_second_program_is_of_the_resource_monitor),
	TEST(given_a_resource_monitor_when_it_is_slow_then_it_is_told_what_it_missed),
	TEST(given_a_file_watcher_when_its_queue_is_full_then_nothing_is_lost),
	TEST(given_two_priorities_when_one_waits_and_one_drops_then_each_is_counted),
	TEST(given_a_download_when_it_breaks_at_60_percent_then_the_program_decides),
	TEST(given_a_logger_in_the_background_when_the_work_is_done_then_the_program_ends),
	TEST(given_a_profile_lookup_when_answered_later_then_each_thread_gets_its_own_answer),
	TEST(given_the_programs_own_loop_when_a_queue_is_in_it_then_both_are_served),
};
HARNESS_MAIN(tests)
