/* SPDX-License-Identifier: MIT */
#include "wire/connection.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"

#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>

#define READ_BYTES 16384
/* As many as the kernel passes at once: those it had no room for would get their last close within recvmsg. */
#define CONTROL_FDS_MAX 253

void connection_init(struct connection *connection, int fd, size_t max_bytes)
{
	memset(connection, 0, sizeof *connection);
	connection->fd = fd;
	connection->max_bytes = max_bytes;
	buffer_init(&connection->in, SIZE_MAX);
	buffer_init(&connection->out, CONNECTION_QUEUE_MAX_BYTES);
}

static void groups_close(struct connection_fds *groups, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < groups[i].n; k++)
			descriptor_discard(groups[i].fds[k]);
}

void connection_free(struct connection *connection)
{
	groups_close(connection->in_fds, connection->n_in_fds);
	groups_close(connection->out_fds, connection->n_out_fds);
	connection->n_in_fds = connection->n_out_fds = 0;
	buffer_free(&connection->in);
	buffer_free(&connection->out);
	connection->fd = descriptor_close(connection->fd);
}

/* One received chunk; false: none is left. */
static bool discard_chunk(int fd)
{
	uint8_t bytes[READ_BYTES];
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
	struct iovec piece = {.iov_base = bytes, .iov_len = sizeof bytes};
	struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	if (recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return false;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at))
		for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= at->cmsg_len; i++) {
			int passed;
			memcpy(&passed, CMSG_DATA(at) + i * sizeof passed, sizeof passed);
			descriptor_discard(passed);
		}
	return true;
}

void connection_discard(struct connection *connection)
{
	if (connection->fd < 0)
		return;
	shutdown(connection->fd, SHUT_RDWR); /* nothing is added any more: the loop ends */
	while (discard_chunk(connection->fd))
		;
}

int connection_take_fd(struct connection *connection)
{
	int fd = connection->fd;
	connection->fd = -1;
	return fd;
}

/* ---- Reading ---- */

static size_t in_available(const struct connection *connection)
{
	return connection->in.size - connection->in_start;
}

/* How many bytes the present frame still lacks, as far as that is known. */
static int in_missing(const struct connection *connection, size_t *ret_missing)
{
	size_t available = in_available(connection);
	if (available < FRAME_HEADER_BYTES) {
		*ret_missing = FRAME_HEADER_BYTES - available;
		return 0;
	}
	uint32_t size;
	Cbb__FrameType type;
	int r = frame_read_header(connection->in.data + connection->in_start, connection->max_bytes, &size, &type);
	if (r < 0)
		return r;
	size_t whole = FRAME_HEADER_BYTES + (size_t)size;
	*ret_missing = whole > available ? whole - available : 0;
	return 0;
}

static void in_compact(struct connection *connection)
{
	size_t available = in_available(connection);
	if (connection->in_start && available)
		memmove(connection->in.data, connection->in.data + connection->in_start, available);
	connection->in.size = available;
	connection->in_start = 0;
	buffer_trim(&connection->in, 4 * READ_BYTES);
}

/* A group of no descriptors yet, for the chunk whose last byte is `position`. */
static struct connection_fds *in_add_group(struct connection *connection, uint64_t position)
{
	if (connection->n_in_fds == CONNECTION_GROUPS_MAX)
		return NULL;
	struct connection_fds *group = &connection->in_fds[connection->n_in_fds++];
	*group = (struct connection_fds){.position = position};
	return group;
}

