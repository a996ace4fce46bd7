/* SPDX-License-Identifier: MIT */
/*
 * The inside of plan->variadic.
 */
#ifndef CBB_MARSHAL_VARIADIC_BUILD_H
#define CBB_MARSHAL_VARIADIC_BUILD_H

#include "marshal/steps.h"
#include "marshal/variadic.h"

#include <pthread.h>

#define LIST_PLANS_MAX 16 /* kept per function; others are made for one call */

struct variadic_case {
	int64_t label;
	uint32_t function;
};

struct variadic {
	Cbb__Variadic kind;
	Cbb__Kind option;                 /* what chooses a case, or an element */
	int64_t sentinel;
	uint32_t any_case;                /* one of the cases */
	const struct variadic_case *cases; /* by label */
	size_t n_cases;
	uint32_t general_used, floats_used; /* registers that the fixed parameters take */
	bool has_closure_cif;
	ffi_cif closure_cif;
	pthread_mutex_t lock;             /* of what follows */
	struct list_plan *lists;
	unsigned n_lists;
};

/* Fills plan->variadic, if the function has `...`. */
int variadic_build(struct builder *builder);
void variadic_close(struct variadic *variadic);

/* A number as an argument of that kind would hold it. */
int64_t variadic_normalize(Cbb__Kind kind, int64_t value);

/* The case of that value: index of its function; -1. */
int64_t variadic_find(const struct variadic *variadic, int64_t label);

/* Fills call->plan from call->cases. 0, STATUS_UNSUPPORTED, -ENOMEM. */
int variadic_list_plan(const struct plan *base, struct variadic_call *call);
struct list_plan *list_plan_next(const struct list_plan *list);
void list_plan_free(struct list_plan *list);

#endif
