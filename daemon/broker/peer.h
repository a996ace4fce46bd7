/* SPDX-License-Identifier: MIT */
/*
 * A connection under the loop: frames in by one call, frames out with as little waiting as the other side
 * needs, deadlines on frames that have begun and on bytes that are owed. Knows no policy.
 */
#ifndef CBB_BROKER_PEER_H
#define CBB_BROKER_PEER_H

#include "broker/loop.h"
#include "wire/connection.h"

/* The frame call has freed the peer, or taken its connection: nothing of it may be touched. */
#define PEER_GONE 1

struct peer_calls {
	/*
	 * A frame came. 0: go on; PEER_GONE; negative with a detail text: the other side broke the protocol, and
	 * `ended` follows. Descriptors that are still in the frame afterwards are closed.
	 */
	int (*frame)(void *owner, struct frame *frame);
	/*
	 * Once, and nothing comes after it: the owner frees the peer. 0: end of file, or peer_finish is done;
	 * negative with a detail text: what was wrong.
	 */
	void (*ended)(void *owner, int code);
};

/* 0: none. */
struct peer_times {
	uint64_t partial_ms;
	uint64_t stall_ms;
};

struct peer {
	struct connection connection;
	struct loop_watch readable, writable;
	struct loop_watch partial;  /* runs while a frame is incomplete */
	struct loop_watch stall;    /* runs while bytes are owed */
	struct loop_watch kick;     /* tells `ended` of a failed send, from the loop */
	struct peer_times times;
	const struct peer_calls *calls;
	void *owner;
	int failed;
	bool finishing;
};

/* Takes the descriptor, also on failure. 0 or -ENOMEM; then peer_free as well. */
int peer_open(struct peer *peer, struct loop *loop, int fd, size_t max_bytes, const struct peer_times *times,
              const struct peer_calls *calls, void *owner);
/* Also of zeroed memory, and twice. */
void peer_free(struct peer *peer);
/* Takes the connection out, for someone else; the peer is freed. */
int peer_take_fd(struct peer *peer);

/*
 * Sends, or keeps until the other side reads. Takes the descriptors. Never calls `ended` itself: a failure is
 * told by the loop. Harmless on a freed peer.
 */
void peer_send(struct peer *peer, Cbb__FrameType type, const ProtobufCMessage *message, const int *fds,
               unsigned n_fds);
/* It is closed, or will be in a moment. */
bool peer_is_over(const struct peer *peer);
/* Whether one more frame with descriptors could be kept if the other side does not read. */
bool peer_has_room(const struct peer *peer);
/* Reads no more. Still sends. */
void peer_stop_reading(struct peer *peer);
/* The same; `ended` comes when everything is sent, or when that fails. */
void peer_finish(struct peer *peer);

#endif
