/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "support/harness.h"
#include "wire/lane.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PAYLOAD_BYTES (1u << 20)
#define MAX_BYTES (MAX_PAYLOAD_BYTES + FRAME_OVERHEAD_BYTES)

static struct lane left, right;
static uint8_t large[MAX_BYTES];

static void pair_open(void)
{
	int fds[2];
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	lane_init(&left, fds[0], -1, MAX_PAYLOAD_BYTES);
	lane_init(&right, fds[1], -1, MAX_PAYLOAD_BYTES);
}

static void pair_close(void)
{
	lane_free(&left);
	lane_free(&right);
}

/* An ABANDON frame carries one number. */
static int put_number(struct lane *lane, uint64_t number)
{
	Cbb__Abandon abandon = CBB__ABANDON__INIT;
	abandon.sequence = number;
	return lane_put(lane, CBB__FRAME_TYPE__FRAME_ABANDON, &abandon.base);
}

static void send_number(struct lane *lane, uint64_t number)
{
	EXPECT_EQUAL(put_number(lane, number), 0);
	EXPECT_EQUAL(lane_send(lane, clock_deadline_ns(10000)), 0);
}

/* A frame with `size` bytes of detail, about. */
static int put_large(struct lane *lane, size_t size)
{
	Cbb__Return answer = CBB__RETURN__INIT;
	answer.sequence = size;
	answer.detail = (ProtobufCBinaryData){size, large};
	return lane_put(lane, CBB__FRAME_TYPE__FRAME_RETURN, &answer.base);
}

static uint64_t frame_number(const struct frame *frame)
{
	EXPECT_EQUAL(frame->type, CBB__FRAME_TYPE__FRAME_ABANDON);
	Cbb__Abandon *abandon = cbb__abandon__unpack(NULL, frame->size, frame->body);
	REQUIRE(abandon != NULL);
	uint64_t number = abandon->sequence;
	cbb__abandon__free_unpacked(abandon, NULL);
	return number;
}

static uint64_t receive_number(struct lane *lane)
{
	struct frame frame;
	REQUIRE_EQUAL(lane_receive(lane, &frame, clock_deadline_ns(10000)), 1);
	return frame_number(&frame);
}

