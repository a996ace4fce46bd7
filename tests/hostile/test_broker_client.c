/* SPDX-License-Identifier: MIT */
/* Clients that break the protocol, before and after their Hello: cut off alone, told why, and named in the log. */
#include "support/raw_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct harness_broker *broker;
static struct raw_client witness; /* notices nothing */

static void given_a_broker(void)
{
	broker = harness_start_broker(NULL);
	raw_open_session(&witness, broker->socket);
}

static void expect_witness_is_served(void)
{
	raw_list(&witness);
	raw_close(&witness);
}

static void expect_named(const char *words)
{
	EXPECT(harness_broker_wait_log(broker, words, 15000));
	EXPECT(harness_broker_wait_log(broker, harness_format("pid %d", (int)getpid()), 15000));
}

/* ---- Before Hello ---- */

static void expect_first_bytes_are_cut_off(const void *bytes, size_t size, const char *words)
{
	struct raw_client client;
	given_a_broker();
	raw_open(&client, broker->socket);
	raw_send_bytes(&client, bytes, size);
	const Cbb__HelloReply *reply =
	    raw_expect(&client, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &cbb__hello_reply__descriptor);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_PROTOCOL);
	EXPECT_CONTAINS(raw_text(reply->detail), words);
	raw_expect_end(&client);
	raw_close(&client);
	expect_named(words);
	expect_witness_is_served();
}

static void given_garbage_when_it_comes_first_then_it_is_cut_off(void)
{
	expect_first_bytes_are_cut_off("GET / HTTP/1.1\r\n\r\n", 18, "not a frame");
}

static void given_a_hello_at_the_limit_when_it_comes_then_it_is_taken_and_one_byte_more_is_not(void)
{
	struct raw_client client;
	Cbb__Hello hello;
	static char filler[FRAME_HELLO_MAX_BYTES + 1];
	memset(filler, 'x', sizeof filler);
	given_a_broker();
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_SESSION);
	hello.software = (ProtobufCBinaryData){.len = 100, .data = (uint8_t *)filler};
	size_t rest = protobuf_c_message_get_packed_size(&hello.base) - 100 + 1; /* the length takes a byte more */
	hello.software.len = FRAME_HELLO_MAX_BYTES - rest;
	REQUIRE_EQUAL(protobuf_c_message_get_packed_size(&hello.base), FRAME_HELLO_MAX_BYTES);
	raw_open(&client, broker->socket);
	EXPECT_EQUAL(raw_hello(&client, &hello)->status, 0);
	raw_close(&client);
	hello.software.len++;
	raw_open(&client, broker->socket);
	const Cbb__HelloReply *reply = raw_hello(&client, &hello);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_PROTOCOL);
	EXPECT_CONTAINS(raw_text(reply->detail), "at most 4096");
	raw_close(&client);
	expect_witness_is_served();
}

static void given_a_frame_that_is_no_hello_when_it_comes_first_then_it_is_cut_off(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, 0, CBB__FRAME_TYPE__FRAME_LIST_HOSTS);
	expect_first_bytes_are_cut_off(header, sizeof header, "LIST_HOSTS");
}

static void given_a_hello_that_lies_when_it_comes_then_it_is_cut_off(void)
{
	uint8_t frame[FRAME_HEADER_BYTES + 2];
	frame_write_header(frame, 2, CBB__FRAME_TYPE__FRAME_HELLO);
	frame[8] = 0x12;
	frame[9] = 0x7f; /* 127 bytes of software, says it */
	expect_first_bytes_are_cut_off(frame, sizeof frame, "valid");
}

static void given_a_connection_that_says_nothing_or_half_when_time_is_up_then_it_is_closed(void)
{
	struct raw_client silent, half;
	given_a_broker();
	raw_open(&silent, broker->socket);
	raw_open(&half, broker->socket);
	raw_send_bytes(&half, "\x05\x00\x00", 3);
	for (int i = 0; i < 2; i++) {
		const Cbb__HelloReply *reply = raw_expect(i ? &half : &silent, CBB__FRAME_TYPE__FRAME_HELLO_REPLY,
		                                          &cbb__hello_reply__descriptor);
		EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_TIMEOUT);
		raw_expect_end(i ? &half : &silent);
	}
	expect_named("did not say HELLO within");
	raw_close(&silent);
	raw_close(&half);
	expect_witness_is_served();
}

