/* SPDX-License-Identifier: MIT */
/*
 * Frames over a connection: whole, in pieces, garbled, too many. Descriptors: test_connection_descriptors.c.
 */
#include "base/clock.h"
#include "base/detail.h"
#include "support/harness.h"
#include "wire/connection.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BYTES 100000

static struct connection left, right;

static void pair_open(size_t max_bytes)
{
	int fds[2];
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	connection_init(&left, fds[0], max_bytes);
	connection_init(&right, fds[1], max_bytes);
}

static void pair_close(void)
{
	connection_free(&left);
	connection_free(&right);
}

static int queue_done(struct connection *connection, uint32_t request, const void *detail, size_t size)
{
	Cbb__Done done = CBB__DONE__INIT;
	done.request = request;
	done.detail = (ProtobufCBinaryData){size, (uint8_t *)detail};
	return connection_queue(connection, CBB__FRAME_TYPE__FRAME_DONE, &done.base, NULL, 0);
}

/* The request number in a received DONE frame. */
static uint32_t frame_request(const struct frame *frame)
{
	EXPECT_EQUAL(frame->type, CBB__FRAME_TYPE__FRAME_DONE);
	Cbb__Done *done = cbb__done__unpack(NULL, frame->size, frame->body);
	REQUIRE(done != NULL);
	uint32_t request = done->request;
	cbb__done__free_unpacked(done, NULL);
	return request;
}

static void given_frames_when_queued_and_flushed_then_they_arrive_in_order(void)
{
	pair_open(MAX_BYTES);
	for (uint32_t i = 1; i <= 100; i++)
		EXPECT_EQUAL(queue_done(&left, i, "detail", i % 7), 0);
	EXPECT_EQUAL(connection_flush(&left), 0);
	struct frame frame;
	for (uint32_t i = 1; i <= 100; i++) {
		REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
		EXPECT_EQUAL(frame_request(&frame), i);
		EXPECT_EQUAL(frame.n_fds, 0);
	}
	EXPECT(!connection_partial(&right));
	EXPECT_EQUAL(connection_fill(&right), -EAGAIN);
	EXPECT_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(10)), -ETIMEDOUT);
	pair_close();
}

static void given_dribbled_bytes_when_received_then_the_frame_is_whole_at_the_last_one(void)
{
	pair_open(MAX_BYTES);
	queue_done(&left, 7, "some words", 10);
	struct frame frame;
	for (size_t i = 0; i < left.out.size; i++) {
		EXPECT_EQUAL(connection_next(&right, &frame), 0);
		EXPECT_EQUAL(connection_partial(&right), i > 0);
		REQUIRE_EQUAL(send(left.fd, left.out.data + i, 1, 0), 1);
		EXPECT_EQUAL(connection_fill(&right), 1);
	}
	REQUIRE_EQUAL(connection_next(&right, &frame), 1);
	EXPECT_EQUAL(frame_request(&frame), 7);
	EXPECT(!connection_partial(&right));
	pair_close();
}

static void given_a_frame_at_the_limit_when_received_then_it_passes_and_one_byte_more_is_refused(void)
{
	static uint8_t body[MAX_BYTES];
	pair_open(MAX_BYTES);
	/* request (2 bytes), tag and length of detail (4 bytes) */
	queue_done(&left, 1, body, MAX_BYTES - 6);
	EXPECT_EQUAL(left.out.size, FRAME_HEADER_BYTES + MAX_BYTES);
	queue_done(&left, 2, body, MAX_BYTES - 5);
	EXPECT_EQUAL(connection_flush(&left), 0);
	struct frame frame;
	REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
	EXPECT_EQUAL(frame.size, MAX_BYTES);
	EXPECT_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "100001");
	EXPECT_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), -EBADMSG);
	pair_close();
}

static void given_garbage_when_received_then_it_is_refused_in_words(void)
{
	pair_open(MAX_BYTES);
	REQUIRE(send(left.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0) == 18);
	struct frame frame;
	EXPECT_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "not a frame of this protocol");
	pair_close();
}

static void given_a_header_that_lies_when_received_then_memory_follows_what_arrives(void)
{
	pair_open(1u << 30);
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, 1u << 30, CBB__FRAME_TYPE__FRAME_DONE);
	REQUIRE(send(left.fd, header, sizeof header, 0) == sizeof header);
	struct frame frame;
	EXPECT_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(10)), -ETIMEDOUT);
	EXPECT(connection_partial(&right));
	EXPECT(right.in.capacity <= 256 * 1024);
	pair_close();
}

static void given_the_peer_ends_when_received_then_whole_frames_come_first_and_then_the_end(void)
{
	pair_open(MAX_BYTES);
	queue_done(&left, 1, "", 0);
	queue_done(&left, 2, "", 0);
	left.out.size--; /* the last byte never comes */
	EXPECT_EQUAL(connection_flush(&left), 0);
	connection_free(&left);
	struct frame frame;
	REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
	EXPECT_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 0);
	EXPECT(connection_partial(&right));
	EXPECT_EQUAL(connection_send(&right, CBB__FRAME_TYPE__FRAME_LIST_HOSTS,
	                             &(Cbb__ListHosts)CBB__LIST_HOSTS__INIT.base, NULL, 0, clock_deadline_ns(1000)),
	             -EPIPE);
	pair_close();
}

