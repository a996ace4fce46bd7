/* SPDX-License-Identifier: MIT */
/*
 * The end of a callback: OPEN, DRAINING, CLOSED; then `ended`, when the host has nothing more of it; then its
 * finalizer, when no handler runs.
 */
#ifndef CBB_CLIENT_CALLBACK_CLOSE_H
#define CBB_CLIENT_CALLBACK_CLOSE_H

#include "lib/callback.h"
#include "wire/lane.h"

/* Closes it without waiting. `where` may be NULL. */
void callback_shut(struct cbb_callback *callback, const char *where, bool abort);
/* cbb_callback_close, with options that have been checked; for callers inside the library. */
int callback_close(struct cbb_callback *callback, const cbb_close_options *options);

/*
 * Appends the end of a callback that is passed although it is closed. To follow OpenCallback.
 */
int callback_put_close(struct cbb_callback *callback, struct lane *lane);

/* The host has nothing more of it. `locked`: the lock of its queue is held. */
void callback_ended(struct cbb_callback *callback, bool locked);
/* A handler has left, of a callback that is not open. */
void callback_left(struct cbb_callback *callback);
/* A handler has left, of any callback; with the lock of its queue. */
void callback_left_locked(struct cbb_callback *callback);
/* The host ended: so do the callbacks that came through this queue. */
void callbacks_end_with_port(struct cbb_host *host, const struct cbb_queue *queue);
/* The host is freed: finalizers that are due run here. */
void callbacks_end(struct cbb_host *host);

#endif
