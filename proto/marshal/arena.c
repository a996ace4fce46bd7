/* SPDX-License-Identifier: MIT */
#include "marshal/arena.h"

#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif

#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#define GAP_BYTES 16 /* between two pieces, so that a write beyond one is seen */
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define GAP_BYTES 0
#endif

#define ALIGN_BYTES _Alignof(max_align_t)
#define BLOCK_MIN_BYTES 2048u
#define BLOCK_MAX_BYTES 65536u
/* Blocks kept when given back: enough for a chain of frames with ordinary arguments. */
#define SPARE_MAX 4u

struct arena_block {
	struct arena_block *older;
	size_t capacity;
	size_t used;
	_Alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){.limit_bytes = limit_bytes};
}

static void free_chain(struct arena_block *block)
{
	while (block) {
		struct arena_block *older = block->older;
		ASAN_UNPOISON_MEMORY_REGION(block->data, block->capacity);
		free(block);
		block = older;
	}
}

void arena_free(struct arena *arena)
{
	free_chain(arena->blocks);
	free_chain(arena->spare);
	arena->blocks = arena->spare = NULL;
	arena->taken_bytes = 0;
}

static struct arena_block *take_spare(struct arena *arena, size_t size)
{
	for (struct arena_block **at = &arena->spare; *at; at = &(*at)->older) {
		if ((*at)->capacity < size)
			continue;
		struct arena_block *block = *at;
		*at = block->older;
		return block;
	}
	return NULL;
}

static struct arena_block *new_block(const struct arena *arena, size_t size)
{
	size_t capacity = arena->blocks ? arena->blocks->capacity * 2 : BLOCK_MIN_BYTES;
	if (capacity > BLOCK_MAX_BYTES)
		capacity = BLOCK_MAX_BYTES;
	if (capacity < size)
		capacity = size;
	if (capacity > SIZE_MAX - sizeof(struct arena_block))
		return NULL;
	struct arena_block *block = malloc(sizeof *block + capacity);
	if (!block)
		return NULL;
	block->capacity = capacity;
	ASAN_POISON_MEMORY_REGION(block->data, capacity);
	return block;
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
	struct arena_block *block = take_spare(arena, size);
	if (!block)
		block = new_block(arena, size);
	if (!block)
		return NULL;
	block->used = 0;
	block->older = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_take(struct arena *arena, size_t size)
{
	if (size > arena->limit_bytes)
		return NULL;
	size_t whole = (size + GAP_BYTES + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
	if (whole < size || whole > arena->limit_bytes - arena->taken_bytes)
		return NULL;
	struct arena_block *block = arena->blocks;
	if (!block || whole > block->capacity - block->used) {
		block = add_block(arena, whole);
		if (!block)
			return NULL;
	}
	void *at = block->data + block->used;
	block->used += whole;
	arena->taken_bytes += whole;
	ASAN_UNPOISON_MEMORY_REGION(at, size);
	return at;
}

struct arena_mark arena_mark(const struct arena *arena)
{
	return (struct arena_mark){
		.block = arena->blocks,
		.used = arena->blocks ? arena->blocks->used : 0,
		.taken_bytes = arena->taken_bytes,
	};
}

static void give_back(struct arena *arena, struct arena_block *block)
{
	unsigned n = 0;
	for (const struct arena_block *spare = arena->spare; spare; spare = spare->older)
		n++;
	if (block->capacity > BLOCK_MAX_BYTES || n >= SPARE_MAX) {
		block->older = NULL;
		free_chain(block);
		return;
	}
	ASAN_POISON_MEMORY_REGION(block->data, block->capacity);
	block->older = arena->spare;
	arena->spare = block;
}

void arena_release(struct arena *arena, struct arena_mark mark)
{
	while (arena->blocks != mark.block) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->older;
		give_back(arena, block);
	}
	if (mark.block) {
		ASAN_POISON_MEMORY_REGION(mark.block->data + mark.used, mark.block->capacity - mark.used);
		mark.block->used = mark.used;
	}
	arena->taken_bytes = mark.taken_bytes;
}
