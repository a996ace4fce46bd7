/* SPDX-License-Identifier: MIT */
/*
 * Descriptors over a connection: each arrives with its own frame, however the bytes are cut.
 */
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "support/harness.h"
#include "wire/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BYTES 100000

static struct connection left, right;

static void pair_open(void)
{
	int fds[2];
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	connection_init(&left, fds[0], MAX_BYTES);
	connection_init(&right, fds[1], MAX_BYTES);
}

static void pair_close(void)
{
	connection_free(&left);
	connection_free(&right);
}

/* A file that is known again by its size. */
static int marked_file(unsigned mark)
{
	int fd = memfd_create("mark", MFD_CLOEXEC);
	REQUIRE(ftruncate(fd, mark) == 0);
	return fd;
}

static unsigned mark_of(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 ? (unsigned)status.st_size : 0;
}

/* A frame with request number `request` and n files marked request * 10 + i. */
static int queue_with_files(uint32_t request, unsigned n, size_t body_size)
{
	static uint8_t body[MAX_BYTES];
	int fds[FRAME_FDS_MAX + 1] = {0};
	for (unsigned i = 0; i < n; i++)
		fds[i] = marked_file(request * 10 + i);
	Cbb__Done done = CBB__DONE__INIT;
	done.request = request;
	done.detail = (ProtobufCBinaryData){body_size, body};
	return connection_queue(&left, CBB__FRAME_TYPE__FRAME_DONE, &done.base, fds, n);
}

/* The frame is this request, and its files are the ones sent with it. */
static void expect_with_files(struct frame *frame, uint32_t request, unsigned n)
{
	Cbb__Done *done = cbb__done__unpack(NULL, frame->size, frame->body);
	REQUIRE(done != NULL);
	EXPECT_EQUAL(done->request, request);
	cbb__done__free_unpacked(done, NULL);
	EXPECT_EQUAL(frame->n_fds, n);
	for (unsigned i = 0; i < frame->n_fds; i++) {
		EXPECT_EQUAL(mark_of(frame->fds[i]), request * 10 + i);
		EXPECT(fcntl(frame->fds[i], F_GETFD) & FD_CLOEXEC);
	}
	frame_close_fds(frame);
}

static void given_frames_with_and_without_files_when_sent_at_once_then_each_has_its_own(void)
{
	static const unsigned n_files[] = {0, 1, 0, 0, 3, 2, FRAME_FDS_MAX, 0, 1, 0};
	pair_open();
	for (unsigned i = 0; i < 10; i++)
		EXPECT_EQUAL(queue_with_files(i + 1, n_files[i], 20), 0);
	EXPECT_EQUAL(connection_flush(&left), 0);
	for (unsigned i = 0; i < 10; i++) {
		struct frame frame;
		REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
		expect_with_files(&frame, i + 1, n_files[i]);
	}
	pair_close();
}

/* Three frames' bytes in left.out, of which the middle one has files: sent in pieces of our own choice. */
static size_t queue_three(void)
{
	queue_with_files(1, 0, 9);
	queue_with_files(2, 2, 9);
	queue_with_files(3, 0, 9);
	return left.out.size;
}

/* Sends [from, to), with the files if it begins where the middle frame does. */
static void send_piece(size_t from, size_t to)
{
	struct iovec piece = {.iov_base = left.out.data + from, .iov_len = to - from};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET,
	                        .cmsg_type = SCM_RIGHTS}};
	memcpy(CMSG_DATA(&control.header), left.out_fds[0].fds, 2 * sizeof(int));
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	if (from == left.out_fds[0].position) {
		message.msg_control = &control;
		message.msg_controllen = sizeof control.bytes;
	}
	if (from < to)
		REQUIRE_EQUAL(sendmsg(left.fd, &message, 0), to - from);
}

/* Sends what lies in [from, to) in the pieces that the protocol demands. */
static void send_range(size_t from, size_t to)
{
	size_t start = left.out_fds[0].position, ends[] = {start, start + left.out_fds[0].size, to};
	for (unsigned i = 0; i < 3; i++) {
		size_t end = ends[i] < to ? ends[i] : to;
		if (end > from) {
			send_piece(from, end);
			from = end;
		}
	}
}

