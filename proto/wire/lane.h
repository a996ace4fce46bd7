/* SPDX-License-Identifier: MIT */
/*
 * A lane's socket: whole frames in and out, with the wait that makes a round trip cheap. The hot path is one
 * send and one receive; no allocation once the buffers have grown, no lock. No policy: who may say what
 * when is decided by client/lib and daemon/host.
 */
#ifndef CBB_WIRE_LANE_H
#define CBB_WIRE_LANE_H

#include "base/buffer.h"
#include "wire/frame.h"

#include <stdbool.h>

#define LANE_WATCH_MAX 200
/* Of so many it is told which. */
#define LANE_WATCHED_MAX 32

struct lane {
	int fd;
	int peer_pidfd;        /* -1, or readable once the peer process is gone; belongs to the lane's owner */
	size_t max_bytes;      /* of one frame's message */
	struct buffer in;
	size_t in_start;       /* bytes of `in` already handed out */
	size_t last_bytes;     /* size of the frame handed out last, for lane_unreceive */
	struct buffer out;     /* the frame(s) to be sent by lane_send */
	size_t out_start;
	uint32_t peer_core;    /* processor + 1 of the peer when it last sent; 0: not known */
	unsigned n_fruitless;  /* waits in a row for which spinning was too short */
	const int *watch_fds;  /* lane_receive also returns when one of these is readable; the owner's */
	unsigned n_watch;      /* at most LANE_WATCH_MAX */
	unsigned watched;      /* which of them were readable, when it last returned for that: bit by index */
};

/* Takes the descriptor. peer_pidfd stays the caller's. */
void lane_init(struct lane *lane, int fd, int peer_pidfd, size_t max_payload_bytes);
/* Closes and frees; harmless for a lane of zeros with fd = -1. */
void lane_free(struct lane *lane);

/* The sender's core for a message, and what the peer's message said of its core. */
uint32_t lane_core(void);
static inline void lane_set_peer_core(struct lane *lane, uint32_t core)
{
	lane->peer_core = core;
}

/*
 * Appends a whole message to `out` (for the frames that are not hot). 0, or STATUS_LIMIT with a detail text.
 */
int lane_put(struct lane *lane, Cbb__FrameType type, const ProtobufCMessage *message);

/*
 * Sends `out`. 0; -ETIMEDOUT (a part may be sent: the rest stays in `out`, and nothing else can be said on this
 * lane before it); -ECONNRESET: the peer is gone; -errno. While the socket is full, what the peer sends
 * is read ahead, so that two ends that send at once do not lock each other up.
 */
int lane_send(struct lane *lane, uint64_t deadline_ns);

/*
 * The next frame: 1; 0: none of it is complete, but a watched descriptor is readable; -ETIMEDOUT, -ECONNRESET (end of
 * file, or the peer process is gone), -EBADMSG with a detail text. The frame is valid until the lane is next used.
 * deadline_ns 0: do not wait (-ETIMEDOUT).
 */
int lane_receive(struct lane *lane, struct frame *ret_frame, uint64_t deadline_ns);

/* The same without sleeping: looks for a moment, if the peer runs on another core, so that this may pay. 0: nothing came. */
int lane_spin(struct lane *lane, struct frame *ret_frame);

/* Puts back the frame that lane_receive gave last: the next lane_receive gives it again. */
void lane_unreceive(struct lane *lane);

/* The next frame of those that have been read already: 1; 0: there is none; -EBADMSG. */
int lane_next(struct lane *lane, struct frame *ret_frame);
/* Whether a whole frame has been read and not handed out: 1 and the frame, which stays; 0; -EBADMSG. */
int lane_peek(struct lane *lane, struct frame *ret_frame);
/* Whether what was read holds nothing, not even a part of a frame. */
bool lane_is_empty(const struct lane *lane);

#endif
