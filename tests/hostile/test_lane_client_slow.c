/* SPDX-License-Identifier: MIT */
/*
 * Clients that dribble, stop in the middle of a frame, or do not read: nobody else waits for them, and their host ends
 * when it should.
 */
#include "lane_party.h"

#include <fcntl.h>
#include <signal.h>

/* More than sockets hold. */
#define MANY_BYTES (8u << 20)

/* ---- Slow, silent, and not reading ---- */

static void given_a_client_that_dribbles_when_others_call_then_all_are_served(void)
{
	uint8_t frame[FRAME_HEADER_BYTES + 64];
	uint64_t word = 41;
	given_two_parties();
	given_a_bad_lane();
	Cbb__Invoke message = an_invoke(9, 0, "add_one", &word, 1);
	size_t size = protobuf_c_message_pack(&message.base, frame + FRAME_HEADER_BYTES);
	frame_write_header(frame, (uint32_t)size, CBB__FRAME_TYPE__FRAME_INVOKE);
	for (size_t i = 0; i < FRAME_HEADER_BYTES + size; i++) {
		raw_send_bytes(&bad, frame + i, 1);
		call_add_one(&hostile.lane, 3 + i);
		call_add_one(&witness.lane, 3 + i);
	}
	EXPECT_EQUAL(expect_return(&bad, 9, 0)->words[0], 42);
	raw_close(&bad);
	finish();
}

static void send_half(struct raw_client *lane)
{
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, 100, CBB__FRAME_TYPE__FRAME_INVOKE);
	raw_send_bytes(lane, header, sizeof header);
	raw_send_bytes(lane, "\x08", 1);
}

/* Asks for more than a socket holds and reads none of it. */
static void ask_and_not_read(struct raw_client *lane)
{
	uint64_t words[4] = {1, 0, 1, MANY_BYTES / sizeof(double)};
	Cbb__Invoke message = an_invoke(1, 0, "add_one", words, 4);
	message.library = MEMORY;
	message.function = function_number(memory, "fill_out");
	send_invoke(lane, &message);
	REQUIRE(harness_wait_readable(lane->connection.fd, 15000)); /* its first bytes are there */
}

static void given_lanes_that_stop_halfway_when_the_host_is_closed_then_it_ends(void)
{
	struct raw_client silent;
	given_two_parties();
	given_a_bad_lane();
	send_half(&bad);
	REQUIRE_EQUAL(raw_attach(&silent, broker->socket, &hostile.session, hostile.host)->status, 0);
	ask_and_not_read(&silent);
	finish();
	raw_close(&bad);
	raw_close(&silent);
}

static void given_a_lane_that_stops_halfway_when_it_is_closed_then_its_thread_ends(void)
{
	given_two_parties();
	given_a_bad_lane();
	send_half(&bad);
	raw_close(&bad);
	EXPECT(harness_wait_gone((pid_t)bad_thread, 15000));
	given_a_bad_lane();
	ask_and_not_read(&bad);
	raw_close(&bad);
	EXPECT(harness_wait_gone((pid_t)bad_thread, 15000));
	finish();
}

static void given_descriptors_on_a_lane_when_they_come_then_the_host_keeps_none(void)
{
	int pipe_fds[2];
	char byte;
	uint64_t word = 41;
	given_two_parties();
	given_a_bad_lane();
	Cbb__Invoke message = an_invoke(1, 0, "add_one", &word, 1);
	REQUIRE_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	raw_send_fds(&bad, CBB__FRAME_TYPE__FRAME_INVOKE, &message.base, &pipe_fds[1], 1);
	expect_return(&bad, 1, 0);
	EXPECT(harness_wait_readable(pipe_fds[0], 15000));
	EXPECT_EQUAL(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
	raw_close(&bad);
	finish();
}

/* The hostile party in a process of its own; tells the host's pid and waits to be killed. */
static void be_the_hostile_party(void *context)
{
	int to = *(int *)context;
	struct raw_client silent;
	open_party(&hostile);
	given_a_bad_lane();
	send_half(&bad);
	REQUIRE_EQUAL(raw_attach(&silent, broker->socket, &hostile.session, hostile.host)->status, 0);
	ask_and_not_read(&silent);
	REQUIRE_EQUAL(write(to, &hostile.pid, sizeof hostile.pid), sizeof hostile.pid);
	for (;;)
		pause();
}

static void given_lanes_that_stop_halfway_when_their_client_dies_then_the_host_ends(void)
{
	int pipe_fds[2], status;
	uint32_t host_pid = 0;
	broker = harness_start_broker(NULL);
	callbacks = parse("callbacks", CALLBACKS_TEXT);
	memory = parse("memory", MEMORY_TEXT);
	open_party(&witness);
	REQUIRE_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid_t child = harness_fork(be_the_hostile_party, &pipe_fds[1]);
	close(pipe_fds[1]);
	REQUIRE(harness_wait_readable(pipe_fds[0], 10000));
	REQUIRE_EQUAL(read(pipe_fds[0], &host_pid, sizeof host_pid), sizeof host_pid);
	close(pipe_fds[0]);
	call_add_one(&witness.lane, 2);
	kill(child, SIGKILL);
	EXPECT(harness_wait_child(child, &status, 15000));
	EXPECT(harness_wait_gone((pid_t)host_pid, 10000));
	call_add_one(&witness.lane, 3);
	close_party(&witness);
	interface_free(callbacks);
	interface_free(memory);
}

static const struct test tests[] = {
    TEST(given_a_client_that_dribbles_when_others_call_then_all_are_served),
    TEST(given_lanes_that_stop_halfway_when_the_host_is_closed_then_it_ends),
    TEST(given_a_lane_that_stops_halfway_when_it_is_closed_then_its_thread_ends),
    TEST(given_descriptors_on_a_lane_when_they_come_then_the_host_keeps_none),
    TEST(given_lanes_that_stop_halfway_when_their_client_dies_then_the_host_ends),
};
HARNESS_MAIN(tests)