static void receive_three_cut_at(size_t cut, bool exact)
{
	pair_open();
	right.exact = exact;
	size_t size = queue_three();
	struct frame frame;
	uint32_t request = 1;
	send_range(0, cut);
	for (; connection_receive(&right, &frame, clock_deadline_ns(0)) == 1; request++)
		expect_with_files(&frame, request, request == 2 ? 2 : 0);
	send_range(cut, size);
	for (; request <= 3; request++) {
		REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
		expect_with_files(&frame, request, request == 2 ? 2 : 0);
	}
	EXPECT_EQUAL(right.n_in_fds, 0);
	pair_close();
}

static void given_frames_cut_at_every_place_when_received_then_files_stay_with_their_frame(void)
{
	pair_open();
	size_t size = queue_three();
	pair_close();
	for (size_t cut = 0; cut <= size && expect_failures() == 0; cut++) {
		receive_three_cut_at(cut, false);
		receive_three_cut_at(cut, true);
	}
}

static void given_dribbled_frames_when_received_then_files_stay_with_their_frame(void)
{
	pair_open();
	size_t size = queue_three();
	struct frame frame;
	uint32_t request = 1;
	for (size_t i = 0; i < size; i++) {
		send_piece(i, i + 1);
		EXPECT_EQUAL(connection_fill(&right), 1);
		for (; connection_next(&right, &frame) == 1; request++)
			expect_with_files(&frame, request, request == 2 ? 2 : 0);
	}
	EXPECT_EQUAL(request, 4);
	pair_close();
}

static void given_a_large_frame_with_files_when_sent_then_the_next_frame_has_none(void)
{
	pair_open();
	EXPECT_EQUAL(queue_with_files(1, 2, 90000), 0);
	EXPECT_EQUAL(queue_with_files(2, 0, 90000), 0);
	EXPECT_EQUAL(queue_with_files(3, 1, 90000), 0);
	struct frame frame;
	for (uint32_t request = 1; request <= 3; request++) {
		int r;
		while ((r = connection_next(&right, &frame)) == 0) {
			EXPECT(connection_flush(&left) >= 0);
			r = connection_fill(&right);
			REQUIRE(r == 1 || r == -EAGAIN);
		}
		REQUIRE_EQUAL(r, 1);
		expect_with_files(&frame, request, request == 2 ? 0 : request == 1 ? 2 : 1);
	}
	pair_close();
}

static void given_more_files_than_a_frame_takes_when_queued_then_it_fails_and_they_are_closed(void)
{
	pair_open();
	EXPECT_EQUAL(queue_with_files(1, FRAME_FDS_MAX, 10), 0);
	EXPECT_EQUAL(queue_with_files(2, FRAME_FDS_MAX + 1, 10), -EMSGSIZE);
	EXPECT_EQUAL(connection_flush(&left), 0);
	struct frame frame;
	REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
	expect_with_files(&frame, 1, FRAME_FDS_MAX);
	pair_close();
}

static void given_more_groups_than_wait_when_queued_then_it_fails_and_they_are_closed(void)
{
	pair_open();
	for (uint32_t i = 1; i <= CONNECTION_GROUPS_MAX; i++)
		EXPECT_EQUAL(queue_with_files(i, 1, 10), 0);
	EXPECT_EQUAL(queue_with_files(99, 1, 10), -ENOBUFS);
	EXPECT_EQUAL(queue_with_files(17, 0, 10), 0);
	EXPECT_EQUAL(connection_flush(&left), 0);
	struct frame frame;
	for (uint32_t i = 1; i <= CONNECTION_GROUPS_MAX + 1; i++) {
		REQUIRE_EQUAL(connection_receive(&right, &frame, clock_deadline_ns(5000)), 1);
		expect_with_files(&frame, i, i <= CONNECTION_GROUPS_MAX ? 1 : 0);
	}
	pair_close();
}

static void given_unsent_and_untaken_files_when_freed_then_they_are_closed(void)
{
	pair_open();
	queue_with_files(1, 3, 10);
	connection_flush(&left);
	queue_with_files(2, 3, 10);
	EXPECT_EQUAL(connection_fill(&right), 1);
	pair_close(); /* the harness looks for what is left open */
}

