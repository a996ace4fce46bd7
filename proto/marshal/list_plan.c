/* SPDX-License-Identifier: MIT */
/*
 * A list behind `...` as a function made for the occasion: fixed parameters, then the parameters of each case in
 * turn, then the sentinel. It is entered, with copies of all that, at the end of copies of the interface's tables; then
 * its plan is made like any other.
 */
#include "base/detail.h"
#include "marshal/variadic_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX_BYTES (64u << 20)

struct list_plan {
	struct list_plan *next;
	struct arena arena;
	Cbb__Interface interface;
	Cbb__Function function;
	struct plan *plan;
	uint32_t n_cases;
	uint32_t cases[INTERFACE_PARAMS_MAX];
	size_t params_room, expressions_room;
	bool exhausted;
};

/* What becomes of parameter numbers when a part of a function becomes a part of another. */
struct move {
	uint32_t n_fixed;      /* below it they stay */
	uint32_t by;           /* so much are the others moved */
	uint32_t result_from;  /* the number that stands for the result, and what it becomes */
	uint32_t result_to;
};

struct list_plan *list_plan_next(const struct list_plan *list)
{
	return list->next;
}

void list_plan_free(struct list_plan *list)
{
	if (!list)
		return;
	plan_free(list->plan);
	free(list->interface.params);
	free(list->interface.expressions);
	free(list->interface.functions);
	arena_free(&list->arena);
	free(list);
}

/* ---- Tables that grow ---- */

/* A copy of `from` at the end of a table of pointers; its index. */
static uint32_t table_add(struct list_plan *list, void ***table, size_t *n, size_t *room, const void *from, size_t size)
{
	if (*n == *room) {
		size_t more = *room + 64;
		void **grown = realloc(*table, more * sizeof *grown);
		if (!grown) {
			list->exhausted = true;
			return 0;
		}
		*table = grown;
		*room = more;
	}
	void *copy = arena_take(&list->arena, size);
	if (!copy) {
		list->exhausted = true;
		return 0;
	}
	memcpy(copy, from, size);
	(*table)[*n] = copy;
	return (uint32_t)(*n)++;
}

static uint32_t add_param(struct list_plan *list, const Cbb__Param *param)
{
	return table_add(list, (void ***)&list->interface.params, &list->interface.n_params, &list->params_room, param,
	                 sizeof *param);
}

static uint32_t add_expression(struct list_plan *list, const Cbb__Expression *expression)
{
	return table_add(list, (void ***)&list->interface.expressions, &list->interface.n_expressions,
	                 &list->expressions_room, expression, sizeof *expression);
}

/* ---- Copies that refer to where things are now ---- */

static uint32_t move_number(const struct move *move, uint32_t number)
{
	return number < move->n_fixed ? number : number == move->result_from ? move->result_to : number + move->by;
}

/* number + 1; 0: none */
static uint32_t move_reference(const struct move *move, uint32_t reference)
{
	return reference ? move_number(move, reference - 1) + 1 : 0;
}

static bool is_operator(Cbb__Op op)
{
	return (op >= CBB__OP__OP_ADD && op <= CBB__OP__OP_MAX) || (op >= CBB__OP__OP_EQ && op <= CBB__OP__OP_GE);
}

/* `reference`: index + 1; 0: none */
static uint32_t move_expression(struct list_plan *list, const struct move *move, uint32_t reference)
{
	if (!reference)
		return 0;
	Cbb__Expression copy = *list->interface.expressions[reference - 1];
	if (is_operator(copy.op)) {
		copy.left = move_expression(list, move, copy.left + 1) - 1;
		copy.right = move_expression(list, move, copy.right + 1) - 1;
	} else {
		copy.param = move_number(move, copy.param);
	}
	return add_expression(list, &copy) + 1;
}

static void move_param(struct list_plan *list, const struct move *move, uint32_t to);

/* So many Params from `from` on, at the end of the table: the first's new index. */
static uint32_t move_params(struct list_plan *list, const struct move *move, uint32_t from, uint32_t n)
{
	uint32_t first = (uint32_t)list->interface.n_params;
	for (uint32_t i = 0; i < n; i++)
		add_param(list, list->interface.params[from + i]);
	for (uint32_t i = 0; i < n && !list->exhausted; i++)
		move_param(list, move, first + i);
	return first;
}

/* params[to] is a copy: makes it refer to where things are now. */
static void move_param(struct list_plan *list, const struct move *move, uint32_t to)
{
	Cbb__Param *param = list->interface.params[to];
	param->size = move_expression(list, move, param->size);
	param->filled = move_expression(list, move, param->filled);
	param->closes_when = move_expression(list, move, param->closes_when);
	param->selector = move_expression(list, move, param->selector);
	param->owner = move_reference(move, param->owner);
	param->lifetime_owner = move_reference(move, param->lifetime_owner);
	param->userdata_of = move_reference(move, param->userdata_of);
	param->notified_by = move_reference(move, param->notified_by);
	param->format = move_reference(move, param->format);
	if (param->mode == CBB__MODE__MODE_INTO)
		param->into = move_number(move, param->into);
	if (param->mode == CBB__MODE__MODE_ELEMENTS)
		param->element = move_params(list, move, param->element, 1);
	if (param->mode == CBB__MODE__MODE_CASE)
		param->first_case = move_params(list, move, param->first_case, param->n_cases);
}

/* ---- The function ---- */

