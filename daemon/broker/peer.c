/* SPDX-License-Identifier: MIT */
#include "broker/peer.h"

#include "base/descriptor.h"
#include "base/detail.h"

#include <errno.h>
#include <string.h>

/* The kernel holds too many descriptors in flight; it tells nobody when there are fewer. */
#define RETRY_MS 20

static void peer_over(struct peer *peer, int code)
{
	loop_disarm(&peer->readable);
	loop_disarm(&peer->writable);
	loop_disarm(&peer->partial);
	loop_disarm(&peer->stall);
	loop_disarm(&peer->kick);
	peer->calls->ended(peer->owner, code);
}

/* ---- Reading ---- */

/* A deadline for the frame that has begun. It is the frame's: bytes that dribble in do not move it. */
static void peer_watch_partial(struct peer *peer, bool new_frame)
{
	if (peer->finishing || peer->failed || !connection_partial(&peer->connection))
		loop_disarm(&peer->partial);
	else if (peer->times.partial_ms && (new_frame || !peer->partial.armed))
		loop_arm_ms(&peer->partial, peer->times.partial_ms);
}

static void peer_serve(struct peer *peer)
{
	struct frame frame;
	bool new_frame = false;
	int r;
	while ((r = connection_next(&peer->connection, &frame)) > 0) {
		r = peer->calls->frame(peer->owner, &frame);
		frame_close_fds(&frame);
		if (r == PEER_GONE)
			return;
		if (r < 0 || peer->finishing || peer->failed)
			break;
		new_frame = true;
	}
	if (r < 0)
		peer_over(peer, r);
	else
		peer_watch_partial(peer, new_frame);
}

static void peer_readable(void *data)
{
	struct peer *peer = data;
	int r = connection_fill(&peer->connection);
	if (r == -EAGAIN)
		return;
	if (r == 0 && connection_partial(&peer->connection))
		r = detail_set(-EBADMSG, "it ended within a frame");
	else if (r < 0 && r != -EBADMSG)
		detail_set(r, "receiving: %s", strerror(-r));
	if (r <= 0)
		peer_over(peer, r);
	else
		peer_serve(peer);
}

static void peer_partial(void *data)
{
	struct peer *peer = data;
	peer_over(peer, detail_set(-EBADMSG, "a frame was not complete within %llu ms",
	                           (unsigned long long)peer->times.partial_ms));
}

/* ---- Writing ---- */

static void peer_fail(struct peer *peer, int code)
{
	if (peer->failed == 0)
		peer->failed = code;
	loop_disarm(&peer->readable);
	loop_disarm(&peer->writable);
	loop_arm_ms(&peer->kick, 0);
}

static void peer_flush(struct peer *peer)
{
	uint64_t before = peer->connection.out_position;
	int r = connection_flush(&peer->connection);
	if (r == -ETOOMANYREFS) {
		loop_disarm(&peer->writable);
		loop_arm_ms(&peer->kick, RETRY_MS);
	} else if (r < 0) {
		peer_fail(peer, r);
		return;
	} else if (r == 0) {
		loop_disarm(&peer->writable);
		loop_disarm(&peer->stall);
		if (peer->finishing)
			loop_arm_ms(&peer->kick, 0);
		return;
	} else {
		loop_arm(&peer->writable);
	}
	if (peer->times.stall_ms && (!peer->stall.armed || peer->connection.out_position != before))
		loop_arm_ms(&peer->stall, peer->times.stall_ms);
}

static void peer_writable(void *data)
{
	peer_flush(data);
}

static void peer_kick(void *data)
{
	struct peer *peer = data;
	if (peer->failed == -ENOBUFS)
		detail_set(peer->failed, "it does not read what it is sent: more than %u bytes wait",
		           CONNECTION_QUEUE_MAX_BYTES);
	else if (peer->failed)
		detail_set(peer->failed, "sending: %s", strerror(-peer->failed));
	else if (peer->connection.out.size) {
		peer_flush(peer);
		return;
	}
	peer_over(peer, peer->failed);
}

static void peer_stall(void *data)
{
	struct peer *peer = data;
	peer_over(peer, detail_set(-ETIMEDOUT, "it has not read what it is sent for %llu ms",
	                           (unsigned long long)peer->times.stall_ms));
}

void peer_send(struct peer *peer, Cbb__FrameType type, const ProtobufCMessage *message, const int *fds,
               unsigned n_fds)
{
	if (!peer->calls) {
		for (unsigned i = 0; i < n_fds; i++)
			descriptor_close(fds[i]);
		return;
	}
	int r = connection_queue(&peer->connection, type, message, fds, n_fds);
	if (r < 0)
		peer_fail(peer, r);
	else if (peer->failed == 0)
		peer_flush(peer);
}

bool peer_is_over(const struct peer *peer)
{
	return !peer->calls || peer->failed != 0;
}

bool peer_has_room(const struct peer *peer)
{
	return !peer_is_over(peer) && peer->connection.n_out_fds < CONNECTION_GROUPS_MAX;
}

void peer_stop_reading(struct peer *peer)
{
	loop_disarm(&peer->readable);
	loop_disarm(&peer->partial);
}

void peer_finish(struct peer *peer)
{
	peer->finishing = true;
	peer_stop_reading(peer);
	peer_flush(peer);
}

/* ---- Life ---- */

int peer_open(struct peer *peer, struct loop *loop, int fd, size_t max_bytes, const struct peer_times *times,
              const struct peer_calls *calls, void *owner)
{
	memset(peer, 0, sizeof *peer);
	connection_init(&peer->connection, fd, max_bytes);
	peer->times = *times;
	peer->calls = calls;
	peer->owner = owner;
	int r = loop_readable(loop, &peer->readable, fd, peer_readable, peer);
	if (r == 0)
		r = loop_writable(loop, &peer->writable, fd, peer_writable, peer);
	if (r == 0)
		r = loop_timer(loop, &peer->partial, peer_partial, peer);
	if (r == 0)
		r = loop_timer(loop, &peer->stall, peer_stall, peer);
	if (r == 0)
		r = loop_timer(loop, &peer->kick, peer_kick, peer);
	return r;
}

static void peer_end_watches(struct peer *peer)
{
	loop_end(&peer->readable);
	loop_end(&peer->writable);
	loop_end(&peer->partial);
	loop_end(&peer->stall);
	loop_end(&peer->kick);
}

void peer_free(struct peer *peer)
{
	if (!peer->calls)
		return;
	peer_end_watches(peer);
	connection_discard(&peer->connection);
	connection_free(&peer->connection);
	peer->calls = NULL;
}

int peer_take_fd(struct peer *peer)
{
	peer_end_watches(peer);
	int fd = connection_take_fd(&peer->connection);
	peer_free(peer);
	return fd;
}
