/* SPDX-License-Identifier: MIT */
/*
 * A plan: what it takes to carry one function's arguments and result across, computed once from the checked
 * Interface. Both ends compute the same plan from the same message; nothing of it travels.
 * Immutable once made: any thread may use it.
 */
#ifndef CBB_MARSHAL_PLAN_H
#define CBB_MARSHAL_PLAN_H

#include "interface/check.h"

#include <ffi.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The order of blocks and the evaluation of expressions follow `order`: parameters that others' sizes
 * read through a pointer (*param, param->field) come before those others.
 */
struct plan {
	const Cbb__Interface *interface;
	const Cbb__Function *function;
	uint32_t index;               /* of the function in interface->functions */
	const char *name;             /* C string; lives as long as the plan */
	uint32_t n_params;
	const Cbb__Param *const *params; /* n_params of them */
	const Cbb__Param *result;
	uint32_t *order;              /* n_params parameter numbers */
	uint32_t *word_at;            /* of each parameter: its first word in an Invoke */
	uint32_t n_words_in;
	uint32_t n_words_out;         /* words of a Return: 0, 1 or 2 */
	bool returns_void;
	bool result_is_struct;        /* a by-value struct result: the Return's first block */
	size_t result_bytes;          /* as C sees it; 0 for void */
	bool has_callbacks;           /* some parameter is a callback, or holds one */
	ffi_cif cif;
	ffi_type **ffi_arguments;
	ffi_type *ffi_result;
	uint32_t split;               /* parameter + 1 that plan_call passes as its two halves; 0: none */
	ffi_cif split_cif;
	struct variadic *variadic;    /* its `...`: marshal/variadic.h; NULL: it has none */
	const struct steps *steps;    /* what the engine does with each parameter: marshal/steps.h */
	struct plan_memory *memory;   /* everything above lives here */
};

/*
 * Makes the plan of interface->functions[index]. The interface was checked and must outlive the plan.
 * 0, STATUS_UNSUPPORTED or STATUS_INTERFACE with a detail text (libffi refused, ...), -ENOMEM.
 */
int plan_new(const Cbb__Interface *interface, uint32_t index, struct plan **ret_plan);
struct plan *plan_free(struct plan *plan);

/* Writes the function's on_error value to *result, an object of the result's C type. */
void plan_store_on_error(const struct plan *plan, void *result);
/*
 * libffi wants results smaller than ffi_arg widened: copies an object of the result's C type to where a
 * closure's result goes, and back from where ffi_call left it.
 */
void plan_widen_result(const struct plan *plan, const void *object, void *ffi_result);
void plan_narrow_result(const struct plan *plan, const void *ffi_result, void *object);

/* Calls a function of that type: ffi_call, without a fault that it has. */
void plan_call(const struct plan *plan, void (*function)(void), void *result, void *const *arguments);

/* What a result needs in memory: room for the C object and for libffi's widened form. */
#define PLAN_RESULT_BYTES(plan) ((plan)->result_bytes > sizeof(ffi_arg) ? (plan)->result_bytes : sizeof(ffi_arg))

#endif