static void given_several_messages_in_one_send_when_received_then_they_come_in_order(void)
{
	pair_open();
	for (uint64_t i = 1; i <= 1000; i++)
		EXPECT_EQUAL(put_number(&left, i), 0);
	EXPECT_EQUAL(lane_send(&left, clock_deadline_ns(10000)), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		EXPECT_EQUAL(receive_number(&right), i);
	struct frame frame;
	EXPECT_EQUAL(lane_receive(&right, &frame, 0), -ETIMEDOUT);
	EXPECT_EQUAL(lane_receive(&right, &frame, clock_deadline_ns(10)), -ETIMEDOUT);
	pair_close();
}

static void *echo(void *n_messages)
{
	for (unsigned i = 0; i < *(unsigned *)n_messages; i++) {
		uint64_t number = receive_number(&right);
		lane_set_peer_core(&right, number & 1 ? lane_core() + 1 : lane_core());
		send_number(&right, number + 1);
	}
	return NULL;
}

/* Both kinds of wait: asleep, and spinning as if the peer ran on another core. */
static void given_two_threads_when_they_answer_each_other_then_every_message_arrives_once(void)
{
	pair_open();
	pthread_t thread;
	unsigned n = 20000;
	REQUIRE(pthread_create(&thread, NULL, echo, &n) == 0);
	for (unsigned i = 0; i < n && expect_failures() == 0; i++) {
		lane_set_peer_core(&left, i % 3 ? lane_core() : lane_core() + 1);
		send_number(&left, i);
		EXPECT_EQUAL(receive_number(&left), i + 1);
	}
	pthread_join(thread, NULL);
	pair_close();
}

static void given_a_received_frame_when_put_back_then_it_comes_again(void)
{
	pair_open();
	put_number(&left, 1);
	put_number(&left, 2);
	EXPECT_EQUAL(lane_send(&left, clock_deadline_ns(1000)), 0);
	EXPECT_EQUAL(receive_number(&right), 1);
	lane_unreceive(&right);
	EXPECT_EQUAL(receive_number(&right), 1);
	EXPECT_EQUAL(receive_number(&right), 2);
	lane_unreceive(&right);
	lane_unreceive(&right); /* nothing more to put back */
	EXPECT_EQUAL(receive_number(&right), 2);
	pair_close();
}

static void given_a_peer_on_another_core_when_spun_for_then_what_comes_is_found(void)
{
	struct frame frame;
	pair_open();
	send_number(&left, 1);
	EXPECT_EQUAL(lane_spin(&right, &frame), 0); /* where the peer runs is not known: that does not pay */
	EXPECT_EQUAL(receive_number(&right), 1);
	lane_set_peer_core(&right, UINT32_MAX);
	EXPECT_EQUAL(lane_spin(&right, &frame), 0); /* nothing */
	send_number(&left, 2);
	send_number(&left, 3);
	for (uint64_t number = 2; number <= 3; number++) {
		REQUIRE_EQUAL(lane_spin(&right, &frame), 1);
		EXPECT_EQUAL(frame_number(&frame), number);
	}
	lane_free(&left);
	left.fd = -1;
	EXPECT_EQUAL(lane_spin(&right, &frame), -ECONNRESET);
	pair_close();
}

static void given_dribbled_bytes_when_received_then_only_the_last_one_completes_the_frame(void)
{
	pair_open();
	put_number(&left, 300);
	struct frame frame;
	for (size_t i = 0; i < left.out.size; i++) {
		EXPECT_EQUAL(lane_receive(&right, &frame, 0), -ETIMEDOUT);
		REQUIRE(send(left.fd, left.out.data + i, 1, 0) == 1);
	}
	EXPECT_EQUAL(receive_number(&right), 300);
	pair_close();
}

static void given_a_message_at_the_limit_when_sent_then_it_passes_and_one_byte_more_is_refused(void)
{
	pair_open();
	/* sequence (4 bytes), tag and length of detail (4 bytes) */
	EXPECT_EQUAL(put_large(&left, MAX_BYTES - 8), 0);
	EXPECT_EQUAL(left.out.size, FRAME_HEADER_BYTES + MAX_BYTES);
	left.out.size = 0;
	EXPECT_EQUAL(put_large(&left, MAX_BYTES - 7), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(detail_text(), "RETURN");
	EXPECT_EQUAL(left.out.size, 0);
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, MAX_BYTES + 1, CBB__FRAME_TYPE__FRAME_RETURN);
	REQUIRE(send(left.fd, header, sizeof header, 0) == sizeof header);
	struct frame frame;
	EXPECT_EQUAL(lane_receive(&right, &frame, clock_deadline_ns(1000)), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "RETURN");
	pair_close();
}

static void *receive_large(void *lane)
{
	struct frame frame;
	for (unsigned i = 0; i < 20; i++) {
		REQUIRE_EQUAL(lane_receive(lane, &frame, clock_deadline_ns(20000)), 1);
		EXPECT(frame.size > MAX_BYTES - 20);
	}
	return NULL;
}

static void given_large_messages_when_sent_then_they_arrive_and_their_memory_is_given_back(void)
{
	pair_open();
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, receive_large, &right) == 0);
	for (unsigned i = 0; i < 20; i++) {
		EXPECT_EQUAL(put_large(&left, MAX_BYTES - 8), 0);
		EXPECT_EQUAL(lane_send(&left, clock_deadline_ns(20000)), 0);
	}
	pthread_join(thread, NULL);
	EXPECT(left.out.capacity <= 256 * 1024);
	struct frame frame;
	EXPECT_EQUAL(lane_receive(&right, &frame, 0), -ETIMEDOUT);
	EXPECT(right.in.capacity <= 512 * 1024);
	pair_close();
}

static void given_a_header_that_lies_when_received_then_memory_follows_what_arrives(void)
{
	pair_open();
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, MAX_BYTES, CBB__FRAME_TYPE__FRAME_RETURN);
	REQUIRE(send(left.fd, header, sizeof header, 0) == sizeof header);
	struct frame frame;
	EXPECT_EQUAL(lane_receive(&right, &frame, clock_deadline_ns(10)), -ETIMEDOUT);
	EXPECT_EQUAL(lane_receive(&right, &frame, clock_deadline_ns(10)), -ETIMEDOUT);
	EXPECT(right.in.capacity <= 512 * 1024);
	pair_close();
}

static void given_garbage_when_received_then_it_is_refused_in_words(void)
{
	pair_open();
	REQUIRE(send(left.fd, "GET / HTTP/1.1\r\n", 16, 0) == 16);
	struct frame frame;
	EXPECT_EQUAL(lane_receive(&right, &frame, clock_deadline_ns(1000)), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "not a frame of this protocol");
	pair_close();
}

static void given_the_peer_ends_when_waited_for_then_it_shows_after_what_it_had_sent(void)
{
	pair_open();
	send_number(&left, 5);
	lane_free(&left);
	EXPECT_EQUAL(receive_number(&right), 5);
	struct frame frame;
	EXPECT_EQUAL(lane_receive(&right, &frame, CLOCK_NEVER), -ECONNRESET);
	EXPECT_EQUAL(put_number(&right, 1), 0);
	EXPECT_EQUAL(lane_send(&right, CLOCK_NEVER), -ECONNRESET);
	pair_close();
}

static void wait_to_be_killed(void *unused)
{
	(void)unused;
	poll(NULL, 0, -1);
}

