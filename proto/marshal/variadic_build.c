/* SPDX-License-Identifier: MIT */
#include "marshal/variadic_build.h"

#include "base/detail.h"
#include "marshal/scalar.h"

#include <errno.h>
#include <stdlib.h>

int64_t variadic_normalize(Cbb__Kind kind, int64_t value)
{
	uint64_t object = 0;
	scalar_store(kind, &object, (uint64_t)value);
	return (int64_t)scalar_load(kind, &object);
}

static int compare_labels(const void *left, const void *right)
{
	const struct variadic_case *a = left, *b = right;
	return (a->label > b->label) - (a->label < b->label);
}

int64_t variadic_find(const struct variadic *variadic, int64_t label)
{
	const struct variadic_case wanted = {.label = label};
	const struct variadic_case *found =
		variadic->n_cases ? bsearch(&wanted, variadic->cases, variadic->n_cases, sizeof wanted, compare_labels) : NULL;
	return found ? (int64_t)found->function : -1;
}

static bool is_case(const struct builder *builder, const Cbb__Function *function)
{
	return function->case_of == builder->plan->index + 1;
}

/* The kind of what chooses a case, or of an element. */
static Cbb__Kind option_kind(const struct builder *builder, const struct variadic *variadic)
{
	const Cbb__Interface *interface = builder->interface;
	const Cbb__Function *function = builder->plan->function;
	uint32_t index = variadic->kind == CBB__VARIADIC__VARIADIC_SELECT
	                     ? function->first + function->select
	                     : interface->functions[variadic->any_case]->first + function->n;
	return interface->types[interface->params[index]->type]->kind;
}

static int find_cases(struct builder *builder, struct variadic *variadic)
{
	const Cbb__Interface *interface = builder->interface;
	size_t n = 0, n_found = 0;
	for (uint32_t i = 0; i < interface->n_functions; i++) {
		if (!is_case(builder, interface->functions[i]))
			continue;
		variadic->any_case = i;
		n += interface->functions[i]->n_labels;
		n_found++;
	}
	struct variadic_case *cases = builder_take(builder, n * sizeof *cases);
	if (!cases)
		return -ENOMEM;
	if (n_found == 0)
		return detail_set(CBB__STATUS__STATUS_INTERFACE, "function %s has ... without cases", builder->plan->name);
	variadic->option = option_kind(builder, variadic);
	variadic->sentinel = variadic_normalize(variadic->option, builder->plan->function->sentinel);
	for (uint32_t i = 0; i < interface->n_functions; i++) {
		const Cbb__Function *function = interface->functions[i];
		for (size_t j = 0; is_case(builder, function) && j < function->n_labels; j++)
			cases[variadic->n_cases++] =
				(struct variadic_case){variadic_normalize(variadic->option, function->labels[j]), i};
	}
	if (n)
		qsort(cases, n, sizeof *cases, compare_labels);
	variadic->cases = cases;
	return 0;
}

/* Of the calling convention of x86-64. */
#define GENERAL_REGISTERS 6
#define FLOAT_REGISTERS 8

/*
 * Behind `...` an integer or pointer lies in the next general register, a double in the next float register, and when
 * these are used up each in the next word of the stack. A closure is given the places of parameters, which it has not
 * looked at: parameters that take all registers and many words of the stack are given all places.
 */
static int build_closure_cif(struct builder *builder, struct variadic *variadic)
{
#if defined(__x86_64__)
	const struct plan *plan = builder->plan;
	uint32_t n = plan->n_params;
	ffi_type **types = builder_take(builder, (n + INTERFACE_PARAMS_MAX + GENERAL_REGISTERS + FLOAT_REGISTERS) *
	                                             sizeof *types);
	if (!types)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		bool is_float = plan->ffi_arguments[i] == &ffi_type_float || plan->ffi_arguments[i] == &ffi_type_double;
		types[i] = plan->ffi_arguments[i];
		variadic->floats_used += is_float && variadic->floats_used < FLOAT_REGISTERS;
		variadic->general_used += !is_float && variadic->general_used < GENERAL_REGISTERS;
	}
	for (uint32_t i = variadic->floats_used; i < FLOAT_REGISTERS; i++)
		types[n++] = &ffi_type_double;
	for (uint32_t i = variadic->general_used; i < GENERAL_REGISTERS + INTERFACE_PARAMS_MAX; i++)
		types[n++] = &ffi_type_uint64;
	variadic->has_closure_cif =
		ffi_prep_cif(&variadic->closure_cif, FFI_DEFAULT_ABI, n, plan->ffi_result, types) == FFI_OK;
#else
	(void)builder;
	(void)variadic;
#endif
	return 0;
}

int variadic_build(struct builder *builder)
{
	struct plan *plan = builder->plan;
	Cbb__Variadic kind = plan->function->variadic;
	if (kind == CBB__VARIADIC__VARIADIC_NONE || kind == CBB__VARIADIC__VARIADIC_FORMAT)
		return 0;
	struct variadic *variadic = builder_take(builder, sizeof *variadic);
	if (!variadic)
		return -ENOMEM;
	pthread_mutex_init(&variadic->lock, NULL);
	plan->variadic = variadic;
	variadic->kind = kind;
	int r = find_cases(builder, variadic);
	return r < 0 ? r : build_closure_cif(builder, variadic);
}

void variadic_close(struct variadic *variadic)
{
	if (!variadic)
		return;
	while (variadic->lists) {
		struct list_plan *list = variadic->lists;
		variadic->lists = list_plan_next(list);
		list_plan_free(list);
	}
	pthread_mutex_destroy(&variadic->lock);
}

const ffi_cif *variadic_closure_cif(const struct plan *base)
{
	return base->variadic->has_closure_cif ? &base->variadic->closure_cif : NULL;
}

static void *next_word(struct variadic_source *source, Cbb__Kind kind)
{
	struct variadic_words *words = (struct variadic_words *)source;
	if (kind == CBB__KIND__KIND_F64 && words->n_floats) {
		words->n_floats--;
		return *words->floats++;
	}
	if (kind != CBB__KIND__KIND_F64 && words->n_general) {
		words->n_general--;
		return *words->general++;
	}
	return *words->stack++;
}

void variadic_words_init(struct variadic_words *words, const struct plan *base, void **arguments)
{
	const struct variadic *variadic = base->variadic;
	words->source.next = next_word;
	words->n_floats = FLOAT_REGISTERS - variadic->floats_used;
	words->n_general = GENERAL_REGISTERS - variadic->general_used;
	words->floats = arguments + base->n_params;
	words->general = words->floats + words->n_floats;
	words->stack = words->general + words->n_general;
}
