/* SPDX-License-Identifier: MIT */
/*
 * Explicit callbacks: opening, closing, their client-side pointers; and what passing any callback takes.
 */
#ifndef CBB_CLIENT_CALLBACK_H
#define CBB_CLIENT_CALLBACK_H

#include "lib/callback_table.h"
#include "lib/library.h"

/*
 * What a function pointer of the program stands for where `type` is expected: an explicit callback, a plain
 * function, or (*ret_remote) a remote function of this host. 0; STATUS_ARGUMENT: a callback of another type.
 */
int callback_for_pointer(struct cbb_host *host, void *pointer, struct cbb_function *type,
                         struct cbb_callback **ret_callback, struct cbb_function **ret_remote);

/* Whether the callback's type describes the same function as `type`, perhaps of another library. */
bool callback_fits(const struct cbb_callback *callback, const struct cbb_function *type);

/* Where its invocations from native threads go; NULL: nowhere (CBB_LOCAL). */
struct cbb_queue *callback_queue(const struct cbb_callback *callback);

/*
 * A handler begins: 0, or STATUS_CLOSED. `draining`: one that native code called before the callback was closed may
 * still begin. Pair with callback_end.
 */
int callback_begin(struct cbb_callback *callback, bool draining);
void callback_end(struct cbb_callback *callback);

/* Runs the handler: arguments and result as ffi_call has them (a small result is widened). */
void callback_run(const struct cbb_callback *callback, void *result, void *const *arguments);

#endif
