/* SPDX-License-Identifier: MIT */
/*
 * Telling the host what stands behind a callback, before the first call that passes it.
 */
#ifndef CBB_CLIENT_CALLBACK_ANNOUNCE_H
#define CBB_CLIENT_CALLBACK_ANNOUNCE_H

#include "lib/callback.h"
#include "wire/lane.h"

/*
 * Attaches the event lane of its queue, if there is none yet, and appends OpenCallback to the lane's `out`. 0 or a
 * negative code with a detail text.
 */
int callback_announce(struct cbb_callback *callback, struct lane *lane, uint64_t deadline_ns);

#endif
