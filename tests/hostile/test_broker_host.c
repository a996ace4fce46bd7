/* SPDX-License-Identifier: MIT */
/* Hosts that do to the broker what foreign code could: each is cut off alone and named in the log. */
#include "support/raw_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static struct harness_broker *broker;
static struct raw_client client;

static void given_a_session(void)
{
	broker = harness_start_broker((const char *[]){"--host-program", harness_program("hostile_host"), NULL});
	raw_open_session(&client, broker->socket);
}

static uint64_t open_hostile(const char *way, uint64_t start_timeout_ms, const int *stdout_fd, uint32_t *ret_pid)
{
	Cbb__OpenHost message;
	ProtobufCBinaryData environment = raw_bytes(harness_format("HOSTILE=%s", way));
	raw_open_host_init(&message, &client);
	message.environment = &environment;
	message.n_environment = 1;
	message.start_timeout_ms = start_timeout_ms;
	message.has_stdout = stdout_fd != NULL;
	return raw_open_host(&client, &message, stdout_fd, stdout_fd ? 1 : 0, ret_pid);
}

/* The broker serves on, and another host starts. */
static void expect_others_notice_nothing(void)
{
	uint32_t pid = 0;
	uint64_t host = open_hostile("none", 0, NULL, &pid);
	REQUIRE(host != 0);
	raw_send_close_host(&client, host);
	EXPECT(raw_exited(&client)->asked);
	EXPECT_EQUAL(raw_done(&client, NULL), 0);
	raw_close(&client);
}

static void expect_start_fails(const char *way, uint64_t start_timeout_ms, int status, const char *words)
{
	const char *detail;
	EXPECT_EQUAL(open_hostile(way, start_timeout_ms, NULL, NULL), 0);
	EXPECT_EQUAL(raw_done(&client, &detail), status);
	EXPECT_CONTAINS(detail, words);
}

static void given_hosts_that_do_not_start_when_opened_then_the_client_is_told_why(void)
{
	given_a_session();
	expect_start_fails("silent", 200, CBB__STATUS__STATUS_HOST_START, "in time");
	expect_start_fails("exits_at_once", 0, CBB__STATUS__STATUS_HOST_START, "exited with status 3");
	expect_start_fails("refuses", 0, CBB__STATUS__STATUS_HOST_START, "no room for ? it");
	expect_start_fails("other_version", 0, CBB__STATUS__STATUS_VERSION, "speaks version 77");
	expect_start_fails("garbage_first", 0, CBB__STATUS__STATUS_HOST_START, "not a frame");
	EXPECT_EQUAL(raw_list(&client)->n_hosts, 0);
	expect_others_notice_nothing();
}

/* It runs, misbehaves, and is killed; the words say what for, to the client and in the log. */
static void expect_cut_off(const char *way, const char *words)
{
	uint32_t pid = 0;
	given_a_session();
	uint64_t host = open_hostile(way, 0, NULL, &pid);
	REQUIRE(host != 0);
	const Cbb__HostExited *exited = raw_exited(&client);
	EXPECT_EQUAL(exited->host, host);
	EXPECT(!exited->asked);
	EXPECT_CONTAINS(raw_text(exited->why), words);
	EXPECT(harness_wait_gone((pid_t)pid, 15000));
	const char *log = harness_broker_log(broker);
	EXPECT_CONTAINS(log, harness_format("h%llu (pid %u", (unsigned long long)host, pid));
	EXPECT_CONTAINS(log, words);
	expect_others_notice_nothing();
}

static void given_a_host_that_sends_garbage_then_it_is_cut_off(void)
{
	expect_cut_off("garbage_later", "not a frame");
}

static void given_a_host_that_sends_an_oversized_frame_then_it_is_cut_off(void)
{
	expect_cut_off("oversized", "at most 4096");
}

static void given_a_host_that_lies_about_a_message_then_it_is_cut_off(void)
{
	expect_cut_off("lies", "HostHello");
}

static void given_a_host_that_dribbles_then_it_is_cut_off(void)
{
	expect_cut_off("dribbles", "not complete within");
}

static void given_a_host_that_says_hello_twice_then_it_is_cut_off(void)
{
	expect_cut_off("hello_twice", "hello twice");
}

static void given_a_host_that_speaks_like_a_broker_then_it_is_cut_off(void)
{
	expect_cut_off("plays_broker", "HOST_OPENED");
}

static void given_a_host_that_sends_descriptors_then_it_is_cut_off(void)
{
	expect_cut_off("sends_descriptors", "2 descriptors");
}

static void given_a_host_that_closes_its_socket_then_it_is_ended(void)
{
	uint32_t pid = 0;
	given_a_session();
	REQUIRE(open_hostile("leaves_socket", 0, NULL, &pid) != 0);
	EXPECT(!raw_exited(&client)->asked);
	EXPECT(harness_wait_gone((pid_t)pid, 15000));
	expect_others_notice_nothing();
}

static void given_a_host_that_ignores_its_end_when_closed_then_it_is_killed_soon(void)
{
	uint32_t pid = 0;
	given_a_session();
	uint64_t host = open_hostile("ignores_end", 0, NULL, &pid);
	uint64_t before_ns = clock_now_ns();
	raw_send_close_host(&client, host);
	const Cbb__HostExited *exited = raw_exited(&client);
	EXPECT(exited->asked);
	EXPECT(WIFSIGNALED(exited->wait_status));
	EXPECT((clock_now_ns() - before_ns) / 1000000 < 8000 * harness_slow());
	EXPECT_EQUAL(raw_done(&client, NULL), 0);
	expect_others_notice_nothing();
}

