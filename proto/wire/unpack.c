/* SPDX-License-Identifier: MIT */
#include "wire/unpack.h"

#include "base/detail.h"

#include <stdalign.h>
#include <stdlib.h>

#define CHUNK_BYTES 16384
/* An honest message takes up to 20 times its wire size (small sub-messages with many fields). */
#define AMPLIFICATION_MAX 40
#define BUDGET_MIN_BYTES 65536
#define BUDGET_MAX_BYTES (128u << 20)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) uint8_t memory[];
};

static struct arena_chunk *chunk_add(struct unpack_arena *arena, size_t n)
{
	size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;
	if (size > arena->left_bytes)
		size = n;
	if (size > arena->left_bytes)
		return NULL;
	struct arena_chunk *chunk = malloc(sizeof *chunk + size);
	if (!chunk)
		return NULL;
	arena->left_bytes -= size;
	*chunk = (struct arena_chunk){.next = arena->chunks, .size = size};
	arena->chunks = chunk;
	return chunk;
}

static void *arena_allocate(void *data, size_t n)
{
	struct unpack_arena *arena = data;
	const size_t align = alignof(max_align_t);
	if (n > BUDGET_MAX_BYTES)
		return NULL;
	n = (n + align - 1) & ~(align - 1);
	struct arena_chunk *chunk = arena->chunks;
	if (!chunk || chunk->size - chunk->used < n)
		chunk = chunk_add(arena, n);
	if (!chunk)
		return NULL;
	void *memory = chunk->memory + chunk->used;
	chunk->used += n;
	return memory;
}

static void arena_release(void *data, void *memory)
{
	(void)data;
	(void)memory;
}

void *unpack_frame(struct unpack_arena *arena, const ProtobufCMessageDescriptor *type, const struct frame *frame)
{
	size_t budget = BUDGET_MIN_BYTES + (frame->size < BUDGET_MAX_BYTES / AMPLIFICATION_MAX
	                                        ? frame->size * AMPLIFICATION_MAX
	                                        : BUDGET_MAX_BYTES);
	*arena = (struct unpack_arena){
	    .allocator = {.alloc = arena_allocate, .free = arena_release, .allocator_data = arena},
	    .left_bytes = budget,
	};
	void *message = protobuf_c_message_unpack(type, &arena->allocator, frame->size, frame->body);
	if (!message)
		detail_set(-1, "frame %s does not hold a valid %s", frame_type_name((int)frame->type), type->short_name);
	return message;
}

void unpack_free(struct unpack_arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *next = arena->chunks->next;
		free(arena->chunks);
		arena->chunks = next;
	}
}
