/* SPDX-License-Identifier: MIT */
#include "marshal/put.h"

#include "marshal/format.h"

#include <string.h>

/* How far the memory behind a pointer argument reaches; SIZE_MAX: to its terminator. */
static int put_capacity(struct walk *walk, const struct pointer *pointer, size_t *ret_bytes)
{
	if (pointer->size)
		return evaluate_size(walk, pointer, pointer->size, ret_bytes);
	*ret_bytes = pointer->scanned ? SIZE_MAX : pointer->unit;
	return 0;
}

static int put_elements_argument(struct walk *walk, const struct step *step, void *value)
{
	const struct pointer *pointer = step->pointer;
	struct marshal_extent *extent = &walk->frame->extents[step->argument];
	size_t capacity, bytes = 0;
	int r = put_capacity(walk, pointer, &capacity);
	if (r == 0 && step->in)
		r = elements_bytes(walk, pointer, value, capacity, &bytes);
	if (r < 0)
		return r;
	if (capacity == SIZE_MAX)
		capacity = bytes;
	*extent = (struct marshal_extent){value, capacity, value, capacity};
	return step->in ? put_elements(walk, pointer, value, bytes) : 0;
}

static int put_pointer_argument(struct walk *walk, const struct step *step, const void *argument)
{
	const struct pointer *pointer = step->pointer;
	uintptr_t value;
	uint64_t word;
	memcpy(&value, argument, sizeof value);
	int r = put_pointer_word(walk, pointer, value, &word);
	if (r < 0)
		return r;
	hot_set_word(walk->writer, step->word, word);
	if (!pointer_is_followed(pointer, (void *)value))
		return 0;
	if (pointer->mode == CBB__MODE__MODE_ELEMENTS)
		return put_elements_argument(walk, step, (void *)value);
	if (pointer->param->format)
		return format_put(walk, pointer, (const char *)value);
	size_t bytes = strlen((const char *)value) + 1;
	walk->frame->extents[step->argument] = (struct marshal_extent){(void *)value, bytes, (void *)value, bytes};
	return put_memory(walk, NULL, (const void *)value, bytes, 0);
}

static int put_argument(struct walk *walk, const struct step *step);

static int put_case(struct walk *walk, const struct step *step)
{
	const struct step *chosen = NULL;
	int r = walk_choose(walk, step, &chosen);
	if (r == 0)
		r = put_argument(walk, chosen);
	walk->frame->extents[step->argument].chosen = chosen;
	return r;
}

static int put_argument(struct walk *walk, const struct step *step)
{
	void *argument = walk->frame->arguments[step->argument];
	uint64_t words[2] = {0, 0};
	walk->argument = step->argument;
	switch (step->what) {
	case STEP_SCALAR: hot_set_word(walk->writer, step->word, scalar_load(step->kind, argument)); return 0;
	case STEP_POINTER: return put_pointer_argument(walk, step, argument);
	case STEP_LONG_DOUBLE:
		memcpy(words, argument, LONG_DOUBLE_BYTES);
		hot_set_word(walk->writer, step->word, words[0]);
		hot_set_word(walk->writer, step->word + 1, words[1]);
		return 0;
	case STEP_STRUCT:
		walk->frame->extents[step->argument] =
			(struct marshal_extent){argument, step->bytes, argument, step->bytes};
		return put_memory(walk, step->shape, argument, step->bytes, step->bytes);
	case STEP_CASE: return put_case(walk, step);
	default: return 0;
	}
}

int marshal_put_arguments(struct marshal_frame *frame, struct hot_writer *writer)
{
	const struct plan *plan = frame->plan;
	const struct steps *steps = plan->steps;
	struct walk walk = {.frame = frame, .writer = writer, .fault = CBB__STATUS__STATUS_ARGUMENT};
	if (steps->has_extents) {
		frame->extents = walk_take(&walk, plan->n_params * sizeof *frame->extents);
		if (!frame->extents)
			return CBB__STATUS__STATUS_LIMIT;
		memset(frame->extents, 0, plan->n_params * sizeof *frame->extents);
	}
	for (uint32_t i = 0; i < plan->n_params; i++) {
		int r = put_argument(&walk, steps->in[i]);
		if (r < 0)
			return r;
	}
	return 0;
}