/* Keeps the descriptors of one control message, or closes all; how many the kernel gave. */
static unsigned in_keep_message(struct connection_fds *group, struct cmsghdr *control)
{
	unsigned n = (unsigned)((control->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	bool keep = group && n <= FRAME_FDS_MAX - group->n;
	for (unsigned i = 0; i < n; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(control) + i * sizeof fd, sizeof fd);
		if (keep)
			group->fds[group->n++] = fd;
		else
			descriptor_discard(fd);
	}
	return keep ? n : FRAME_FDS_MAX + 1;
}

/* Keeps the descriptors of one received chunk whose last byte is `position`. */
static int in_keep_fds(struct connection *connection, struct msghdr *message, uint64_t position)
{
	bool lost = message->msg_flags & MSG_CTRUNC;
	struct connection_fds *group = NULL;
	unsigned n = 0;
	if (lost || CMSG_FIRSTHDR(message))
		group = in_add_group(connection, position);
	if (lost && !group)
		n = FRAME_FDS_MAX + 1;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control))
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
			n += in_keep_message(group, control);
	if (n > FRAME_FDS_MAX)
		return detail_set(-EBADMSG, "too many descriptors");
	/* There was room in the message for all: it is this process that is full, and not the peer's fault. */
	if (lost)
		group->lost = true;
	return 0;
}

int connection_fill(struct connection *connection)
{
	size_t missing = 0;
	in_compact(connection);
	int r = in_missing(connection, &missing);
	if (r < 0)
		return r;
	size_t want = connection->exact || missing > READ_BYTES ? missing : READ_BYTES;
	if (want == 0)
		return 1; /* exact, and the frame is complete */
	/* Memory follows what has arrived, not what a header claims. */
	size_t step = in_available(connection) > 4 * READ_BYTES ? in_available(connection) : 4 * READ_BYTES;
	if (want > step)
		want = step;
	uint8_t *room = buffer_reserve(&connection->in, want);
	if (!room)
		return -ENOMEM;
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * CONTROL_FDS_MAX)];
	struct iovec piece = {.iov_base = room, .iov_len = want};
	struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t n;
	do
		n = recvmsg(connection->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (n == 0)
		return 0;
	connection->in.size += (size_t)n;
	r = in_keep_fds(connection, &message, connection->in_position + in_available(connection) - 1);
	return r < 0 ? r : 1;
}

/* Gives the frame that ends before stream position `end` its descriptors. */
static void in_take_fds(struct connection *connection, struct frame *frame, uint64_t end)
{
	frame->n_fds = 0;
	if (connection->n_in_fds == 0 || connection->in_fds[0].position >= end)
		return;
	frame->n_fds = connection->in_fds[0].n;
	frame->lost_fds = connection->in_fds[0].lost;
	memcpy(frame->fds, connection->in_fds[0].fds, sizeof frame->fds);
	connection->n_in_fds--;
	memmove(connection->in_fds, connection->in_fds + 1, connection->n_in_fds * sizeof *connection->in_fds);
}

int connection_next(struct connection *connection, struct frame *ret_frame)
{
	size_t missing;
	int r = in_missing(connection, &missing);
	if (r < 0)
		return r;
	if (missing > 0 || in_available(connection) < FRAME_HEADER_BYTES)
		return 0;
	const uint8_t *header = connection->in.data + connection->in_start;
	uint32_t size;
	Cbb__FrameType type;
	frame_read_header(header, connection->max_bytes, &size, &type);
	*ret_frame = (struct frame){.type = type, .body = header + FRAME_HEADER_BYTES, .size = size};
	connection->in_start += FRAME_HEADER_BYTES + (size_t)size;
	connection->in_position += FRAME_HEADER_BYTES + (size_t)size;
	in_take_fds(connection, ret_frame, connection->in_position);
	return 1;
}

bool connection_partial(const struct connection *connection)
{
	return in_available(connection) > 0;
}

/* ---- Writing ---- */

static void fds_close(const int *fds, unsigned n_fds)
{
	for (unsigned i = 0; i < n_fds; i++)
		descriptor_close(fds[i]);
}