static void given_another_version_when_it_says_hello_then_both_versions_are_named(void)
{
	struct raw_client client;
	Cbb__Hello hello;
	given_a_broker();
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_SESSION);
	hello.version = 99;
	raw_open(&client, broker->socket);
	const Cbb__HelloReply *reply = raw_hello(&client, &hello);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_VERSION);
	EXPECT_CONTAINS(raw_text(reply->detail), "version 1");
	EXPECT_CONTAINS(raw_text(reply->detail), "raw client 0");
	EXPECT_CONTAINS(raw_text(reply->detail), "version 99");
	raw_expect_end(&client);
	raw_close(&client);
	expect_witness_is_served();
}

static void be_another_user(void *context)
{
	struct raw_client client;
	Cbb__Hello hello;
	(void)context;
	REQUIRE_EQUAL(setresuid(65534, 65534, 65534), 0);
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_SESSION);
	raw_open(&client, broker->socket);
	const Cbb__HelloReply *reply = raw_hello(&client, &hello);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_REFUSED);
	EXPECT_CONTAINS(raw_text(reply->detail), "user 65534");
	raw_expect_end(&client);
	raw_close(&client);
}

static void given_another_user_when_it_says_hello_then_it_is_refused_in_words(void)
{
	if (getuid() != 0)
		SKIP("becoming another user needs root");
	given_a_broker();
	REQUIRE_EQUAL(chmod(harness_temp_dir(), 0755), 0);
	REQUIRE_EQUAL(chmod(broker->socket, 0666), 0);
	int status = 0;
	REQUIRE(harness_wait_child(harness_fork(be_another_user, NULL), &status, 10000));
	EXPECT_EQUAL(status, 0);
	expect_witness_is_served();
}

/* ---- After Hello ---- */

static void expect_session_is_cut_off(const void *bytes, size_t size, const char *words)
{
	struct raw_client client;
	given_a_broker();
	raw_open_session(&client, broker->socket);
	raw_send_bytes(&client, bytes, size);
	raw_expect_end(&client);
	raw_close(&client);
	expect_named(words);
	expect_witness_is_served();
}

static void given_garbage_when_it_comes_in_a_session_then_it_is_cut_off(void)
{
	expect_session_is_cut_off("\x01\x02\x03\x04\x05\x06\x07\x08\x09", 9, "reserved bits");
}

static void given_an_oversized_frame_when_it_is_announced_then_the_session_is_cut_off(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, FRAME_SESSION_MAX_BYTES + 1, CBB__FRAME_TYPE__FRAME_OPEN_HOST);
	expect_session_is_cut_off(header, sizeof header, "at most 4194304");
}

static void given_a_reply_when_it_comes_as_a_request_then_the_session_is_cut_off(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, 0, CBB__FRAME_TYPE__FRAME_HOST_EXITED);
	expect_session_is_cut_off(header, sizeof header, "HOST_EXITED is no request");
}

static void given_a_request_that_lies_when_it_comes_then_the_session_is_cut_off(void)
{
	uint8_t frame[FRAME_HEADER_BYTES + 2];
	frame_write_header(frame, 2, CBB__FRAME_TYPE__FRAME_OPEN_HOST);
	frame[8] = 0x22;
	frame[9] = 0x70;
	expect_session_is_cut_off(frame, sizeof frame, "OpenHost");
}

static void given_a_frame_that_dribbles_when_its_time_is_up_then_the_session_is_cut_off(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, 100, CBB__FRAME_TYPE__FRAME_OPEN_HOST);
	expect_session_is_cut_off(header, sizeof header, "not complete within");
}

static void given_a_truncated_frame_when_the_session_ends_then_it_is_named(void)
{
	struct raw_client client;
	uint8_t header[FRAME_HEADER_BYTES];
	given_a_broker();
	frame_write_header(header, 100, CBB__FRAME_TYPE__FRAME_OPEN_HOST);
	raw_open_session(&client, broker->socket);
	raw_send_bytes(&client, header, sizeof header);
	raw_close(&client);
	expect_named("ended within a frame");
	expect_witness_is_served();
}

