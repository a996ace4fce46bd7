/* SPDX-License-Identifier: MIT */
#include "marshal/steps.h"

#include <errno.h>

/* Parameters that must have been dealt with before this one. */
static uint64_t dependencies(const struct step *step)
{
	uint64_t needed = 0;
	for (uint32_t i = 0; step->what == STEP_CASE && i < step->choices->n_steps; i++)
		needed |= dependencies(&step->choices->steps[i]);
	if (step->what == STEP_CASE)
		return needed;
	if (step->what == STEP_STRUCT && step->shape)
		return step->shape->reads | step->shape->bases;
	if (step->what != STEP_POINTER)
		return 0;
	const struct pointer *pointer = step->pointer;
	return pointer->size_reads | pointer->filled_reads | pointer->below_reads | pointer->bases;
}

/* What only the function's answer tells cannot size what goes in. */
static int check_known(const struct builder *builder, const struct step *step, uint64_t only_out)
{
	uint64_t reads = 0;
	bool returns = false;
	int r = 0;
	for (uint32_t i = 0; step->what == STEP_CASE && r == 0 && i < step->choices->n_steps; i++)
		r = check_known(builder, &step->choices->steps[i], only_out);
	if (r < 0)
		return r;
	if (step->what == STEP_STRUCT && step->shape) {
		reads = step->shape->reads;
		returns = step->shape->returns;
	} else if (step->what == STEP_POINTER) {
		const struct pointer *pointer = step->pointer;
		reads = pointer->size_reads | (step->in ? pointer->below_reads : 0);
		returns = pointer->size_returns || (step->in && pointer->below_returns);
	}
	if (returns)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "its size is `return`, known only afterwards. Hint: size() for the buffer, "
		                    "filled(return) for what is in it");
	if (reads & only_out)
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "its size reads parameter %u, which only comes back. Hint: inout there, or filled() "
		                    "here",
		                    (unsigned)__builtin_ctzll(reads & only_out) + 1);
	return 0;
}

static int check_result(const struct builder *builder, struct steps *steps, uint64_t any_out)
{
	const struct step *result = &steps->result;
	uint64_t below = result->shape ? result->shape->reads : 0;
	bool returns = result->shape && result->shape->returns;
	if (result->what == STEP_POINTER) {
		below = result->pointer->below_reads;
		returns = result->pointer->size_returns || result->pointer->below_returns;
		steps->result_size_late = (result->pointer->size_reads & any_out) != 0;
	}
	if (returns || (below & any_out))
		return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED,
		                    "the size of what is inside depends on what comes back beside it");
	return 0;
}

static int sort(struct builder *builder, const struct steps *steps)
{
	struct plan *plan = builder->plan;
	uint64_t done = 0;
	uint32_t n = 0;
	while (n < plan->n_params) {
		uint32_t before = n;
		for (uint32_t i = 0; i < plan->n_params; i++) {
			if ((done >> i & 1) || (dependencies(&steps->parameters[i]) & ~done))
				continue;
			plan->order[n++] = i;
			done |= 1ull << i;
			break; /* from the front again: as near to the declaration as can be */
		}
		if (n == before) {
			builder->argument = (uint32_t)__builtin_ctzll(~done);
			return builder_fail(builder, CBB__STATUS__STATUS_INTERFACE,
			                    "its size depends on itself, by way of other parameters");
		}
	}
	return 0;
}

static int make_lists(struct builder *builder, struct steps *steps)
{
	const struct plan *plan = builder->plan;
	steps->in = builder_take(builder, plan->n_params * sizeof *steps->in);
	steps->out = builder_take(builder, plan->n_params * sizeof *steps->out);
	if (!steps->in || !steps->out)
		return -ENOMEM;
	uint32_t n = 0;
	for (uint32_t i = 0; i < plan->n_params; i++) {
		const struct step *step = &steps->parameters[i];
		if (step->what == STEP_SCALAR || step->what == STEP_LONG_DOUBLE)
			steps->in[n++] = step;
	}
	for (uint32_t i = 0; i < plan->n_params; i++) {
		const struct step *step = &steps->parameters[plan->order[i]];
		if (step->what != STEP_SCALAR && step->what != STEP_LONG_DOUBLE)
			steps->in[n++] = step;
		if (step->out)
			steps->out[steps->n_out++] = step;
	}
	return 0;
}

int order_build(struct builder *builder, struct steps *steps)
{
	struct plan *plan = builder->plan;
	uint64_t only_out = 0, any_out = 0;
	for (uint32_t i = 0; i < plan->n_params; i++) {
		const struct step *step = &steps->parameters[i];
		any_out |= (uint64_t)step->out << i;
		only_out |= (uint64_t)(step->out && !step->in) << i;
	}
	for (uint32_t i = 0; i < plan->n_params; i++) {
		builder->argument = i;
		int r = check_known(builder, &steps->parameters[i], only_out);
		if (r < 0)
			return r;
	}
	builder->argument = plan->n_params;
	int r = check_result(builder, steps, any_out);
	if (r < 0)
		return r;
	plan->order = builder_take(builder, plan->n_params * sizeof *plan->order);
	if (!plan->order)
		return -ENOMEM;
	r = sort(builder, steps);
	return r < 0 ? r : make_lists(builder, steps);
}
