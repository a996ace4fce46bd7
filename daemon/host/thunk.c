/* SPDX-License-Identifier: MIT */
#include "host/thunk.h"

#include "host/closure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#define RESULT_WORDS 2

static struct closure *_Atomic closures[THUNKS_MAX];
static _Atomic unsigned n_claimed;

/*
 * All parameters but the first are read as if they stood behind `...`: the calling convention passes them in the same
 * places. What is left of `list` then is what the format is printed with.
 */
static uint64_t run(unsigned index, uint64_t first, va_list list)
{
	struct closure *closure = atomic_load_explicit(&closures[index], memory_order_acquire);
	const struct plan *plan = closure->plan;
	uint64_t values[INTERFACE_PARAMS_MAX] = {first}, result[RESULT_WORDS] = {0};
	void *arguments[INTERFACE_PARAMS_MAX], *rest;
	va_list copy;
	uint32_t last = plan->n_params - 1;
	va_copy(copy, list);
	arguments[0] = &values[0];
	for (uint32_t i = 1; i < last; i++) {
		Cbb__Kind kind = plan->interface->types[plan->params[i]->type]->kind;
		arguments[i] = &values[i];
		if (kind == CBB__KIND__KIND_F64 || kind == CBB__KIND__KIND_F32) {
			double number = va_arg(copy, double); /* of a float the lower half counts, and is read */
			memcpy(&values[i], &number, sizeof number);
		} else {
			values[i] = va_arg(copy, uint64_t);
		}
	}
	rest = &copy;
	arguments[last] = &rest;
	closure_enter(NULL, result, arguments, closure);
	va_end(copy);
	return result[0];
}

#define THUNK(number) \
	static uint64_t thunk_##number(uint64_t first, ...) \
	{ \
		va_list list; \
		va_start(list, first); \
		uint64_t result = run(number, first, list); \
		va_end(list); \
		return result; \
	}
#define NAME(number) thunk_##number,

/* Numbers in octal: 0000 to 0377. */
#define EIGHT(of, digits) \
	of(digits##0) of(digits##1) of(digits##2) of(digits##3) of(digits##4) of(digits##5) of(digits##6) of(digits##7)
#define SIXTY_FOUR(of, digits) \
	EIGHT(of, digits##0) EIGHT(of, digits##1) EIGHT(of, digits##2) EIGHT(of, digits##3) \
	EIGHT(of, digits##4) EIGHT(of, digits##5) EIGHT(of, digits##6) EIGHT(of, digits##7)
#define ALL(of) SIXTY_FOUR(of, 00) SIXTY_FOUR(of, 01) SIXTY_FOUR(of, 02) SIXTY_FOUR(of, 03)

ALL(THUNK)

static uint64_t (*const thunks[THUNKS_MAX])(uint64_t first, ...) = {ALL(NAME)};

int thunk_claim(struct closure *closure)
{
	unsigned index = atomic_load(&n_claimed);
	do {
		if (index == THUNKS_MAX)
			return -ENOSPC;
	} while (!atomic_compare_exchange_weak(&n_claimed, &index, index + 1));
	atomic_store_explicit(&closures[index], closure, memory_order_release);
	memcpy(&closure->code, &thunks[index], sizeof closure->code);
	return 0;
}
