/* SPDX-License-Identifier: MIT */
#include "wire/lane.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#define READ_BYTES 16384
/* Capacity that an idle lane keeps; larger messages give their memory back. */
#define KEEP_BYTES (256u << 10)
/* Waking a sleeper on another core costs more than this; an answer that takes longer is worth sleeping for. */
#define SPIN_NS 20000
/*
 * After so many waits that outlasted the spin, only every RETRY_EVERYth wait spins. Not more rarely: two ends that both
 * sleep keep each other's answers a wake-up late, and find back to each other only when one of them spins (measured:
 * with 64, qsort stays at 19 us a comparison instead of 4 for its first 200 rounds).
 */
#define FRUITLESS_MAX 8
#define RETRY_EVERY 16

void lane_init(struct lane *lane, int fd, int peer_pidfd, size_t max_payload_bytes)
{
	*lane = (struct lane){.fd = fd, .peer_pidfd = peer_pidfd};
	lane->max_bytes = max_payload_bytes + FRAME_OVERHEAD_BYTES;
	buffer_init(&lane->in, lane->max_bytes + FRAME_HEADER_BYTES + READ_BYTES);
	buffer_init(&lane->out, lane->max_bytes + FRAME_HEADER_BYTES);
}

void lane_free(struct lane *lane)
{
	lane->fd = descriptor_close(lane->fd);
	buffer_free(&lane->in);
	buffer_free(&lane->out);
}

uint32_t lane_core(void)
{
	return (uint32_t)(sched_getcpu() + 1);
}

int lane_put(struct lane *lane, Cbb__FrameType type, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *to = size <= lane->max_bytes ? buffer_extend(&lane->out, FRAME_HEADER_BYTES + size) : NULL;
	if (!to)
		return detail_set(CBB__STATUS__STATUS_LIMIT, "frame %s of %zu bytes, at most %zu fit on this lane",
		                  frame_type_name((int)type), size, lane->max_bytes);
	frame_write_header(to, (uint32_t)size, type);
	protobuf_c_message_pack(message, to + FRAME_HEADER_BYTES);
	return 0;
}

/* ---- Reading ---- */

static size_t in_available(const struct lane *lane)
{
	return lane->in.size - lane->in_start;
}

/* 1: a whole frame is there; 0: not yet, and *ret_missing bytes are lacking; -EBADMSG. */
static int in_frame(struct lane *lane, struct frame *ret_frame, size_t *ret_missing)
{
	size_t available = in_available(lane);
	if (available < FRAME_HEADER_BYTES) {
		*ret_missing = FRAME_HEADER_BYTES - available;
		return 0;
	}
	const uint8_t *header = lane->in.data + lane->in_start;
	uint32_t size;
	Cbb__FrameType type;
	int r = frame_read_header(header, lane->max_bytes, &size, &type);
	if (r < 0)
		return r;
	size_t whole = FRAME_HEADER_BYTES + (size_t)size;
	if (whole > available) {
		*ret_missing = whole - available;
		return 0;
	}
	*ret_frame = (struct frame){.type = type, .body = header + FRAME_HEADER_BYTES, .size = size};
	lane->in_start += whole;
	lane->last_bytes = whole;
	return 1;
}

int lane_next(struct lane *lane, struct frame *ret_frame)
{
	size_t missing;
	return in_frame(lane, ret_frame, &missing);
}

int lane_peek(struct lane *lane, struct frame *ret_frame)
{
	size_t missing, last_bytes = lane->last_bytes;
	int r = in_frame(lane, ret_frame, &missing);
	if (r == 1) {
		lane->in_start -= lane->last_bytes;
		lane->last_bytes = last_bytes;
	}
	return r;
}

bool lane_is_empty(const struct lane *lane)
{
	return in_available(lane) == 0;
}

void lane_unreceive(struct lane *lane)
{
	lane->in_start -= lane->last_bytes;
	lane->last_bytes = 0;
}

static void in_compact(struct lane *lane)
{
	size_t available = in_available(lane);
	if (available && lane->in_start)
		memmove(lane->in.data, lane->in.data + lane->in_start, available);
	lane->in.size = available;
	lane->in_start = 0;
	lane->last_bytes = 0;
	buffer_trim(&lane->in, KEEP_BYTES);
}