/* An OpenHost that is n times the same environment variable and nothing else. */
static void send_variables(struct raw_client *client, const char *variable, size_t n)
{
	size_t each = 2 + strlen(variable), size = FRAME_HEADER_BYTES + each * n;
	uint8_t *frame = malloc(size);
	REQUIRE(frame != NULL);
	frame_write_header(frame, (uint32_t)(each * n), CBB__FRAME_TYPE__FRAME_OPEN_HOST);
	for (uint8_t *at = frame + FRAME_HEADER_BYTES; at < frame + size; at += each) {
		at[0] = 0x22;
		at[1] = (uint8_t)strlen(variable);
		memcpy(at + 2, variable, strlen(variable));
	}
	for (size_t sent = 0; sent < size;) {
		ssize_t sent_now = send(client->connection.fd, frame + sent, size - sent, MSG_NOSIGNAL);
		REQUIRE(sent_now > 0);
		sent += (size_t)sent_now;
	}
	free(frame);
}

static unsigned long broker_peak_kib(void)
{
	const char *status = harness_read_file(harness_format("/proc/%d/status", (int)broker->pid));
	const char *peak = strstr(status, "VmHWM:");
	return peak ? strtoul(peak + 6, NULL, 10) : 0;
}

static void given_a_bomb_of_empty_variables_when_it_comes_then_the_broker_stays_small(void)
{
	struct raw_client client;
	given_a_broker();
	unsigned long before_kib = broker_peak_kib();
	raw_open_session(&client, broker->socket);
	send_variables(&client, "", FRAME_SESSION_MAX_BYTES / 2);
	raw_expect_end(&client);
	raw_close(&client);
	EXPECT(broker_peak_kib() < before_kib + 150 * 1024);
	expect_named("OpenHost");
	expect_witness_is_served();
}

static void given_one_variable_too_many_when_a_host_is_opened_then_the_words_say_the_limit(void)
{
	struct raw_client client;
	given_a_broker();
	raw_open_session(&client, broker->socket);
	send_variables(&client, "A=1", 65537);
	const Cbb__Done *done = raw_expect(&client, CBB__FRAME_TYPE__FRAME_DONE, &cbb__done__descriptor);
	EXPECT_EQUAL(done->status, -EINVAL);
	EXPECT_CONTAINS(raw_text(done->detail), "at most 65536");
	raw_close(&client);
	expect_witness_is_served();
}

