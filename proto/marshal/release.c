/* SPDX-License-Identifier: MIT */
#include "marshal/release.h"

#include <string.h>

/* The outcome of all releases: a failure does not keep the others from being made. */
struct outcome {
	int status;
};

static void note(struct outcome *outcome, int r)
{
	if (outcome->status >= 0 && r < 0)
		outcome->status = r;
}

static int release_visited(struct walk *walk, const struct pointer *pointer, void *at, void *context)
{
	struct outcome *outcome = context;
	if (!pointer->releases)
		return 0;
	void *original;
	memcpy(&original, at, sizeof original);
	if (pointer->shape && pointer->shape->releases) {
		size_t bytes;
		int r = elements_bytes(walk, pointer, original, SIZE_MAX, &bytes);
		note(outcome, r);
		if (r == 0)
			shape_visit(walk, pointer->shape, original, bytes, release_visited, outcome);
	}
	if (pointer->keep->free_function)
		note(outcome, walk->frame->side->release(walk->frame, pointer->keep, original));
	return 0;
}

static void release_result(struct walk *walk, const struct step *step, struct outcome *outcome)
{
	void *object = walk->frame->result;
	walk->argument = step->argument;
	if (step->what == STEP_STRUCT) {
		shape_visit(walk, step->shape, object, step->bytes, release_visited, outcome);
	} else if (step->what == STEP_POINTER) {
		void *value;
		memcpy(&value, object, sizeof value);
		if (pointer_is_followed(step->pointer, value))
			release_visited(walk, step->pointer, object, outcome);
	}
}

static void release_out(struct walk *walk, const struct step *step, struct outcome *outcome)
{
	const struct marshal_extent *extent = &walk->frame->extents[step->argument];
	size_t bytes;
	step = step_coming_back(walk->frame, step);
	if (!extent->base || !step || !step->pointer->releases)
		return;
	walk->argument = step->argument;
	int r = out_bytes(walk, step, extent->base, &bytes);
	note(outcome, r);
	if (r == 0)
		shape_visit(walk, step->pointer->shape, extent->base, bytes, release_visited, outcome);
}

int release_results(struct walk *walk, int status)
{
	const struct steps *steps = walk->frame->plan->steps;
	struct outcome outcome = {status};
	/* the out parameters first: their sizes may be read from what the result's release ends */
	for (uint32_t i = 0; i < steps->n_out; i++)
		release_out(walk, steps->out[i], &outcome);
	release_result(walk, &steps->result, &outcome);
	return outcome.status;
}