int connection_queue(struct connection *connection, Cbb__FrameType type, const ProtobufCMessage *message,
                     const int *fds, unsigned n_fds)
{
	struct buffer *out = &connection->out;
	if (connection->out_start) {
		memmove(out->data, out->data + connection->out_start, out->size - connection->out_start);
		out->size -= connection->out_start;
		connection->out_start = 0;
	}
	uint64_t position = connection->out_position + out->size;
	size_t size = protobuf_c_message_get_packed_size(message);
	if (size > UINT32_MAX || n_fds > FRAME_FDS_MAX) {
		fds_close(fds, n_fds);
		return detail_set(-EMSGSIZE, "frame %s would have %zu bytes", frame_type_name(type), size);
	}
	uint8_t *room = connection->n_out_fds + (n_fds > 0) > CONNECTION_GROUPS_MAX
	                    ? NULL
	                    : buffer_extend(out, FRAME_HEADER_BYTES + size);
	if (!room) {
		fds_close(fds, n_fds);
		return detail_set(-ENOBUFS, "the peer does not read: %zu bytes wait for it", out->size);
	}
	frame_write_header(room, (uint32_t)size, type);
	protobuf_c_message_pack(message, room + FRAME_HEADER_BYTES);
	if (n_fds) {
		struct connection_fds *group = &connection->out_fds[connection->n_out_fds++];
		group->position = position;
		group->size = FRAME_HEADER_BYTES + size;
		group->n = n_fds;
		memcpy(group->fds, fds, n_fds * sizeof *fds);
	}
	return 0;
}

/* One sendmsg: up to the next frame with descriptors, or such a frame alone. */
static ssize_t out_send_piece(struct connection *connection)
{
	struct connection_fds *group = connection->n_out_fds ? &connection->out_fds[0] : NULL;
	size_t size = connection->out.size - connection->out_start;
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
	struct iovec piece = {.iov_base = connection->out.data + connection->out_start};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	bool with_fds = group && group->position == connection->out_position;
	if (with_fds) {
		memset(control, 0, sizeof control);
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * group->n);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		                           .cmsg_len = CMSG_LEN(sizeof(int) * group->n)};
		memcpy(CMSG_DATA(header), group->fds, sizeof(int) * group->n);
		size = group->size;
	} else if (group) {
		size = (size_t)(group->position - connection->out_position);
	}
	piece.iov_len = size;
	ssize_t n;
	do
		n = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0 && with_fds) {
		fds_close(connection->out_fds[0].fds, connection->out_fds[0].n);
		connection->n_out_fds--;
		memmove(connection->out_fds, connection->out_fds + 1,
		        connection->n_out_fds * sizeof *connection->out_fds);
	}
	return n;
}

int connection_flush(struct connection *connection)
{
	while (connection->out_start < connection->out.size) {
		ssize_t n = out_send_piece(connection);
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -errno;
		connection->out_start += (size_t)n;
		connection->out_position += (size_t)n;
	}
	connection->out_start = connection->out.size = 0;
	buffer_trim(&connection->out, 4 * READ_BYTES);
	return 0;
}

/* ---- Waiting ---- */

static int wait_for(struct connection *connection, short events, uint64_t deadline_ns)
{
	struct pollfd poller = {.fd = connection->fd, .events = events};
	int n = poll(&poller, 1, clock_left_ms(deadline_ns));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n == 0 && clock_left_ms(deadline_ns) == 0 ? -ETIMEDOUT : 0;
}

int connection_send(struct connection *connection, Cbb__FrameType type, const ProtobufCMessage *message,
                    const int *fds, unsigned n_fds, uint64_t deadline_ns)
{
	int r = connection_queue(connection, type, message, fds, n_fds);
	while (r >= 0) {
		r = connection_flush(connection);
		if (r <= 0)
			return r;
		r = wait_for(connection, POLLOUT, deadline_ns);
	}
	return r;
}

int connection_receive(struct connection *connection, struct frame *ret_frame, uint64_t deadline_ns)
{
	for (;;) {
		int r = connection_next(connection, ret_frame);
		if (r != 0)
			return r;
		r = connection_fill(connection);
		if (r == -EAGAIN)
			r = wait_for(connection, POLLIN, deadline_ns) < 0 ? -ETIMEDOUT : 1;
		if (r <= 0)
			return r;
	}
}
