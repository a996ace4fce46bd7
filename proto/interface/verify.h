/* SPDX-License-Identifier: MIT */
/*
 * The parts of interface_check(). Each relies on those before it: types, measure, functions.
 */
#ifndef CBB_INTERFACE_VERIFY_H
#define CBB_INTERFACE_VERIFY_H

#include "interface/check.h"

#include <stdbool.h>

/* What a Param is part of. */
enum verify_place {
	VERIFY_PARAM,
	VERIFY_RESULT,
	VERIFY_FIELD,
	VERIFY_INNER_IN,  /* behind a pointer whose elements only go in, or behind a field */
	VERIFY_INNER_OUT, /* behind one whose elements come back, or behind a result */
};

struct verify {
	const Cbb__Interface *message;
	const uint32_t *function_of_name; /* index + 1 of the library's function of each name; 0 */
	const Cbb__Function *function;    /* in whose parameters or result the Param is; NULL: in a struct */
	uint32_t function_index;
	const Cbb__Type *structure;
};

/* STATUS_INTERFACE with a detail text "the interface is not valid: ...". */
int verify_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

int verify_types(const Cbb__Interface *message);

/* No struct holds itself, nothing is deeper than INTERFACE_DEPTH_MAX, and a walk over all functions ends soon. */
int verify_measure(const Cbb__Interface *message);

/* Operators refer backwards. */
int verify_expression_table(const Cbb__Interface *message);

/* An expression where it is used. `is_late`: the call has returned when it is evaluated. Reference: index + 1. */
int verify_expression(const struct verify *verify, uint32_t reference, bool is_late);

/* A Param that is a member of a union. */
int verify_member(const struct verify *verify, uint32_t index);

/* What chooses among cases: of integer parameters and constants only. */
int verify_selector(const struct verify *verify, uint32_t reference);

/* The function with `...`, or a case of one, that is at work. Its parameters were verified. */
int verify_variadic(const struct verify *verify);

/* What a text is printed with: each of the two Params, and all of a function's. */
int verify_va_list(const struct verify *verify, const Cbb__Param *param, enum verify_place place);
int verify_format(const struct verify *verify, const Cbb__Param *param, enum verify_place place);
int verify_formats(const struct verify *verify);

/* How the callbacks of a function type are delivered. Its parameters were verified. */
int verify_delivery(const struct verify *verify);

/* A Param and all behind it. */
int verify_param(const struct verify *verify, uint32_t index, enum verify_place place);

#endif
