/* SPDX-License-Identifier: MIT */
/*
 * Memory of this process that the client reads and writes. An address that is not there is an error, not a crash.
 */
#ifndef CBB_HOST_MEMORY_H
#define CBB_HOST_MEMORY_H

#include "wire/frame.h"

struct host_lane;

/* Serve FRAME_READ_MEMORY and FRAME_WRITE_MEMORY and answer them. 0, -EBADMSG with a detail text, -ECONNRESET. */
int memory_serve_read(struct host_lane *lane, const struct frame *frame, uint64_t parent);
int memory_serve_write(struct host_lane *lane, const struct frame *frame, uint64_t parent);

#endif