static void given_wrong_descriptors_when_they_come_then_the_session_is_cut_off_and_none_is_kept(void)
{
	struct raw_client client;
	Cbb__OpenHost message;
	int pipe_fds[2];
	given_a_broker();
	REQUIRE_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	raw_open_session(&client, broker->socket);
	raw_open_host_init(&message, &client);
	message.has_stdin = true;
	const int sent[2] = {dup(pipe_fds[1]), pipe_fds[1]};
	raw_send_fds(&client, CBB__FRAME_TYPE__FRAME_OPEN_HOST, &message.base, sent, 2);
	raw_expect_end(&client);
	/* Nobody holds the pipe's other end: the broker has closed what it was sent. */
	char byte;
	EXPECT(harness_wait_readable(pipe_fds[0], 15000));
	EXPECT_EQUAL(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
	raw_close(&client);
	expect_named("announces 1 descriptors and carries 2");
	expect_witness_is_served();
}

static void given_a_client_that_never_reads_when_it_goes_on_asking_then_it_is_cut_off_alone(void)
{
	struct raw_client client;
	Cbb__HostStatus message = CBB__HOST_STATUS__INIT;
	uint8_t frame[FRAME_HEADER_BYTES + 16];
	given_a_broker();
	raw_open_session(&client, broker->socket);
	message.request = 7;
	message.host = 1u << 30;
	size_t size = protobuf_c_message_pack(&message.base, frame + FRAME_HEADER_BYTES);
	frame_write_header(frame, (uint32_t)size, CBB__FRAME_TYPE__FRAME_HOST_STATUS);
	/* Each question is answered with more bytes than it has; none is read. */
	ssize_t n;
	do
		n = send(client.connection.fd, frame, FRAME_HEADER_BYTES + size, MSG_NOSIGNAL);
	while (n > 0);
	EXPECT(errno == EPIPE || errno == ECONNRESET);
	raw_close(&client);
	expect_named("not read what it is sent");
	expect_witness_is_served();
}

/* ---- Floods ---- */

static void given_connections_at_the_limit_when_one_more_comes_then_it_is_turned_away_in_words(void)
{
	static int fds[512];
	struct raw_client client;
	struct rlimit files = {4096, 4096};
	REQUIRE_EQUAL(setrlimit(RLIMIT_NOFILE, &files), 0);
	given_a_broker();
	for (unsigned i = 0; i < 512; i++)
		fds[i] = raw_connect_fd(broker->socket);
	raw_open(&client, broker->socket);
	const Cbb__HelloReply *reply =
	    raw_expect(&client, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &cbb__hello_reply__descriptor);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(raw_text(reply->detail), "512");
	raw_close(&client);
	for (unsigned i = 0; i < 512; i++)
		close(fds[i]);
	expect_witness_is_served();
}

static void given_few_descriptors_when_clients_use_them_up_then_the_broker_lives_and_serves_again(void)
{
	static struct raw_client clients[64];
	struct raw_client late;
	REQUIRE_EQUAL(setrlimit(RLIMIT_NOFILE, &(struct rlimit){40, 40}), 0);
	given_a_broker();
	unsigned n = 0;
	/* A session takes two descriptors of the broker's: it runs out before this process does. */
	for (; n < 24; n++) {
		Cbb__Hello hello;
		raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_SESSION);
		raw_open(&clients[n], broker->socket);
		if (raw_hello(&clients[n], &hello)->status < 0)
			break;
	}
	EXPECT(n < 24);
	const Cbb__HelloReply *reply = raw_unpack(&clients[n], &cbb__hello_reply__descriptor);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(raw_text(reply->detail), "descriptors");
	for (unsigned i = 0; i <= n; i++)
		raw_close(&clients[i]);
	raw_open_session(&late, broker->socket);
	raw_close(&late);
	expect_witness_is_served();
}

static void given_few_descriptors_when_silent_connections_use_them_up_then_one_more_is_turned_away_in_words(void)
{
	struct raw_client clients[28], late;
	struct pollfd pollers[28];
	unsigned turned_away = 28;
	REQUIRE_EQUAL(setrlimit(RLIMIT_NOFILE, &(struct rlimit){38, 38}), 0);
	given_a_broker();
	for (unsigned i = 0; i < 28; i++) {
		raw_open(&clients[i], broker->socket);
		pollers[i] = (struct pollfd){.fd = clients[i].connection.fd, .events = POLLIN};
	}
	REQUIRE(poll(pollers, 28, 4000) > 0);
	for (unsigned i = 28; i-- > 0;)
		turned_away = pollers[i].revents ? i : turned_away;
	const Cbb__HelloReply *reply = raw_expect(&clients[turned_away], CBB__FRAME_TYPE__FRAME_HELLO_REPLY,
	                                          &cbb__hello_reply__descriptor);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(raw_text(reply->detail), "no descriptors left");
	EXPECT(harness_broker_wait_log(broker, "Too many open files", 15000));
	for (unsigned i = 0; i < 28; i++)
		raw_close(&clients[i]);
	raw_open_session(&late, broker->socket);
	raw_close(&late);
	expect_witness_is_served();
}

/* A socket whose last close waits for a minute: nobody reads what it still has to send. */
static int open_lingering_socket(int *ret_other)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct linger minute = {.l_onoff = 1, .l_linger = 60};
	static char bytes[65536];
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE_EQUAL(bind(listener, (struct sockaddr *)&address, size), 0);
	REQUIRE_EQUAL(listen(listener, 1), 0);
	REQUIRE_EQUAL(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	REQUIRE_EQUAL(connect(fd, (struct sockaddr *)&address, size), 0);
	*ret_other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	REQUIRE(*ret_other >= 0);
	close(listener);
	REQUIRE_EQUAL(setsockopt(fd, SOL_SOCKET, SO_LINGER, &minute, sizeof minute), 0);
	while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	return fd;
}

