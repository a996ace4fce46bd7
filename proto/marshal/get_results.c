/* SPDX-License-Identifier: MIT */
/*
 * Everything is built and checked in the arena first; the program's memory is written last, when nothing can
 * fail any more.
 */
#include "marshal/get.h"

#include "base/detail.h"
#include "marshal/stage.h"

#include <string.h>

/* Results that are larger wait in the arena. */
#define RESULT_SMALL_BYTES 16

/* A result whose size only the out parameters tell: taken as it comes, and measured afterwards. */
static int get_late(struct walk *walk, const struct pointer *pointer, uintptr_t *ret_value)
{
	struct hot ahead = {.block_cursor = walk->message->block_cursor, .end = walk->message->end};
	const uint8_t *data;
	size_t size, bytes;
	void *elements;
	if (!hot_next_block(&ahead, &data, &size))
		return walk_fail(walk, NULL, -EBADMSG, "has no block in the message");
	int r = get_elements(walk, pointer, size, 0, &elements, &bytes);
	if (r == 0)
		*ret_value = (uintptr_t)elements;
	return r;
}

static int check_late(struct walk *walk, const struct step *step, const void *result)
{
	const void *elements;
	size_t bytes;
	memcpy(&elements, result, sizeof elements);
	if (!pointer_is_followed(step->pointer, elements))
		return 0;
	walk->argument = step->argument;
	int r = evaluate_size(walk, step->pointer, step->pointer->size, &bytes);
	if (r < 0 || bytes == stage_bytes(elements))
		return r;
	return walk_fail(walk, NULL, -EBADMSG, "has a block of %zu bytes where %zu belong", stage_bytes(elements),
	                 bytes);
}

static int stage_result(struct walk *walk, const struct step *step, void *result)
{
	const uint64_t *words = walk->message->words;
	uintptr_t value = 0;
	int r = 0;
	walk->argument = step->argument;
	switch (step->what) {
	case STEP_SCALAR: scalar_store(step->kind, result, words[0]); return 0;
	case STEP_STRUCT: return get_object(walk, step->shape, result, step->bytes);
	case STEP_LONG_DOUBLE:
		memset(result, 0, step->bytes);
		memcpy(result, words, LONG_DOUBLE_BYTES);
		return 0;
	case STEP_POINTER:
		if (walk->frame->plan->steps->result_size_late)
			r = get_is_followed(walk, step->pointer, words[0]);
		if (r > 0)
			r = get_late(walk, step->pointer, &value);
		else if (r == 0)
			r = get_pointer(walk, step->pointer, words[0], &value);
		memcpy(result, &value, sizeof value);
		return r;
	default: return 0;
	}
}

static int stage_out(struct walk *walk, const struct step *step)
{
	struct marshal_extent *extent = &walk->frame->extents[step->argument];
	size_t limit = extent->bytes, bytes;
	void *staged;
	step = step_coming_back(walk->frame, step);
	if (!extent->base || !step)
		return 0;
	const struct pointer *pointer = step->pointer;
	walk->argument = step->argument;
	int r = 0;
	if (pointer->filled)
		r = out_bytes(walk, step, NULL, &limit);
	if (r == 0)
		r = get_elements(walk, pointer, limit, 0, &staged, &bytes);
	if (r < 0)
		return r;
	extent->now = staged;
	extent->now_bytes = bytes;
	return 0;
}

static int keep_result(struct walk *walk, const struct step *step, void *result)
{
	int r = 0;
	walk->argument = step->argument;
	if (step->what == STEP_STRUCT)
		r = stage_keep_below(walk, step->shape, result, step->bytes);
	if (step->what == STEP_POINTER) {
		void *value;
		memcpy(&value, result, sizeof value);
		if (pointer_is_followed(step->pointer, value))
			r = stage_keep_pointer(walk, step->pointer, result);
	}
	return r;
}

/* Whatever outlives the frame. An owner may be the result: the side finds it in the frame, but not yet outside. */
static int keep_copies(struct walk *walk, void *result)
{
	struct marshal_frame *frame = walk->frame;
	const struct steps *steps = frame->plan->steps;
	void *outside = frame->result;
	frame->result = result;
	int r = keep_result(walk, &steps->result, result);
	for (uint32_t i = 0; i < steps->n_out && r == 0; i++) {
		const struct step *step = step_coming_back(frame, steps->out[i]);
		const struct marshal_extent *extent = &frame->extents[steps->out[i]->argument];
		walk->argument = steps->out[i]->argument;
		if (extent->base && step)
			r = stage_keep_below(walk, step->pointer->shape, (void *)extent->now, extent->now_bytes);
	}
	frame->result = outside;
	return r;
}

static void commit(const struct walk *walk, const void *result)
{
	const struct marshal_frame *frame = walk->frame;
	const struct steps *steps = frame->plan->steps;
	for (uint32_t i = 0; i < steps->n_out; i++) {
		const struct marshal_extent *extent = &frame->extents[steps->out[i]->argument];
		if (extent->base && step_coming_back(frame, steps->out[i]))
			memcpy(extent->base, extent->now, extent->now_bytes);
	}
	if (frame->result)
		memcpy(frame->result, result, frame->plan->result_bytes);
}

int marshal_get_results(struct marshal_frame *frame, struct hot *message)
{
	const struct plan *plan = frame->plan;
	const struct steps *steps = plan->steps;
	struct walk walk = {.frame = frame, .message = message, .fault = -EBADMSG, .results = true, .staging = true};
	_Alignas(max_align_t) uint8_t small[RESULT_SMALL_BYTES];
	void *result = small;
	if (message->n_words != plan->n_words_out)
		return detail_set(-EBADMSG, "function %s returns %u words, and the message has %u", plan->name,
		                  plan->n_words_out, message->n_words);
	if (plan->result_bytes > sizeof small) {
		result = walk_take(&walk, plan->result_bytes);
		if (!result)
			return CBB__STATUS__STATUS_LIMIT;
	}
	int r = stage_result(&walk, &steps->result, result);
	walk.result = plan->returns_void ? NULL : result;
	for (uint32_t i = 0; i < steps->n_out && r == 0; i++)
		r = stage_out(&walk, steps->out[i]);
	if (r == 0 && steps->result_size_late)
		r = check_late(&walk, &steps->result, result);
	if (r == 0)
		r = get_end(&walk);
	if (r == 0)
		r = keep_copies(&walk, result);
	if (r == 0)
		commit(&walk, result);
	return r;
}
