/* SPDX-License-Identifier: MIT */
#include "marshal/get.h"

#include "base/detail.h"
#include "marshal/format.h"
#include "marshal/stage.h"

#include <string.h>

/* Room for an argument that only comes back: zeroed, so that what is not written cannot leak or mislead. */
static int get_room(struct walk *walk, size_t capacity, void **ret_elements)
{
	*ret_elements = walk_take(walk, capacity);
	if (!*ret_elements)
		return CBB__STATUS__STATUS_LIMIT;
	memset(*ret_elements, 0, capacity);
	return 0;
}

static int get_elements_argument(struct walk *walk, const struct step *step, uintptr_t *ret_value)
{
	const struct pointer *pointer = step->pointer;
	size_t capacity = pointer->scanned ? SIZE_MAX : pointer->unit, bytes = 0;
	void *elements = NULL;
	int r = 0;
	if (pointer->size)
		r = evaluate_size(walk, pointer, pointer->size, &capacity);
	if (r == 0)
		r = step->in ? get_elements(walk, pointer, capacity, step->out ? capacity : 0, &elements, &bytes)
		             : get_room(walk, capacity, &elements);
	if (r < 0)
		return r;
	if (!step->out)
		capacity = bytes;
	walk->frame->extents[step->argument] = (struct marshal_extent){elements, capacity, elements, capacity};
	*ret_value = (uintptr_t)elements;
	return 0;
}

static int get_memory_argument(struct walk *walk, const struct step *step, uintptr_t *ret_value)
{
	if (step->pointer->mode == CBB__MODE__MODE_ELEMENTS)
		return get_elements_argument(walk, step, ret_value);
	size_t bytes = 0;
	int r = get_string(walk, step->pointer, ret_value, &bytes);
	walk->frame->extents[step->argument] =
		(struct marshal_extent){(void *)*ret_value, bytes, (void *)*ret_value, bytes};
	return r;
}

/* Native code keeps it: the side says where. */
static int get_kept_argument(struct walk *walk, const struct step *step, uintptr_t *ret_value)
{
	struct marshal_extent *extent = &walk->frame->extents[step->argument];
	walk->staging = true;
	int r = get_memory_argument(walk, step, ret_value);
	walk->staging = false;
	if (r == 0)
		r = stage_keep_pointer(walk, step->pointer, ret_value);
	extent->base = (void *)*ret_value;
	extent->now = extent->base;
	return r;
}

static int get_pointer_argument(struct walk *walk, const struct step *step, void *slot)
{
	const struct pointer *pointer = step->pointer;
	uint64_t word = walk->message->words[step->word];
	uintptr_t value = 0;
	int r = get_is_followed(walk, pointer, word);
	if (r < 0)
		return r;
	if (r == 0)
		r = get_pointer(walk, pointer, word, &value);
	else if (pointer->is_kept)
		r = get_kept_argument(walk, step, &value);
	else
		r = get_memory_argument(walk, step, &value);
	if (r == 0 && pointer->param->format)
		r = format_get(walk, pointer, (const char *)value, &value);
	memcpy(slot, &value, sizeof value);
	return r;
}

static int get_argument(struct walk *walk, const struct step *step, void *slot);

static int get_case(struct walk *walk, const struct step *step, void *slot)
{
	const struct step *chosen = NULL;
	int r = walk_choose(walk, step, &chosen);
	if (r == 0)
		r = get_argument(walk, chosen, slot);
	walk->frame->extents[step->argument].chosen = chosen;
	return r;
}

static int get_argument(struct walk *walk, const struct step *step, void *slot)
{
	const uint64_t *words = walk->message->words + step->word;
	walk->argument = step->argument;
	switch (step->what) {
	case STEP_SCALAR: scalar_store(step->kind, slot, words[0]); return 0;
	case STEP_POINTER: return get_pointer_argument(walk, step, slot);
	case STEP_LONG_DOUBLE:
		memset(slot, 0, step->bytes);
		memcpy(slot, words, LONG_DOUBLE_BYTES);
		return 0;
	case STEP_STRUCT:
		walk->frame->extents[step->argument] = (struct marshal_extent){slot, step->bytes, slot, step->bytes};
		return get_object(walk, step->shape, slot, step->bytes);
	case STEP_CASE: return get_case(walk, step, slot);
	default: return 0;
	}
}

int marshal_get_arguments(struct marshal_frame *frame, struct hot *message)
{
	const struct plan *plan = frame->plan;
	const struct steps *steps = plan->steps;
	struct walk walk = {.frame = frame, .message = message, .fault = -EBADMSG};
	if (message->n_words != plan->n_words_in)
		return detail_set(-EBADMSG, "function %s takes %u words, and the message has %u", plan->name,
		                  plan->n_words_in, message->n_words);
	uint8_t *memory = arena_take(frame->arena, steps->frame_bytes);
	if (!memory)
		return detail_set(CBB__STATUS__STATUS_LIMIT, "function %s: no room for its arguments", plan->name);
	void **arguments = (void **)memory;
	if (steps->has_extents) {
		frame->extents = (struct marshal_extent *)(memory + steps->extents_at);
		memset(frame->extents, 0, plan->n_params * sizeof *frame->extents);
	}
	frame->arguments = arguments;
	frame->result = plan->returns_void ? NULL : memory + steps->result_at;
	memset(memory + steps->result_at, 0, PLAN_RESULT_BYTES(plan));
	for (uint32_t i = 0; i < plan->n_params; i++)
		arguments[i] = memory + steps->parameters[i].slot;
	for (uint32_t i = 0; i < plan->n_params; i++) {
		const struct step *step = steps->in[i];
		int r = get_argument(&walk, step, arguments[step->argument]);
		if (r < 0)
			return r;
	}
	return get_end(&walk);
}
