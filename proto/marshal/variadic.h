/* SPDX-License-Identifier: MIT */
/*
 * Calls of functions with `...`: which arguments there are, and the plan that carries them.
 *
 * The plan of such a function has its fixed parameters only, and plan->variadic. Each case that its interface lists is
 * a function of its own with a plan of its own; a list of options or elements gets one made for it, and kept.
 */
#ifndef CBB_MARSHAL_VARIADIC_H
#define CBB_MARSHAL_VARIADIC_H

#include "marshal/plan.h"
#include "wire/hot.h"

/* The caller's arguments behind the fixed ones, one after the other. */
struct variadic_source {
	/* Where the next lies, an object of that kind; NULL: there is no more. */
	void *(*next)(struct variadic_source *source, Cbb__Kind kind);
};

/* From an array of pointers to all arguments, the fixed ones too. */
struct variadic_array {
	struct variadic_source source;
	void *const *arguments;
	size_t n; /* SIZE_MAX: not known */
	size_t at;
};

/* From what a closure of variadic_closure_cif() was given. */
struct variadic_words {
	struct variadic_source source;
	void **general, **stack, **floats;
	uint32_t n_general, n_floats;
};

struct variadic_call {
	uint32_t function;       /* its index in the interface: of the case, or of the function itself */
	const struct plan *plan; /* of a list; NULL: that of `function` */
	struct list_plan *own;   /* made for this call alone */
	uint32_t n_arguments;
	void *arguments[INTERFACE_PARAMS_MAX];
	uint32_t n_cases;
	uint32_t cases[INTERFACE_PARAMS_MAX]; /* of a list: the functions, in order */
};

void variadic_array_init(struct variadic_array *array, const struct plan *base, void *const *arguments, size_t n);
void variadic_words_init(struct variadic_words *words, const struct plan *base, void **arguments);

/*
 * The caller's side: reads as many arguments as the fixed ones and the cases ask for. 0, STATUS_ARGUMENT with a
 * detail text (an option without a case, a list without an end), STATUS_LIMIT, -ENOMEM.
 */
int variadic_collect(const struct plan *base, void *const *fixed, struct variadic_source *source,
                     struct variadic_call *ret_call);

/* The other side: which list a message holds. 0, -EBADMSG with a detail text, -ENOMEM. */
int variadic_read(const struct plan *base, const struct hot *message, struct variadic_call *ret_call);

/* After the call. */
void variadic_release(struct variadic_call *call);

/*
 * What a closure is made with that C code calls with `...`: the fixed parameters, then all the places where the
 * others may lie. NULL where the calling convention is not known; then only variadic_array serves.
 */
const ffi_cif *variadic_closure_cif(const struct plan *base);

#endif