/* One recv without waiting: 1, -EAGAIN, -ECONNRESET, -errno. */
static int in_fill(struct lane *lane, size_t missing)
{
	/* Memory follows what has arrived, not what a header claims. */
	size_t want = missing > READ_BYTES ? missing : READ_BYTES;
	size_t step = lane->in.size > KEEP_BYTES ? lane->in.size : KEEP_BYTES;
	if (want > step)
		want = step;
	uint8_t *room = buffer_reserve(&lane->in, want);
	if (!room)
		return -ENOMEM;
	ssize_t n;
	do
		n = recv(lane->fd, room, want, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		lane->in.size += (size_t)n;
		return 1;
	}
	if (n == 0)
		return -ECONNRESET;
	return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

/* ---- Waiting ---- */

/*
 * Spinning pays only if the peer runs on another core (on the same one it keeps the peer from running: 5.9
 * times slower) and answers soon. Each message says where its sender ran.
 */
static bool should_spin(struct lane *lane)
{
	if (lane->peer_core == 0 || lane->peer_core == lane_core())
		return false;
	return lane->n_fruitless < FRUITLESS_MAX || lane->n_fruitless++ % RETRY_EVERY == 0;
}

static int spin(struct lane *lane, size_t missing, uint64_t deadline_ns)
{
	uint64_t end_ns = clock_now_ns() + SPIN_NS;
	if (end_ns > deadline_ns)
		end_ns = deadline_ns;
	do {
		int r = in_fill(lane, missing);
		if (r != -EAGAIN) {
			lane->n_fruitless = 0;
			return r;
		}
	} while (clock_now_ns() < end_ns);
	lane->n_fruitless++;
	return -EAGAIN;
}

int lane_spin(struct lane *lane, struct frame *ret_frame)
{
	size_t missing = 0;
	int r = in_frame(lane, ret_frame, &missing);
	if (r != 0 || !should_spin(lane))
		return r;
	in_compact(lane);
	r = spin(lane, missing, CLOCK_NEVER);
	return r == 1 ? in_frame(lane, ret_frame, &missing) : r == -EAGAIN ? 0 : r;
}

enum woken { WOKEN_LOOK, WOKEN_PEER_GONE, WOKEN_WATCHED };

/* Sleeps until the socket, the peer's end, or what is watched: enum woken, -ETIMEDOUT, -errno. */
static int sleep_for(struct lane *lane, short events, unsigned n_watch, uint64_t deadline_ns)
{
	/* poll() passes over negative descriptors. */
	struct pollfd pollers[2 + LANE_WATCH_MAX]; /* most of it is never touched */
	pollers[0] = (struct pollfd){.fd = lane->fd, .events = events};
	pollers[1] = (struct pollfd){.fd = lane->peer_pidfd, .events = POLLIN};
	for (unsigned i = 0; i < n_watch; i++)
		pollers[2 + i] = (struct pollfd){.fd = lane->watch_fds[i], .events = POLLIN};
	int n = poll(pollers, 2 + n_watch, clock_left_ms(deadline_ns));
	if (n < 0)
		return errno == EINTR ? WOKEN_LOOK : -errno;
	if (n == 0)
		return clock_left_ms(deadline_ns) == 0 ? -ETIMEDOUT : WOKEN_LOOK;
	if (pollers[0].revents)
		return WOKEN_LOOK;
	if (pollers[1].revents)
		return WOKEN_PEER_GONE;
	lane->watched = 0;
	for (unsigned i = 0; i < n_watch && i < LANE_WATCHED_MAX; i++)
		lane->watched |= (unsigned)(pollers[2 + i].revents != 0) << i;
	return WOKEN_WATCHED;
}

int lane_receive(struct lane *lane, struct frame *ret_frame, uint64_t deadline_ns)
{
	size_t missing = 0;
	int r = in_frame(lane, ret_frame, &missing);
	if (r != 0)
		return r;
	in_compact(lane);
	bool spun = deadline_ns == 0 || !should_spin(lane);
	/* On one core the answer cannot be there yet: look only after the sleep. */
	bool look = deadline_ns == 0 || missing < FRAME_HEADER_BYTES;
	bool gone = false;
	for (;;) {
		r = !spun ? spin(lane, missing, deadline_ns) : look ? in_fill(lane, missing) : -EAGAIN;
		spun = look = true;
		if (r == 1) {
			r = in_frame(lane, ret_frame, &missing);
			if (r != 0)
				return r;
			continue;
		}
		if (r != -EAGAIN)
			return r == -EPIPE ? -ECONNRESET : r;
		if (gone)
			return -ECONNRESET;
		if (deadline_ns == 0)
			return -ETIMEDOUT;
		r = sleep_for(lane, POLLIN, lane->n_watch, deadline_ns);
		if (r < 0)
			return r;
		if (r == WOKEN_WATCHED)
			return 0;
		gone = r == WOKEN_PEER_GONE;
	}
}

/* ---- Writing ---- */

/* The socket is full: waits for room, and reads ahead meanwhile. */
static int send_wait(struct lane *lane, uint64_t deadline_ns)
{
	short events = POLLOUT;
	if (lane->in.size < lane->in.limit - READ_BYTES)
		events |= POLLIN;
	int r = sleep_for(lane, events, 0, deadline_ns);
	if (r != WOKEN_LOOK)
		return r == WOKEN_PEER_GONE ? -ECONNRESET : r;
	if (events & POLLIN) {
		r = in_fill(lane, 1);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return 0;
}

int lane_send(struct lane *lane, uint64_t deadline_ns)
{
	while (lane->out_start < lane->out.size) {
		ssize_t n = send(lane->fd, lane->out.data + lane->out_start, lane->out.size - lane->out_start,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			lane->out_start += (size_t)n;
			continue;
		}
		int r = errno == EINTR ? 0 : errno == EPIPE ? -ECONNRESET : -errno;
		if (r == -EAGAIN || r == -EWOULDBLOCK)
			r = send_wait(lane, deadline_ns);
		if (r < 0)
			return r;
	}
	lane->out_start = lane->out.size = 0;
	buffer_trim(&lane->out, KEEP_BYTES);
	return 0;
}
