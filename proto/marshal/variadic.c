/* SPDX-License-Identifier: MIT */
#include "marshal/variadic.h"

#include "base/detail.h"
#include "marshal/scalar.h"
#include "marshal/variadic_build.h"

#include <errno.h>

static void *next_of_array(struct variadic_source *source, Cbb__Kind kind)
{
	struct variadic_array *array = (struct variadic_array *)source;
	(void)kind;
	return array->at < array->n ? array->arguments[array->at++] : NULL;
}

void variadic_array_init(struct variadic_array *array, const struct plan *base, void *const *arguments, size_t n)
{
	*array = (struct variadic_array){{next_of_array}, arguments, n, base->n_params};
}

/* The kind of a parameter of a case. */
static Cbb__Kind kind_of(const struct plan *base, const Cbb__Function *function, uint32_t number)
{
	const Cbb__Interface *interface = base->interface;
	return interface->types[interface->params[function->first + number]->type]->kind;
}

static int take(const struct plan *base, struct variadic_source *source, Cbb__Kind kind, struct variadic_call *call)
{
	if (call->n_arguments == INTERFACE_PARAMS_MAX)
		return detail_set(CBB__STATUS__STATUS_LIMIT, "function %s: with its list it has more than %d arguments",
		                  base->name, INTERFACE_PARAMS_MAX);
	void *argument = source->next(source, kind);
	if (!argument)
		return detail_set(CBB__STATUS__STATUS_ARGUMENT, "function %s: argument %u is missing, which its ... asks for",
		                  base->name, call->n_arguments + 1);
	call->arguments[call->n_arguments++] = argument;
	return 0;
}

/* The arguments of a case from parameter `from` on. */
static int take_case(const struct plan *base, struct variadic_source *source, uint32_t index, uint32_t from,
                     struct variadic_call *call)
{
	const Cbb__Function *function = base->interface->functions[index];
	int r = 0;
	for (uint32_t i = from; r == 0 && i < function->n; i++)
		r = take(base, source, kind_of(base, function, i), call);
	return r;
}

static int collect_select(const struct plan *base, struct variadic_source *source, struct variadic_call *call)
{
	const struct variadic *variadic = base->variadic;
	uint32_t select = base->function->select;
	int64_t label = (int64_t)scalar_load(variadic->option, call->arguments[select]);
	int64_t found = variadic_find(variadic, label);
	if (found < 0)
		return detail_set(CBB__STATUS__STATUS_ARGUMENT, "function %s: its interface has no case for %s = %lld",
		                  base->name, interface_name(base->interface, base->params[select]->name), (long long)label);
	call->function = (uint32_t)found;
	return take_case(base, source, call->function, base->n_params, call);
}

/* What a list goes on with: 1, a case; 0, it ends. */
static int list_case(const struct plan *base, uint64_t word, uint32_t *ret_case)
{
	const struct variadic *variadic = base->variadic;
	*ret_case = variadic->any_case;
	if ((int64_t)word == variadic->sentinel)
		return 0;
	if (variadic->kind == CBB__VARIADIC__VARIADIC_ELEMENTS)
		return 1;
	int64_t found = variadic_find(variadic, (int64_t)word);
	if (found < 0)
		return detail_set(CBB__STATUS__STATUS_ARGUMENT, "function %s: its interface has no case for the option %lld",
		                  base->name, (long long)word);
	*ret_case = (uint32_t)found;
	return 1;
}

static int collect_list(const struct plan *base, struct variadic_source *source, struct variadic_call *call)
{
	const struct variadic *variadic = base->variadic;
	for (;;) {
		uint32_t index = 0;
		int r = take(base, source, variadic->option, call);
		if (r == 0)
			r = list_case(base, scalar_load(variadic->option, call->arguments[call->n_arguments - 1]), &index);
		if (r <= 0)
			return r;
		call->cases[call->n_cases++] = index;
		r = take_case(base, source, index, base->n_params + 1, call);
		if (r < 0)
			return r;
	}
}

int variadic_collect(const struct plan *base, void *const *fixed, struct variadic_source *source,
                     struct variadic_call *ret_call)
{
	*ret_call = (struct variadic_call){.function = base->index, .n_arguments = base->n_params};
	for (uint32_t i = 0; i < base->n_params; i++)
		ret_call->arguments[i] = fixed[i];
	if (base->variadic->kind == CBB__VARIADIC__VARIADIC_SELECT)
		return collect_select(base, source, ret_call);
	int r = collect_list(base, source, ret_call);
	return r < 0 ? r : variadic_list_plan(base, ret_call);
}

/* Each argument behind the fixed ones is one word. */
static int read_list(const struct plan *base, const struct hot *message, struct variadic_call *call)
{
	uint32_t at = base->n_words_in;
	for (;;) {
		uint32_t index = 0;
		if (at >= message->n_words || at >= INTERFACE_PARAMS_MAX)
			return detail_set(-EBADMSG, "function %s: the list in the message has no end", base->name);
		int r = list_case(base, message->words[at], &index);
		if (r < 0)
			return -EBADMSG;
		if (r == 0)
			return at + 1 == message->n_words
			           ? 0
			           : detail_set(-EBADMSG, "function %s: the message goes on behind its list", base->name);
		call->cases[call->n_cases++] = index;
		at += base->interface->functions[index]->n - base->n_params;
	}
}

int variadic_read(const struct plan *base, const struct hot *message, struct variadic_call *ret_call)
{
	*ret_call = (struct variadic_call){.function = base->index};
	if (base->variadic->kind == CBB__VARIADIC__VARIADIC_SELECT)
		return detail_set(-EBADMSG, "function %s is called by its cases", base->name);
	int r = read_list(base, message, ret_call);
	return r < 0 ? r : variadic_list_plan(base, ret_call);
}
