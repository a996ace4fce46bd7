/* SPDX-License-Identifier: MIT */
/*
 * Functions with `...` that native code can call: libffi makes none. A pool of compiled ones, each of which becomes
 * one closure's for ever.
 */
#ifndef CBB_HOST_THUNK_H
#define CBB_HOST_THUNK_H

struct closure;

/* As many closures of function types with `...` as a host can have: they are compiled in. */
#define THUNKS_MAX 256

/* Sets closure->code; its plan is set. 0, or -ENOSPC when all are taken. */
int thunk_claim(struct closure *closure);

#endif