/* Someone else keeps the socket open: only the pidfd tells. */
static void given_the_peer_process_dies_when_its_socket_stays_open_then_the_wait_ends(void)
{
	pair_open();
	pid_t pid = harness_fork(wait_to_be_killed, NULL);
	int pidfd = descriptor_pidfd(pid);
	if (pidfd < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		SKIP("no pidfd_open here (valgrind)");
	}
	right.peer_pidfd = pidfd;
	struct frame frame;
	EXPECT_EQUAL(lane_receive(&right, &frame, clock_deadline_ns(20)), -ETIMEDOUT);
	send_number(&left, 6);
	kill(pid, SIGKILL);
	EXPECT_EQUAL(descriptor_wait_readable(pidfd, clock_deadline_ns(10000)), 1);
	EXPECT_EQUAL(receive_number(&right), 6); /* what it said before is not lost */
	EXPECT_EQUAL(lane_receive(&right, &frame, CLOCK_NEVER), -ECONNRESET);
	while (put_large(&right, MAX_BYTES - 8) == 0 && lane_send(&right, CLOCK_NEVER) == 0)
		;
	EXPECT(right.out.size > 0);
	waitpid(pid, NULL, 0);
	descriptor_close(pidfd);
	pair_close();
}

static void given_a_peer_that_does_not_read_when_sent_then_the_deadline_is_kept_and_the_rest_stays(void)
{
	pair_open();
	EXPECT_EQUAL(put_large(&left, MAX_BYTES - 8), 0);
	uint64_t start_ns = clock_now_ns();
	EXPECT_EQUAL(lane_send(&left, clock_deadline_ns(30)), -ETIMEDOUT);
	EXPECT(clock_now_ns() - start_ns >= 30000000);
	EXPECT(left.out_start > 0 && left.out_start < left.out.size);
	/* The peer reads after all: the frame is whole. */
	struct frame frame;
	EXPECT_EQUAL(lane_receive(&right, &frame, 0), -ETIMEDOUT);
	while (lane_send(&left, clock_deadline_ns(10)) == -ETIMEDOUT && expect_failures() == 0)
		lane_receive(&right, &frame, 0);
	EXPECT_EQUAL(lane_receive(&right, &frame, clock_deadline_ns(1000)), 1);
	EXPECT(frame.size > MAX_BYTES - 20);
	pair_close();
}

static void *send_all_then_receive_all(void *lane)
{
	struct frame frame;
	for (unsigned i = 0; i < 10; i++) {
		EXPECT_EQUAL(put_large(lane, 100000), 0);
		EXPECT_EQUAL(lane_send(lane, clock_deadline_ns(20000)), 0);
	}
	for (unsigned i = 0; i < 10; i++) {
		EXPECT_EQUAL(lane_receive(lane, &frame, clock_deadline_ns(20000)), 1);
		EXPECT_EQUAL(frame.size, 100008);
	}
	return NULL;
}

static void given_both_ends_send_at_once_when_the_sockets_are_full_then_neither_locks_up(void)
{
	pair_open();
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, send_all_then_receive_all, &right) == 0);
	send_all_then_receive_all(&left);
	pthread_join(thread, NULL);
	pair_close();
}

static void given_zeros_when_freed_then_nothing_happens(void)
{
	struct lane lane = {.fd = -1};
	lane_free(&lane);
	lane_free(&lane);
	EXPECT_EQUAL(lane.fd, -1);
	EXPECT(lane_core() >= 1);
}

static const struct test tests[] = {
    TEST(given_several_messages_in_one_send_when_received_then_they_come_in_order),
    TEST_TIMEOUT(given_two_threads_when_they_answer_each_other_then_every_message_arrives_once, 60),
    TEST(given_a_received_frame_when_put_back_then_it_comes_again),
    TEST(given_a_peer_on_another_core_when_spun_for_then_what_comes_is_found),
    TEST(given_dribbled_bytes_when_received_then_only_the_last_one_completes_the_frame),
    TEST(given_a_message_at_the_limit_when_sent_then_it_passes_and_one_byte_more_is_refused),
    TEST(given_large_messages_when_sent_then_they_arrive_and_their_memory_is_given_back),
    TEST(given_a_header_that_lies_when_received_then_memory_follows_what_arrives),
    TEST(given_garbage_when_received_then_it_is_refused_in_words),
    TEST(given_the_peer_ends_when_waited_for_then_it_shows_after_what_it_had_sent),
    TEST(given_the_peer_process_dies_when_its_socket_stays_open_then_the_wait_ends),
    TEST(given_a_peer_that_does_not_read_when_sent_then_the_deadline_is_kept_and_the_rest_stays),
    TEST(given_both_ends_send_at_once_when_the_sockets_are_full_then_neither_locks_up),
    TEST(given_zeros_when_freed_then_nothing_happens),
};
HARNESS_MAIN(tests)