static void given_a_stopped_host_when_closed_then_it_is_killed_all_the_same(void)
{
	uint32_t pid = 0;
	given_a_session();
	uint64_t host = open_hostile("none", 0, NULL, &pid);
	kill((pid_t)pid, SIGSTOP);
	raw_send_close_host(&client, host);
	EXPECT(raw_exited(&client)->asked);
	EXPECT_EQUAL(raw_done(&client, NULL), 0);
	expect_others_notice_nothing();
}

static void given_a_page_full_of_lies_when_it_is_read_then_it_harms_nobody(void)
{
	given_a_session();
	uint64_t host = open_hostile("lies_in_page", 0, NULL, NULL);
	REQUIRE(host != 0);
	for (int i = 0; i < 20; i++) {
		const Cbb__HostStatusReply *status = raw_status(&client, host);
		REQUIRE(status != NULL);
		EXPECT(status->info->n_libraries <= 64);
		EXPECT_EQUAL(raw_list(&client)->n_hosts, 1);
	}
	raw_send_close_host(&client, host);
	EXPECT_EQUAL(raw_exited(&client)->host, host);
	EXPECT_EQUAL(raw_done(&client, NULL), 0);
	EXPECT(raw_status(&client, host)->exited != NULL);
	expect_others_notice_nothing();
}

static void given_a_host_that_never_reads_when_lanes_are_asked_for_then_they_are_refused_or_wait_alone(void)
{
	static struct raw_client lanes[1200];
	uint32_t pid = 0;
	given_a_session();
	uint64_t host = open_hostile("never_reads", 0, NULL, &pid);
	REQUIRE(host != 0);
	unsigned n = 0, refused = 0;
	for (; n < 1200 && !refused; n++) {
		Cbb__Hello hello;
		raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_ATTACH);
		hello.token = (ProtobufCBinaryData){.len = sizeof client.token, .data = client.token};
		hello.host = host;
		hello.lane = CBB__LANE_KIND__LANE_CLIENT_THREAD;
		raw_open(&lanes[n], broker->socket);
		raw_send(&lanes[n], CBB__FRAME_TYPE__FRAME_HELLO, &hello.base);
		/* While it waits for this the broker decides on the lane, or on one a little before it. */
		REQUIRE(raw_status(&client, host) != NULL);
		refused = n >= 8 && harness_wait_readable(lanes[n - 8].connection.fd, 0);
	}
	EXPECT(refused == 1);
	kill((pid_t)pid, SIGKILL);
	EXPECT_EQUAL(raw_exited(&client)->host, host);
	/* Each was refused in words, or ended with the host that it was handed to. */
	unsigned n_refused = 0;
	for (unsigned i = 0; i < n; i++) {
		if (raw_receive(&lanes[i]) == CBB__FRAME_TYPE__FRAME_HELLO_REPLY) {
			const Cbb__HelloReply *reply = raw_unpack(&lanes[i], &cbb__hello_reply__descriptor);
			/* The last ones may have been decided on after its death. */
			EXPECT(reply->status == CBB__STATUS__STATUS_BUSY ||
			       reply->status == CBB__STATUS__STATUS_HOST_DIED);
			n_refused += reply->status == CBB__STATUS__STATUS_BUSY;
		}
		raw_close(&lanes[i]);
	}
	EXPECT(n_refused > 0 && n_refused < n);
	expect_others_notice_nothing();
}

static void given_a_host_that_forked_when_it_ends_then_its_children_end_too(void)
{
	int pipe_fds[2];
	char number[32] = "";
	given_a_session();
	REQUIRE_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	uint64_t host = open_hostile("forks", 0, &pipe_fds[1], NULL);
	REQUIRE(host != 0);
	close(pipe_fds[1]);
	REQUIRE(harness_wait_readable(pipe_fds[0], 15000));
	REQUIRE(read(pipe_fds[0], number, sizeof number - 1) > 0);
	raw_send_close_host(&client, host);
	raw_exited(&client);
	EXPECT_EQUAL(raw_done(&client, NULL), 0);
	EXPECT(harness_wait_gone(atoi(number), 15000));
	close(pipe_fds[0]);
	expect_others_notice_nothing();
}

static const struct test tests[] = {
    TEST(given_hosts_that_do_not_start_when_opened_then_the_client_is_told_why),
    TEST(given_a_host_that_sends_garbage_then_it_is_cut_off),
    TEST(given_a_host_that_sends_an_oversized_frame_then_it_is_cut_off),
    TEST(given_a_host_that_lies_about_a_message_then_it_is_cut_off),
    TEST(given_a_host_that_dribbles_then_it_is_cut_off),
    TEST(given_a_host_that_says_hello_twice_then_it_is_cut_off),
    TEST(given_a_host_that_speaks_like_a_broker_then_it_is_cut_off),
    TEST(given_a_host_that_sends_descriptors_then_it_is_cut_off),
    TEST(given_a_host_that_closes_its_socket_then_it_is_ended),
    TEST(given_a_host_that_ignores_its_end_when_closed_then_it_is_killed_soon),
    TEST(given_a_stopped_host_when_closed_then_it_is_killed_all_the_same),
    TEST(given_a_page_full_of_lies_when_it_is_read_then_it_harms_nobody),
    TEST(given_a_host_that_never_reads_when_lanes_are_asked_for_then_they_are_refused_or_wait_alone),
    TEST(given_a_host_that_forked_when_it_ends_then_its_children_end_too),
};
HARNESS_MAIN(tests)
