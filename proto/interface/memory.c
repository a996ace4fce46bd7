/* SPDX-License-Identifier: MIT */
#include "interface/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES 16368

struct memory_piece {
	struct memory_piece *next;
	size_t used, size;
	alignas(max_align_t) uint8_t memory[];
};

static struct memory_piece *piece_add(struct interface_memory *memory, size_t size)
{
	size = size > PIECE_BYTES ? size : PIECE_BYTES;
	struct memory_piece *piece = calloc(1, sizeof *piece + size);
	if (!piece)
		return NULL;
	piece->size = size;
	piece->next = memory->pieces;
	memory->pieces = piece;
	return piece;
}

void *memory_allocate(struct interface_memory *memory, size_t size)
{
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct memory_piece *piece = memory->pieces;
	if (!piece || piece->size - piece->used < size)
		piece = piece_add(memory, size);
	if (!piece)
		return NULL;
	void *place = piece->memory + piece->used;
	piece->used += size;
	return place;
}

char *memory_copy(struct interface_memory *memory, const char *text, size_t size)
{
	char *copy = memory_allocate(memory, size + 1);
	if (copy && size > 0)
		memcpy(copy, text, size);
	return copy;
}

void memory_free(struct interface_memory *memory)
{
	while (memory->pieces) {
		struct memory_piece *next = memory->pieces->next;
		free(memory->pieces);
		memory->pieces = next;
	}
}