static int send_raw_files(int fd, unsigned n, const void *bytes, size_t size)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET,
	                        .cmsg_type = SCM_RIGHTS}};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < n; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof null, &null, sizeof null);
	struct iovec piece = {(void *)bytes, size};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
	                         .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	int sent = (int)sendmsg(fd, &message, 0);
	close(null);
	return sent;
}

static void given_a_flood_of_files_when_received_then_the_peer_is_refused_and_none_stays_open(void)
{
	pair_open();
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, 0, CBB__FRAME_TYPE__FRAME_LIST_HOSTS);
	REQUIRE_EQUAL(send_raw_files(left.fd, FRAME_FDS_MAX + 1, header, sizeof header), sizeof header);
	EXPECT_EQUAL(connection_fill(&right), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "descriptors");
	pair_close();
	pair_open();
	REQUIRE_EQUAL(send_raw_files(left.fd, 60, header, sizeof header), sizeof header);
	EXPECT_EQUAL(connection_fill(&right), -EBADMSG);
	pair_close();
}

/* The receiver's trouble is no fault of the peer, and what comes later is whole again. */
static void given_no_room_for_a_file_when_received_then_its_frame_says_so_and_the_next_has_its_own(void)
{
	struct rlimit before, few;
	struct frame frame;
	int pidfd = descriptor_pidfd(getpid());
	if (pidfd == -ENOSYS)
		SKIP("the limit of descriptors is not the kernel's here (valgrind)");
	descriptor_close(pidfd);
	pair_open();
	queue_with_files(1, 2, 10);
	REQUIRE_EQUAL(connection_flush(&left), 0);
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	REQUIRE_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){.rlim_cur = (rlim_t)next + 1, .rlim_max = before.rlim_max};
	REQUIRE_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	EXPECT_EQUAL(connection_fill(&right), 1);
	REQUIRE_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(next);
	EXPECT_EQUAL(connection_next(&right, &frame), 1);
	EXPECT(frame.lost_fds);
	EXPECT(frame.n_fds < 2);
	frame_close_fds(&frame);
	queue_with_files(2, 2, 10);
	REQUIRE_EQUAL(connection_flush(&left), 0);
	EXPECT_EQUAL(connection_fill(&right), 1);
	EXPECT_EQUAL(connection_next(&right, &frame), 1);
	EXPECT(!frame.lost_fds);
	EXPECT_EQUAL(frame.n_fds, 2);
	frame_close_fds(&frame);
	pair_close();
}

static void given_files_at_every_byte_when_received_then_the_peer_is_refused(void)
{
	pair_open();
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, 1000, CBB__FRAME_TYPE__FRAME_DONE);
	int r = 1;
	unsigned n = 0;
	for (; r == 1 && n < 100; n++) {
		REQUIRE_EQUAL(send_raw_files(left.fd, 1, n < 8 ? header + n : header + 7, 1), 1);
		r = connection_fill(&right);
	}
	EXPECT_EQUAL(r, -EBADMSG);
	EXPECT(n <= CONNECTION_GROUPS_MAX + 1);
	pair_close();
}

static const struct test tests[] = {
    TEST(given_frames_with_and_without_files_when_sent_at_once_then_each_has_its_own),
    TEST(given_frames_cut_at_every_place_when_received_then_files_stay_with_their_frame),
    TEST(given_dribbled_frames_when_received_then_files_stay_with_their_frame),
    TEST(given_a_large_frame_with_files_when_sent_then_the_next_frame_has_none),
    TEST(given_more_files_than_a_frame_takes_when_queued_then_it_fails_and_they_are_closed),
    TEST(given_more_groups_than_wait_when_queued_then_it_fails_and_they_are_closed),
    TEST(given_unsent_and_untaken_files_when_freed_then_they_are_closed),
    TEST(given_a_flood_of_files_when_received_then_the_peer_is_refused_and_none_stays_open),
    TEST(given_no_room_for_a_file_when_received_then_its_frame_says_so_and_the_next_has_its_own),
    TEST(given_files_at_every_byte_when_received_then_the_peer_is_refused),
};
HARNESS_MAIN(tests)
