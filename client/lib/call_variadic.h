/* SPDX-License-Identifier: MIT */
/*
 * Calls of functions with `...`: the arguments are found by their cases, then it is a call like any other.
 */
#ifndef CBB_CLIENT_CALL_VARIADIC_H
#define CBB_CLIENT_CALL_VARIADIC_H

#include "lib/library.h"

/* `n`: how many arguments there are; 0: as many as the cases ask for. */
int call_variadic(struct cbb_function *function, void *result, void *const *arguments, size_t n, uint64_t timeout_ms);

/* The libffi closure behind a pointer from cbb_symbol to such a function; `user` is its cbb_function. */
void call_from_variadic_symbol(ffi_cif *cif, void *result, void **arguments, void *user);

#endif
