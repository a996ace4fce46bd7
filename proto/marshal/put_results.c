/* SPDX-License-Identifier: MIT */
#include "marshal/put.h"

#include "marshal/release.h"

#include <string.h>

static int put_result(struct walk *walk, const struct step *step)
{
	const void *object = walk->frame->result;
	uint64_t words[2] = {0, 0};
	uintptr_t value;
	int r;
	walk->argument = step->argument;
	switch (step->what) {
	case STEP_SCALAR: hot_set_word(walk->writer, 0, scalar_load(step->kind, object)); return 0;
	case STEP_LONG_DOUBLE:
		memcpy(words, object, LONG_DOUBLE_BYTES);
		hot_set_word(walk->writer, 0, words[0]);
		hot_set_word(walk->writer, 1, words[1]);
		return 0;
	case STEP_STRUCT: return put_memory(walk, step->shape, object, step->bytes, step->bytes);
	case STEP_POINTER:
		memcpy(&value, object, sizeof value);
		r = put_pointer_word(walk, step->pointer, value, &words[0]);
		if (r < 0)
			return r;
		hot_set_word(walk->writer, 0, words[0]);
		return pointer_is_followed(step->pointer, (void *)value)
		               ? put_pointed(walk, step->pointer, (void *)value) : 0;
	default: return 0;
	}
}

static int put_out(struct walk *walk, const struct step *step)
{
	const struct marshal_extent *extent = &walk->frame->extents[step->argument];
	size_t bytes;
	step = step_coming_back(walk->frame, step);
	if (!extent->base || !step)
		return 0;
	walk->argument = step->argument;
	int r = out_bytes(walk, step, extent->base, &bytes);
	return r < 0 ? r : put_elements(walk, step->pointer, extent->base, bytes);
}

int marshal_put_results(struct marshal_frame *frame, struct hot_writer *writer)
{
	const struct steps *steps = frame->plan->steps;
	struct walk walk = {.frame = frame, .writer = writer, .fault = CBB__STATUS__STATUS_INTERFACE, .results = true,
	                    .result = frame->result};
	int r = put_result(&walk, &steps->result);
	for (uint32_t i = 0; i < steps->n_out && r == 0; i++)
		r = put_out(&walk, steps->out[i]);
	if (steps->releases && frame->side->release)
		r = release_results(&walk, r);
	return r;
}