static void given_sockets_that_linger_when_a_client_is_cut_off_then_the_broker_does_not_wait_for_them(void)
{
	struct raw_client client;
	Cbb__ListHosts message = CBB__LIST_HOSTS__INIT;
	int others[3];
	given_a_broker();
	raw_open_session(&client, broker->socket);
	for (int i = 0; i < 3; i++) { /* the first is read, the others perhaps not any more */
		int fd = open_lingering_socket(&others[i]);
		connection_send(&client.connection, CBB__FRAME_TYPE__FRAME_LIST_HOSTS, &message.base, &fd, 1,
		                raw_deadline_ns());
	}
	raw_expect_end(&client);
	raw_close(&client);
	expect_witness_is_served(); /* within RAW_TIMEOUT_MS */
	for (int i = 0; i < 3; i++)
		close(others[i]);
}

static void given_a_flood_of_garbage_when_it_ends_then_the_log_is_bounded(void)
{
	given_a_broker();
	for (int i = 0; i < 300; i++) {
		struct raw_client client;
		raw_open(&client, broker->socket);
		raw_send_bytes(&client, "garbage garbage garbage", 23);
		EXPECT_EQUAL(raw_receive(&client), CBB__FRAME_TYPE__FRAME_HELLO_REPLY);
		raw_close(&client);
	}
	unsigned lines = 0;
	for (const char *at = harness_broker_log(broker); (at = strstr(at, "cut off")); at++)
		lines++;
	EXPECT(lines >= 20 && lines < 150);
	expect_witness_is_served();
}

static const struct test tests[] = {
    TEST(given_garbage_when_it_comes_first_then_it_is_cut_off),
    TEST(given_a_hello_at_the_limit_when_it_comes_then_it_is_taken_and_one_byte_more_is_not),
    TEST(given_a_frame_that_is_no_hello_when_it_comes_first_then_it_is_cut_off),
    TEST(given_a_hello_that_lies_when_it_comes_then_it_is_cut_off),
    TEST(given_a_connection_that_says_nothing_or_half_when_time_is_up_then_it_is_closed),
    TEST(given_another_version_when_it_says_hello_then_both_versions_are_named),
    TEST(given_another_user_when_it_says_hello_then_it_is_refused_in_words),
    TEST(given_garbage_when_it_comes_in_a_session_then_it_is_cut_off),
    TEST(given_an_oversized_frame_when_it_is_announced_then_the_session_is_cut_off),
    TEST(given_a_reply_when_it_comes_as_a_request_then_the_session_is_cut_off),
    TEST(given_a_request_that_lies_when_it_comes_then_the_session_is_cut_off),
    TEST(given_a_frame_that_dribbles_when_its_time_is_up_then_the_session_is_cut_off),
    TEST(given_a_truncated_frame_when_the_session_ends_then_it_is_named),
    TEST(given_a_bomb_of_empty_variables_when_it_comes_then_the_broker_stays_small),
    TEST(given_one_variable_too_many_when_a_host_is_opened_then_the_words_say_the_limit),
    TEST(given_wrong_descriptors_when_they_come_then_the_session_is_cut_off_and_none_is_kept),
    TEST(given_a_client_that_never_reads_when_it_goes_on_asking_then_it_is_cut_off_alone),
    TEST(given_connections_at_the_limit_when_one_more_comes_then_it_is_turned_away_in_words),
    TEST(given_few_descriptors_when_clients_use_them_up_then_the_broker_lives_and_serves_again),
    TEST(given_few_descriptors_when_silent_connections_use_them_up_then_one_more_is_turned_away_in_words),
    TEST(given_sockets_that_linger_when_a_client_is_cut_off_then_the_broker_does_not_wait_for_them),
    TEST(given_a_flood_of_garbage_when_it_ends_then_the_log_is_bounded),
};
HARNESS_MAIN(tests)
