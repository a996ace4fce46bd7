/* SPDX-License-Identifier: MIT */
/*
 * A control connection: frames with descriptors in both directions, buffered. Used without waiting (fill,
 * next, queue, flush) under an event loop, and with a deadline (send, receive) elsewhere. No policy.
 *
 * Descriptors travel with the first byte of their frame, in a piece that ends with the frame at the latest, and the
 * kernel ends a received chunk within that piece: so received descriptors belong to the frame that holds the last
 * byte of the chunk.
 */
#ifndef CBB_WIRE_CONNECTION_H
#define CBB_WIRE_CONNECTION_H

#include "base/buffer.h"
#include "wire/frame.h"

#include <stdbool.h>

/* Groups of descriptors that may wait in one direction; an honest peer needs one or two. */
#define CONNECTION_GROUPS_MAX 16
/* What may wait for a peer that does not read, before queueing fails. */
#define CONNECTION_QUEUE_MAX_BYTES (8u << 20)

struct connection_fds {
	uint64_t position;       /* in: stream position of the chunk's last byte; out: of the frame's first byte */
	int fds[FRAME_FDS_MAX];
	unsigned n;
	bool lost;               /* in: this process had no room for some of them */
	size_t size;             /* out: bytes of the frame */
};

struct connection {
	int fd;
	size_t max_bytes;        /* of one frame's message */
	bool exact;              /* never read a byte beyond the present frame: the rest is for someone else */
	struct buffer in;
	size_t in_start;         /* bytes of `in` already handed out */
	uint64_t in_position;    /* stream position of in.data[in_start] */
	struct buffer out;
	size_t out_start;        /* bytes of `out` already sent */
	uint64_t out_position;   /* stream position of out.data[out_start] */
	struct connection_fds in_fds[CONNECTION_GROUPS_MAX];
	unsigned n_in_fds;
	struct connection_fds out_fds[CONNECTION_GROUPS_MAX];
	unsigned n_out_fds;
};

/* Takes the descriptor. */
void connection_init(struct connection *connection, int fd, size_t max_bytes);
/* Closes and frees everything, also when half initialized with zeros and fd = -1. */
void connection_free(struct connection *connection);
/*
 * Ends the connection in both directions and throws away what was not read. Before connection_free, where the peer may
 * have passed descriptors: those that nobody read get their last close there, and see descriptor_discard.
 */
void connection_discard(struct connection *connection);
/* Gives the descriptor to the caller and forgets it. */
int connection_take_fd(struct connection *connection);

/* One recvmsg without waiting: 1 something came, 0 end of file, -EAGAIN, -EBADMSG (with detail), -errno. */
int connection_fill(struct connection *connection);
/* The next complete frame: 1, 0 if none is complete, -EBADMSG. The frame is valid until the next fill. */
int connection_next(struct connection *connection, struct frame *ret_frame);
/* Whether a frame has begun to arrive and is not complete: such a state deserves a deadline. */
bool connection_partial(const struct connection *connection);

/* Appends a frame. Takes the descriptors, also on failure: -ENOBUFS if the peer does not read, -EMSGSIZE. */
int connection_queue(struct connection *connection, Cbb__FrameType type, const ProtobufCMessage *message,
                     const int *fds, unsigned n_fds);
/* Sends without waiting: 0 all is sent, 1 something is left, -errno. */
int connection_flush(struct connection *connection);

/* Waiting forms. send: 0 or -errno, -ETIMEDOUT. receive: 1, 0 at end of file, -ETIMEDOUT, -EBADMSG, -errno. */
int connection_send(struct connection *connection, Cbb__FrameType type, const ProtobufCMessage *message,
                    const int *fds, unsigned n_fds, uint64_t deadline_ns);
int connection_receive(struct connection *connection, struct frame *ret_frame, uint64_t deadline_ns);

#endif
