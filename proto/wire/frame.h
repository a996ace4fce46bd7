/* SPDX-License-Identifier: MIT */
/*
 * A frame: 8 bytes of header (length, type), then one message. See cbbroker.proto.
 */
#ifndef CBB_WIRE_FRAME_H
#define CBB_WIRE_FRAME_H

#include "cbbroker.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 8

/* Until a peer is accepted it may say no more than this. */
#define FRAME_HELLO_MAX_BYTES 4096
/* Sessions: room for an environment as large as execve takes. */
#define FRAME_SESSION_MAX_BYTES (4u << 20)
#define FRAME_PAYLOAD_DEFAULT_BYTES (64u << 20)
#define FRAME_PAYLOAD_MAX_BYTES (1u << 30)
/* What an Invoke or Return may add to its payload: fixed fields, tags, lengths. */
#define FRAME_OVERHEAD_BYTES 65536u

#define FRAME_FDS_MAX 8

struct frame {
	Cbb__FrameType type;
	const uint8_t *body;     /* valid until the connection or lane is read again */
	size_t size;
	int fds[FRAME_FDS_MAX];  /* belong to the receiver: frame_close_fds, or take them and write -1 */
	unsigned n_fds;
	bool lost_fds;           /* it came with more, for which this process had no room */
};

void frame_write_header(uint8_t header[FRAME_HEADER_BYTES], uint32_t size, Cbb__FrameType type);

/* 0, or -EBADMSG: reserved bits set, type unknown, longer than max_bytes; the detail text says which. */
int frame_read_header(const uint8_t header[FRAME_HEADER_BYTES], size_t max_bytes, uint32_t *ret_size,
                      Cbb__FrameType *ret_type);

/* "HELLO", or "type 77" in a buffer of the thread. */
const char *frame_type_name(int type);

void frame_close_fds(struct frame *frame);

#endif
