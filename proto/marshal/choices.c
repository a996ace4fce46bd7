/* SPDX-License-Identifier: MIT */
/* Parameters whose type another argument tells. */
#include "marshal/walk.h"

#include <stdlib.h>

static int compare_labels(const void *left, const void *right)
{
	const struct choice *a = left, *b = right;
	return (a->label > b->label) - (a->label < b->label);
}

static int build_alternatives(struct builder *builder, const Cbb__Param *param, struct step *step,
                              struct choices *choices)
{
	size_t n = 0;
	for (uint32_t i = 0; i < param->n_cases; i++)
		n += builder->interface->params[param->first_case + i]->n_labels;
	choices->steps = builder_take(builder, param->n_cases * sizeof *choices->steps);
	choices->labels = builder_take(builder, n * sizeof *choices->labels);
	if (!choices->steps || !choices->labels)
		return -ENOMEM;
	for (uint32_t i = 0; i < param->n_cases; i++) {
		const Cbb__Param *alternative = builder->interface->params[param->first_case + i];
		int r = step_build(builder, param->first_case + i, step->argument, &choices->steps[i]);
		if (r < 0)
			return r;
		for (size_t j = 0; j < alternative->n_labels; j++)
			choices->labels[choices->n_labels++] = (struct choice){alternative->labels[j], &choices->steps[i]};
		step->out |= choices->steps[i].out;
	}
	choices->n_steps = param->n_cases;
	if (n)
		qsort(choices->labels, n, sizeof *choices->labels, compare_labels);
	return 0;
}

int choices_build(struct builder *builder, uint32_t index, struct step *step)
{
	const Cbb__Param *param = builder->interface->params[index];
	struct choices *choices = builder_take(builder, sizeof *choices);
	uint64_t reads = 0;
	bool returns = false;
	if (!choices)
		return -ENOMEM;
	step->what = STEP_CASE;
	step->choices = choices;
	int r = expression_build(builder, param->selector, &choices->selector, &reads, &returns);
	if (r == 0 && (!choices->selector || reads || returns))
		r = builder_fail(builder, CBB__STATUS__STATUS_INTERFACE, "its case is chosen by what is not known");
	return r < 0 ? r : build_alternatives(builder, param, step, choices);
}

int walk_choose(struct walk *walk, const struct step *step, const struct step **ret_step)
{
	const struct choices *choices = step->choices;
	__int128 value = 0;
	int r = evaluate(walk, choices->selector, &value);
	if (r < 0)
		return r;
	const struct choice wanted = {.label = (int64_t)value};
	const struct choice *found =
		bsearch(&wanted, choices->labels, choices->n_labels, sizeof wanted, compare_labels);
	if (!found || value != (int64_t)value)
		return walk_fail(walk, NULL, walk->fault, "has no case for the value %lld", (long long)value);
	*ret_step = found->step;
	return 0;
}
