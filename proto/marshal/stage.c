/* SPDX-License-Identifier: MIT */
/*
 * What belongs together is kept as one piece: a struct with its strings is one of the copies that a thread's
 * recent ones are counted in, and one call frees it. A pointer with a lifetime or a free_function of its own
 * begins a piece of its own.
 */
#include "marshal/stage.h"

#include <string.h>

#define ALIGN_BYTES _Alignof(max_align_t)

void *stage_take(const struct walk *walk, size_t size)
{
	uint8_t *at = size > SIZE_MAX - ALIGN_BYTES ? NULL : walk_take(walk, size + ALIGN_BYTES);
	if (!at)
		return NULL;
	memcpy(at, &size, sizeof size);
	return at + ALIGN_BYTES;
}

size_t stage_bytes(const void *staged)
{
	size_t size;
	memcpy(&size, (const uint8_t *)staged - ALIGN_BYTES, sizeof size);
	return size;
}

static size_t aligned(size_t size)
{
	return (size + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
}

/* A piece of kept memory that is being filled. */
struct piece {
	const Cbb__Param *param; /* the first pointer's that needs it */
	uint8_t *at;
	size_t bytes;
};

/* Whether a pointer below the piece needs one of its own: to be freed by itself, or to live differently. */
static bool is_apart(const struct pointer *pointer, const struct piece *piece)
{
	const Cbb__Param *keep = pointer->keep;
	if (keep->free_function)
		return true;
	return keep->lifetime != CBB__LIFETIME__LIFETIME_RECENT &&
	       (keep->lifetime != piece->param->lifetime || keep->lifetime_owner != piece->param->lifetime_owner);
}

/* The same for pointers beside each other in memory that is not kept itself: only the recent ones share a piece. */
static bool is_apart_beside(const struct pointer *pointer)
{
	return pointer->keep->free_function || pointer->keep->lifetime != CBB__LIFETIME__LIFETIME_RECENT;
}

static int measure_below(struct walk *walk, const struct pointer *pointer, void *at, void *context);

static int measure(struct walk *walk, const struct pointer *pointer, const void *slot, struct piece *piece)
{
	void *staged;
	memcpy(&staged, slot, sizeof staged);
	if (!piece->param)
		piece->param = pointer->keep;
	piece->bytes += aligned(stage_bytes(staged));
	return shape_visit(walk, pointer->shape, staged, stage_bytes(staged), measure_below, piece);
}

static int measure_below(struct walk *walk, const struct pointer *pointer, void *at, void *context)
{
	return is_apart(pointer, context) ? 0 : measure(walk, pointer, at, context);
}

static int measure_beside(struct walk *walk, const struct pointer *pointer, void *at, void *context)
{
	return is_apart_beside(pointer) ? 0 : measure(walk, pointer, at, context);
}

static int place_below(struct walk *walk, const struct pointer *pointer, void *at, void *context);

static int place(struct walk *walk, const struct pointer *pointer, void *slot, struct piece *piece)
{
	void *staged;
	memcpy(&staged, slot, sizeof staged);
	size_t bytes = stage_bytes(staged);
	uint8_t *copy = piece->at;
	piece->at += aligned(bytes);
	memcpy(copy, staged, bytes);
	memcpy(slot, &copy, sizeof copy);
	return shape_visit(walk, pointer->shape, copy, bytes, place_below, piece);
}

static int place_below(struct walk *walk, const struct pointer *pointer, void *at, void *context)
{
	return is_apart(pointer, context) ? stage_keep_pointer(walk, pointer, at) : place(walk, pointer, at, context);
}

static int place_beside(struct walk *walk, const struct pointer *pointer, void *at, void *context)
{
	return is_apart_beside(pointer) ? stage_keep_pointer(walk, pointer, at)
	                                         : place(walk, pointer, at, context);
}

static int keep(struct walk *walk, struct piece *piece, const void *content)
{
	piece->at = walk->frame->side->keep(walk->frame, piece->param, content, piece->bytes);
	if (piece->at)
		return 0;
	return walk_fail(walk, piece->param, -ENOMEM, "needs %zu bytes for its copy, and there is no memory",
	                 piece->bytes);
}

/* Plain bytes: the side may have an equal copy already. */
static int keep_plain(struct walk *walk, const struct pointer *pointer, void *slot)
{
	struct piece piece = {.param = pointer->keep};
	void *staged;
	memcpy(&staged, slot, sizeof staged);
	piece.bytes = stage_bytes(staged);
	int r = keep(walk, &piece, staged);
	if (r == 0)
		memcpy(slot, &piece.at, sizeof piece.at);
	return r;
}

int stage_keep_pointer(struct walk *walk, const struct pointer *pointer, void *slot)
{
	struct piece piece = {0};
	if (!pointer->shape)
		return keep_plain(walk, pointer, slot);
	int r = measure(walk, pointer, slot, &piece);
	if (r == 0)
		r = keep(walk, &piece, NULL);
	return r < 0 ? r : place(walk, pointer, slot, &piece);
}

int stage_keep_below(struct walk *walk, const struct shape *shape, void *base, size_t bytes)
{
	struct piece piece = {0};
	int r = shape_visit(walk, shape, base, bytes, measure_beside, &piece);
	if (r == 0 && piece.param)
		r = keep(walk, &piece, NULL);
	return r < 0 ? r : shape_visit(walk, shape, base, bytes, place_beside, &piece);
}
