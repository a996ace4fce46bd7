/* SPDX-License-Identifier: MIT */
/*
 * Who uses a callback: references that keep cbb_queue_run waiting, users that may release it, pausing, and counts.
 */
#ifndef CBB_CLIENT_CALLBACK_USE_H
#define CBB_CLIENT_CALLBACK_USE_H

#include "lib/callback.h"

/* It is open: its queue knows it. */
void callback_use_begin(struct cbb_callback *callback, bool unrefed);
/* It is open no more. */
void callback_use_end(struct cbb_callback *callback);
/* Its finalizer has run: it keeps nobody waiting. */
void callback_use_gone(struct cbb_callback *callback);

/* What native code says of it (CallbackUse). */
void callback_use_change(struct cbb_callback *callback, Cbb__Use use);

static inline void callback_count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

#endif
