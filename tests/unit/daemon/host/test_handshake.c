/* SPDX-License-Identifier: MIT */
#include "started_host.h"

#include <sys/mman.h>

/* ---- Without a broker ---- */

static void given_no_socket_when_started_then_it_says_who_starts_it(void)
{
	const char *const argv[] = {harness_program("cbb-host"), NULL};
	struct harness_output output = harness_run(argv, ENDS_MS);
	EXPECT_EQUAL(output.status, 2);
	EXPECT_CONTAINS(output.err, "started by cbbrokerd");
}

static void given_arguments_when_started_then_help_and_version_are_printed_and_others_refused(void)
{
	const char *const help[] = {harness_program("cbb-host"), "--help", NULL};
	const char *const version[] = {harness_program("cbb-host"), "--version", NULL};
	const char *const wrong[] = {harness_program("cbb-host"), "--load", NULL};
	const char *const operand[] = {harness_program("cbb-host"), "libexample.so", NULL};
	EXPECT_EQUAL(harness_run(help, ENDS_MS).status, 0);
	EXPECT_CONTAINS(harness_run(help, ENDS_MS).out, "cbbrokerd");
	EXPECT_CONTAINS(harness_run(version, ENDS_MS).out, "cbb-host ");
	EXPECT_EQUAL(harness_run(wrong, ENDS_MS).status, 2);
	EXPECT_CONTAINS(harness_run(wrong, ENDS_MS).err, "--load: there is no such option");
	EXPECT_EQUAL(harness_run(operand, ENDS_MS).status, 2);
}

/* ---- Handshake ---- */

static void given_a_setup_when_it_comes_then_the_host_runs_until_it_is_told_to_end(void)
{
	struct started host = running_host(-1);
	struct page_death death;
	send_end(&host);
	int status;
	EXPECT(harness_wait_child(host.pid, &status, ENDS_MS));
	EXPECT_EQUAL(status, 0);
	EXPECT(!page_death(host.page, &death));
	EXPECT_STRING(harness_read_file(host.log), "");
	connection_free(&host.connection);
	page_unmap(host.page);
}

/* It says why in a second hello and in its log, and ends. */
static void expect_refused(struct started *host, int status, const char *words)
{
	char detail[1024];
	EXPECT_EQUAL(receive_hello(host, detail, sizeof detail), status);
	EXPECT_CONTAINS(detail, words);
	EXPECT_EQUAL(end_of(host), 1);
	EXPECT_CONTAINS(harness_read_file(host->log), words);
}

static void given_another_version_when_set_up_then_the_host_says_so_in_words(void)
{
	struct started host = start_host();
	Cbb__HostSetup setup = make_setup();
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	setup.version = 99;
	int fd = make_page(&host);
	send_setup(&host, &setup, &fd, 1);
	expect_refused(&host, CBB__STATUS__STATUS_VERSION, "the broker speaks protocol version 99");
}

static void given_too_few_descriptors_when_set_up_then_the_host_refuses(void)
{
	struct started host = start_host();
	Cbb__HostSetup setup = make_setup();
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	setup.has_client_pidfd = true;
	int fd = make_page(&host);
	send_setup(&host, &setup, &fd, 1);
	expect_refused(&host, CBB__STATUS__STATUS_PROTOCOL, "1 descriptors instead of 2");
}

static void given_a_page_of_another_size_when_set_up_then_the_host_refuses(void)
{
	struct started host = start_host();
	Cbb__HostSetup setup = make_setup();
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	int fd = memfd_create("short", MFD_CLOEXEC);
	send_setup(&host, &setup, &fd, 1);
	expect_refused(&host, -EBADMSG, "telemetry page of 0 bytes");
}

static void given_a_payload_beyond_the_most_when_set_up_then_the_host_refuses(void)
{
	struct started host = start_host();
	Cbb__HostSetup setup = make_setup();
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	setup.max_payload_bytes = FRAME_PAYLOAD_MAX_BYTES + 1ull;
	int fd = make_page(&host);
	send_setup(&host, &setup, &fd, 1);
	expect_refused(&host, CBB__STATUS__STATUS_PROTOCOL, "the most is");
}

static void given_another_frame_when_the_setup_is_due_then_the_host_refuses(void)
{
	struct started host = start_host();
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	send_end(&host);
	expect_refused(&host, CBB__STATUS__STATUS_PROTOCOL, "sent HOST_END where HOST_SETUP was due");
}

static void given_garbage_when_the_setup_is_due_then_the_host_refuses(void)
{
	static const char garbage[64] = "garbage, not a frame of any kind";
	struct started host = start_host();
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	EXPECT_EQUAL(send(host.connection.fd, garbage, sizeof garbage, MSG_NOSIGNAL), (ssize_t)sizeof garbage);
	expect_refused(&host, -EBADMSG, "frame");
}

static void given_a_broker_that_closes_when_the_setup_is_due_then_the_host_ends(void)
{
	struct started host = start_host();
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	host.connection.fd = descriptor_close(host.connection.fd);
	EXPECT_EQUAL(end_of(&host), 1);
	EXPECT_CONTAINS(harness_read_file(host.log), "closed the connection before the setup");
}

static void given_a_broker_that_hangs_when_the_setup_is_due_then_the_host_ends_after_10_s(void)
{
	struct started host = start_host();
	char detail[1024];
	int status;
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	EXPECT(harness_wait_child(host.pid, &status, 20000));
	EXPECT_EQUAL(receive_hello(&host, detail, sizeof detail), -ETIMEDOUT);
	EXPECT_CONTAINS(detail, "within 10 s");
	connection_free(&host.connection);
}

static const struct test tests[] = {
    TEST(given_no_socket_when_started_then_it_says_who_starts_it),
    TEST(given_arguments_when_started_then_help_and_version_are_printed_and_others_refused),
    TEST(given_a_setup_when_it_comes_then_the_host_runs_until_it_is_told_to_end),
    TEST(given_another_version_when_set_up_then_the_host_says_so_in_words),
    TEST(given_too_few_descriptors_when_set_up_then_the_host_refuses),
    TEST(given_a_page_of_another_size_when_set_up_then_the_host_refuses),
    TEST(given_a_payload_beyond_the_most_when_set_up_then_the_host_refuses),
    TEST(given_another_frame_when_the_setup_is_due_then_the_host_refuses),
    TEST(given_garbage_when_the_setup_is_due_then_the_host_refuses),
    TEST(given_a_broker_that_closes_when_the_setup_is_due_then_the_host_ends),
    TEST(given_a_broker_that_hangs_when_the_setup_is_due_then_the_host_ends_after_10_s),
};
HARNESS_MAIN(tests)
