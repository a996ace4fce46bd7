/* SPDX-License-Identifier: MIT */
/*
 * Unpacking a protobuf message into a bounded arena. protobuf-c lets 16 MiB of empty sub-messages become
 * 576 MiB of heap; here such a message fails to unpack.
 */
#ifndef CBB_WIRE_UNPACK_H
#define CBB_WIRE_UNPACK_H

#include "wire/frame.h"

struct arena_chunk;

struct unpack_arena {
	ProtobufCAllocator allocator;
	struct arena_chunk *chunks;
	size_t left_bytes;     /* what may still be allocated in all */
};

/*
 * The message in the frame, or NULL with a detail text. Lives until unpack_free(); arena needs no
 * initialization before. Declare arenas with UNPACK_ARENA so that they free themselves.
 */
void *unpack_frame(struct unpack_arena *arena, const ProtobufCMessageDescriptor *type, const struct frame *frame);
void unpack_free(struct unpack_arena *arena);

#define UNPACK_ARENA __attribute__((cleanup(unpack_free))) struct unpack_arena

#endif
