/* SPDX-License-Identifier: MIT */
#include "interface/verify.h"

#include "base/detail.h"

#include <errno.h>
#include <stdlib.h>

/* How deep, and how many Params in all; weight 0: not known yet. */
struct measure {
	uint32_t depth, weight;
};

static void measure_add(struct measure *sum, struct measure part)
{
	if (part.depth > sum->depth)
		sum->depth = part.depth;
	sum->weight = part.weight > INTERFACE_VALUES_MAX - sum->weight ? INTERFACE_VALUES_MAX : sum->weight + part.weight;
}

static int measure_param(const Cbb__Interface *message, struct measure *structs, uint32_t index, unsigned level,
                         struct measure *ret_measure);

/* `level`: how deep it already is. A struct that holds itself comes to the limit. */
static int measure_struct(const Cbb__Interface *message, struct measure *structs, uint32_t index, unsigned level,
                          struct measure *ret_measure)
{
	const Cbb__Type *type = message->types[index];
	struct measure sum = {0, 1};
	if (structs[index].weight == 0) {
		for (uint32_t i = 0; i < type->n; i++) {
			struct measure field = {0};
			int r = measure_param(message, structs, type->first + i, level, &field);
			if (r < 0)
				return r;
			measure_add(&sum, field);
		}
		structs[index] = sum;
	}
	*ret_measure = structs[index];
	return 0;
}

static int measure_cases(const Cbb__Interface *message, struct measure *structs, const Cbb__Param *param,
                         unsigned level, struct measure *ret_measure)
{
	struct measure one = {0};
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < param->n_cases; i++) {
		r = measure_param(message, structs, param->first_case + i, level, &one);
		measure_add(ret_measure, one);
	}
	return r;
}

static int measure_param(const Cbb__Interface *message, struct measure *structs, uint32_t index, unsigned level,
                         struct measure *ret_measure)
{
	const Cbb__Param *param = message->params[index];
	struct measure behind = {0};
	uint32_t at = param->type;
	int r = 0;
	if (level >= INTERFACE_DEPTH_MAX)
		return verify_fail("param %u is deeper than %d", index, INTERFACE_DEPTH_MAX);
	if (at >= message->n_types)
		return verify_fail("param %u has no type", index);
	while (message->types[at]->kind == CBB__KIND__KIND_ARRAY)
		at = message->types[at]->target;
	if (param->mode == CBB__MODE__MODE_ELEMENTS) {
		if (param->element <= index || param->element >= message->n_params)
			return verify_fail("param %u has no element behind it", index);
		r = measure_param(message, structs, param->element, level + 1, &behind);
	} else if (param->mode == CBB__MODE__MODE_CASE) {
		r = measure_cases(message, structs, param, level + 1, &behind);
	} else if (message->types[at]->kind == CBB__KIND__KIND_STRUCT) {
		r = measure_struct(message, structs, at, level + 1, &behind);
	}
	if (r < 0)
		return r;
	if (level + 1 + behind.depth > INTERFACE_DEPTH_MAX)
		return verify_fail("param %u is deeper than %d", index, INTERFACE_DEPTH_MAX);
	*ret_measure = (struct measure){1 + behind.depth, 1};
	ret_measure->weight = behind.weight >= INTERFACE_VALUES_MAX ? INTERFACE_VALUES_MAX : behind.weight + 1;
	return 0;
}

static int measure_function(const Cbb__Interface *message, struct measure *structs, const Cbb__Function *function,
                            struct measure *total)
{
	for (uint32_t i = 0; i <= function->n; i++) {
		struct measure measure = {0};
		uint32_t index = i < function->n ? function->first + i : function->result;
		int r = measure_param(message, structs, index, 0, &measure);
		if (r < 0)
			return r;
		measure_add(total, measure);
	}
	return total->weight < INTERFACE_VALUES_MAX
	           ? 0
	           : verify_fail("all functions together have more than %d values", INTERFACE_VALUES_MAX);
}

int verify_measure(const Cbb__Interface *message)
{
	struct measure *structs = calloc(message->n_types, sizeof *structs), measure, total = {0};
	int r = structs ? 0 : detail_set(-ENOMEM, "no memory to check the interface");
	for (uint32_t i = 0; r == 0 && i < message->n_types; i++)
		if (message->types[i]->kind == CBB__KIND__KIND_STRUCT)
			r = measure_struct(message, structs, i, 0, &measure);
	for (size_t i = 0; r == 0 && i < message->n_functions; i++)
		r = measure_function(message, structs, message->functions[i], &total);
	free(structs);
	return r;
}
