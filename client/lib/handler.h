/* SPDX-License-Identifier: MIT */
/*
 * A callback arrives on a lane: the handler runs on this thread, its answer goes back.
 */
#ifndef CBB_CLIENT_HANDLER_H
#define CBB_CLIENT_HANDLER_H

#include "lib/client_lane.h"
#include "wire/hot.h"

/*
 * Serves an Invoke of the host. 0; a negative code if the lane cannot go on: -EBADMSG (the host lies, detail set),
 * -ECONNRESET, STATUS_TIMEOUT (the chain was abandoned while the handler ran; nothing was answered).
 */
int handler_serve(struct client_lane *lane, struct hot *invoke);

#endif
