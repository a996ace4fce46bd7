/* SPDX-License-Identifier: MIT */
#include "marshal/plan.h"

#include "base/detail.h"
#include "marshal/arena.h"
#include "marshal/steps.h"
#include "marshal/variadic_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of one function's plan: far above what 64 parameters with the largest structs take. */
#define PLAN_MAX_BYTES (64u << 20)

struct plan_memory {
	struct arena arena;
	struct plan plan;
};

struct plan *plan_free(struct plan *plan)
{
	if (plan) {
		struct plan_memory *memory = plan->memory;
		variadic_close(plan->variadic);
		arena_free(&memory->arena);
		free(memory);
	}
	return NULL;
}

static int set_function(struct builder *builder, uint32_t index)
{
	const Cbb__Interface *interface = builder->interface;
	const Cbb__Function *function = interface->functions[index];
	const ProtobufCBinaryData *name = &interface->names[function->name];
	struct plan *plan = builder->plan;
	char *text = builder_take(builder, name->len + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, name->data, name->len);
	plan->interface = interface;
	plan->function = function;
	plan->index = index;
	plan->name = text;
	plan->n_params = function->n;
	plan->params = (const Cbb__Param *const *)(interface->params + function->first);
	plan->result = interface->params[function->result];
	if (plan->n_params > INTERFACE_PARAMS_MAX)
		return detail_set(CBB__STATUS__STATUS_UNSUPPORTED, "function %s has %u parameters, more than %d", text,
		                  plan->n_params, INTERFACE_PARAMS_MAX);
	return 0;
}

static size_t aligned(size_t size)
{
	return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

static uint32_t n_words(const struct step *step)
{
	switch (step->what) {
	case STEP_SCALAR:
	case STEP_CASE:
	case STEP_POINTER: return 1;
	case STEP_LONG_DOUBLE: return 2;
	default: return 0;
	}
}

/* Words of the messages, and a skeleton's frame memory. */
static int lay_out(struct builder *builder, struct steps *steps)
{
	struct plan *plan = builder->plan;
	plan->word_at = builder_take(builder, plan->n_params * sizeof *plan->word_at);
	if (!plan->word_at)
		return -ENOMEM;
	steps->extents_at = aligned(plan->n_params * sizeof(void *));
	size_t at = steps->extents_at;
	if (steps->has_extents)
		at += aligned(plan->n_params * sizeof(struct marshal_extent));
	steps->result_at = at;
	at += aligned(PLAN_RESULT_BYTES(plan));
	for (uint32_t i = 0; i < plan->n_params; i++) {
		struct step *step = &steps->parameters[i];
		plan->word_at[i] = step->word = plan->n_words_in;
		plan->n_words_in += n_words(step);
		step->slot = at;
		for (uint32_t j = 0; step->choices && j < step->choices->n_steps; j++) {
			step->choices->steps[j].word = step->word;
			step->choices->steps[j].slot = step->slot;
			plan->has_callbacks |= step->choices->steps[j].pointer->has_callbacks;
		}
		at += aligned(step->bytes);
		plan->has_callbacks |= (step->pointer && step->pointer->has_callbacks) ||
		                       (step->shape && step->shape->has_callbacks);
	}
	steps->frame_bytes = at;
	return 0;
}

static int build(struct builder *builder, uint32_t index)
{
	struct plan *plan = builder->plan;
	int r = set_function(builder, index);
	if (r < 0)
		return r;
	struct steps *steps = builder_take(builder, sizeof *steps);
	if (!steps)
		return -ENOMEM;
	plan->steps = steps;
	r = steps_build(builder, steps);
	if (r < 0)
		return r;
	plan->returns_void = steps->result.what == STEP_VOID;
	plan->result_is_struct = steps->result.what == STEP_STRUCT;
	plan->result_bytes = plan->returns_void ? 0 : steps->result.bytes;
	plan->n_words_out = n_words(&steps->result);
	r = order_build(builder, steps);
	if (r == 0)
		r = lay_out(builder, steps);
	if (r == 0)
		r = native_build(builder);
	if (r == 0)
		r = native_call_build(builder);
	if (r == 0)
		r = variadic_build(builder);
	return r;
}

int plan_new(const Cbb__Interface *interface, uint32_t index, struct plan **ret_plan)
{
	struct plan_memory *memory = calloc(1, sizeof *memory);
	if (!memory)
		return -ENOMEM;
	arena_init(&memory->arena, PLAN_MAX_BYTES);
	memory->plan.memory = memory;
	struct builder builder = {
		.plan = &memory->plan, .arena = &memory->arena, .interface = interface,
		.pointers = calloc(interface->n_params + 1, sizeof *builder.pointers),
		.shapes = calloc(interface->n_types + 1, sizeof *builder.shapes),
		.shape_known = calloc(interface->n_types + 1, sizeof *builder.shape_known),
	};
	int r = -ENOMEM;
	if (builder.pointers && builder.shapes && builder.shape_known)
		r = build(&builder, index);
	free(builder.pointers);
	free(builder.shapes);
	free(builder.shape_known);
	if (r < 0) {
		plan_free(&memory->plan);
		return r == -ENOMEM ? detail_set(r, "no memory for the plan of function %u", index) : r;
	}
	*ret_plan = &memory->plan;
	return 0;
}