/* The end of the list: an option, or a pointer that goes as it is. */
static void add_sentinel(struct list_plan *list, const struct variadic *variadic, uint32_t like)
{
	const Cbb__Param *from = list->interface.params[like];
	Cbb__Param sentinel = CBB__PARAM__INIT;
	uint64_t *values = arena_take(&list->arena, sizeof *values);
	list->exhausted |= !values;
	if (!values)
		return;
	*values = (uint64_t)variadic->sentinel;
	sentinel.type = from->type;
	sentinel.line = from->line;
	if (list->interface.types[from->type]->kind == CBB__KIND__KIND_POINTER) {
		sentinel.mode = CBB__MODE__MODE_HANDLE;
		sentinel.nullable = true;
		sentinel.n_values = 1;
		sentinel.values = values;
	}
	add_param(list, &sentinel);
}

/* The parameters in a row, each still as it was; then what they refer to. */
static void add_parameters(struct list_plan *list, const struct plan *base)
{
	const Cbb__Interface *interface = base->interface;
	const Cbb__Function *fixed = base->function;
	const Cbb__Function *any = interface->functions[base->variadic->any_case];
	uint32_t first = (uint32_t)list->interface.n_params, at = first + fixed->n;
	for (uint32_t i = 0; i < fixed->n; i++)
		add_param(list, interface->params[fixed->first + i]);
	for (uint32_t i = 0; i < list->n_cases; i++) {
		const Cbb__Function *function = interface->functions[list->cases[i]];
		for (uint32_t j = fixed->n; j < function->n; j++)
			add_param(list, interface->params[function->first + j]);
	}
	add_sentinel(list, base->variadic, any->first + fixed->n);
	uint32_t n = (uint32_t)list->interface.n_params - first;
	struct move move = {.n_fixed = fixed->n, .result_from = fixed->n, .result_to = n};
	for (uint32_t i = 0; i < fixed->n && !list->exhausted; i++)
		move_param(list, &move, first + i);
	for (uint32_t i = 0; i < list->n_cases; i++) {
		const Cbb__Function *function = interface->functions[list->cases[i]];
		move = (struct move){fixed->n, at - first - fixed->n, function->n, n};
		for (uint32_t j = fixed->n; j < function->n && !list->exhausted; j++)
			move_param(list, &move, at++);
	}
	move = (struct move){.n_fixed = fixed->n, .result_from = fixed->n, .result_to = n};
	list->function.first = first;
	list->function.n = n;
	list->function.result = move_params(list, &move, fixed->result, 1);
}

/* Copies of the tables, with room for what is added. */
static int copy_tables(struct list_plan *list, const Cbb__Interface *interface)
{
	Cbb__Interface *copy = &list->interface;
	*copy = *interface;
	list->params_room = interface->n_params + 2 * INTERFACE_PARAMS_MAX;
	list->expressions_room = interface->n_expressions + INTERFACE_PARAMS_MAX;
	copy->params = malloc(list->params_room * sizeof *copy->params);
	copy->expressions = malloc(list->expressions_room * sizeof *copy->expressions);
	copy->functions = malloc((interface->n_functions + 1) * sizeof *copy->functions);
	if (!copy->params || !copy->expressions || !copy->functions)
		return -ENOMEM;
	memcpy(copy->params, interface->params, interface->n_params * sizeof *copy->params);
	if (interface->n_expressions)
		memcpy(copy->expressions, interface->expressions, interface->n_expressions * sizeof *copy->expressions);
	memcpy(copy->functions, interface->functions, interface->n_functions * sizeof *copy->functions);
	copy->functions[copy->n_functions++] = &list->function;
	return 0;
}

static int list_make(struct list_plan *list, const struct plan *base)
{
	int r = copy_tables(list, base->interface);
	if (r < 0)
		return r;
	list->function = *base->function;
	list->function.variadic = CBB__VARIADIC__VARIADIC_NONE;
	list->function.n_fixed = base->n_params;
	add_parameters(list, base);
	if (list->exhausted)
		return -ENOMEM;
	r = plan_new(&list->interface, (uint32_t)list->interface.n_functions - 1, &list->plan);
	if (r == 0)
		list->plan->index = base->index;
	return r;
}

static int list_new(const struct plan *base, const struct variadic_call *call, struct list_plan **ret_list)
{
	struct list_plan *list = calloc(1, sizeof *list);
	if (!list)
		return -ENOMEM;
	arena_init(&list->arena, LIST_MAX_BYTES);
	list->n_cases = call->n_cases;
	memcpy(list->cases, call->cases, call->n_cases * sizeof *list->cases);
	int r = list_make(list, base);
	if (r < 0)
		list_plan_free(list);
	else
		*ret_list = list;
	return r;
}

/* ---- Those that are kept ---- */

static struct list_plan *list_find(const struct variadic *variadic, const struct variadic_call *call)
{
	struct list_plan *list = variadic->lists;
	while (list && (list->n_cases != call->n_cases ||
	                memcmp(list->cases, call->cases, call->n_cases * sizeof *call->cases) != 0))
		list = list->next;
	return list;
}

int variadic_list_plan(const struct plan *base, struct variadic_call *call)
{
	struct variadic *variadic = base->variadic;
	int r = 0;
	pthread_mutex_lock(&variadic->lock);
	struct list_plan *list = list_find(variadic, call);
	if (!list) {
		r = list_new(base, call, &list);
		if (r == 0 && variadic->n_lists < LIST_PLANS_MAX) {
			list->next = variadic->lists;
			variadic->lists = list;
			variadic->n_lists++;
		} else if (r == 0) {
			call->own = list;
		}
	}
	pthread_mutex_unlock(&variadic->lock);
	if (r == 0)
		call->plan = list->plan;
	return r == -ENOMEM ? detail_set(r, "no memory for the list of %s", base->name) : r;
}

void variadic_release(struct variadic_call *call)
{
	list_plan_free(call->own);
	call->own = NULL;
}