static void given_exact_mode_when_filling_then_not_one_byte_beyond_the_frame_is_read(void)
{
	pair_open(MAX_BYTES);
	right.exact = true;
	queue_done(&left, 1, "first", 5);
	queue_done(&left, 2, "second", 6);
	EXPECT_EQUAL(connection_flush(&left), 0);
	struct frame frame;
	REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
	EXPECT_EQUAL(frame_request(&frame), 1);
	EXPECT(!connection_partial(&right));
	/* Who takes the descriptor over finds the second frame from its first byte. */
	struct connection heir;
	connection_init(&heir, connection_take_fd(&right), MAX_BYTES);
	EXPECT_EQUAL(right.fd, -1);
	REQUIRE_EQUAL(connection_receive(&heir, &frame, clock_deadline_ns(5000)), 1);
	EXPECT_EQUAL(frame_request(&frame), 2);
	connection_free(&heir);
	pair_close();
}

static void given_exact_mode_and_a_complete_frame_when_filling_again_then_nothing_is_read(void)
{
	pair_open(MAX_BYTES);
	right.exact = true;
	queue_done(&left, 1, "first", 5);
	queue_done(&left, 2, "second", 6);
	connection_flush(&left);
	for (unsigned i = 0; i < 10; i++)
		EXPECT_EQUAL(connection_fill(&right), 1);
	struct frame frame;
	REQUIRE_EQUAL(connection_next(&right, &frame), 1);
	EXPECT_EQUAL(connection_next(&right, &frame), 0);
	pair_close();
}

static void given_a_peer_that_does_not_read_when_queued_then_the_queue_has_an_end(void)
{
	static uint8_t body[65536];
	pair_open(MAX_BYTES);
	unsigned n = 0;
	int r;
	while ((r = queue_done(&left, n, body, sizeof body)) == 0 && n < 10000) {
		EXPECT(connection_flush(&left) >= 0);
		n++;
	}
	EXPECT_EQUAL(r, -ENOBUFS);
	EXPECT_CONTAINS(detail_text(), "does not read");
	EXPECT(left.out.size <= CONNECTION_QUEUE_MAX_BYTES);
	EXPECT(left.out.size > CONNECTION_QUEUE_MAX_BYTES - 2 * sizeof body);
	EXPECT_EQUAL(connection_flush(&left), 1);
	/* What was queued is not damaged. */
	struct frame frame;
	for (unsigned i = 0; i < n; i++) {
		connection_flush(&left);
		REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
		if (frame.size < sizeof body)
			FAIL("frame %u has %zu bytes", i, frame.size);
	}
	EXPECT_EQUAL(connection_flush(&left), 0);
	pair_close();
}

static void *receive_all(void *n_frames)
{
	struct frame frame;
	for (unsigned i = 0; i < *(unsigned *)n_frames; i++) {
		REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(20000)), 1);
		if (frame_request(&frame) != i + 1)
			FAIL("frame %u is request %u", i, frame_request(&frame));
	}
	return NULL;
}

static void given_more_than_the_socket_holds_when_sent_with_a_deadline_then_all_arrives(void)
{
	static uint8_t body[90000];
	pair_open(MAX_BYTES);
	pthread_t thread;
	unsigned n = 200;
	REQUIRE(pthread_create(&thread, NULL, receive_all, &n) == 0);
	Cbb__Done done = CBB__DONE__INIT;
	done.detail = (ProtobufCBinaryData){sizeof body, body};
	for (done.request = 1; done.request <= n; done.request++)
		REQUIRE_EQUAL(connection_send(&left, CBB__FRAME_TYPE__FRAME_DONE, &done.base, NULL, 0,
		                              clock_deadline_ns(20000)), 0);
	pthread_join(thread, NULL);
	pair_close();
}

static void given_a_peer_that_does_not_read_when_sent_with_a_deadline_then_it_passes(void)
{
	static uint8_t body[2000000];
	pair_open(MAX_BYTES);
	Cbb__Done done = CBB__DONE__INIT;
	done.detail = (ProtobufCBinaryData){sizeof body, body};
	uint64_t start_ns = clock_now_ns();
	EXPECT_EQUAL(connection_send(&left, CBB__FRAME_TYPE__FRAME_DONE, &done.base, NULL, 0, clock_deadline_ns(30)),
	             -ETIMEDOUT);
	EXPECT(clock_now_ns() - start_ns >= 30000000);
	pair_close();
}

static void given_zeros_when_freed_then_nothing_happens(void)
{
	struct connection connection = {.fd = -1};
	connection_free(&connection);
	connection_free(&connection);
	EXPECT_EQUAL(connection.fd, -1);
}

static const struct test tests[] = {
    TEST(given_frames_when_queued_and_flushed_then_they_arrive_in_order),
    TEST(given_dribbled_bytes_when_received_then_the_frame_is_whole_at_the_last_one),
    TEST(given_a_frame_at_the_limit_when_received_then_it_passes_and_one_byte_more_is_refused),
    TEST(given_garbage_when_received_then_it_is_refused_in_words),
    TEST(given_a_header_that_lies_when_received_then_memory_follows_what_arrives),
    TEST(given_the_peer_ends_when_received_then_whole_frames_come_first_and_then_the_end),
    TEST(given_exact_mode_when_filling_then_not_one_byte_beyond_the_frame_is_read),
    TEST(given_exact_mode_and_a_complete_frame_when_filling_again_then_nothing_is_read),
    TEST(given_a_peer_that_does_not_read_when_queued_then_the_queue_has_an_end),
    TEST(given_more_than_the_socket_holds_when_sent_with_a_deadline_then_all_arrives),
    TEST(given_a_peer_that_does_not_read_when_sent_with_a_deadline_then_it_passes),
    TEST(given_zeros_when_freed_then_nothing_happens),
};
HARNESS_MAIN(tests)
