/* SPDX-License-Identifier: MIT */
/*
 * Waiting on a lane for the end of a call: callbacks are served meanwhile, and what a late answer leaves behind is
 * dealt with.
 */
#ifndef CBB_CLIENT_CALL_WAIT_H
#define CBB_CLIENT_CALL_WAIT_H

#include "lib/client_lane.h"
#include "wire/hot.h"

/* Turns what a lane says into what a call returns, and draws the consequence. */
int call_lane_failed(struct client_lane *lane, int r, const char *name);

/*
 * A Return that is not the awaited one. Of an outer call: the callback we are in timed out in the host. It stays in the
 * lane for the call it belongs to. Of a call that failed for that reason before: its late answer, dropped.
 * 0, STATUS_TIMEOUT, -EBADMSG.
 */
int call_other_return(struct client_lane *lane, uint64_t got, uint64_t awaited);

/* Whether a call may begin on this lane: 0, or STATUS_DEPTH, STATUS_BUSY, STATUS_TIMEOUT, ... with a detail text. */
int call_check_lane(struct client_lane *lane, const char *name);

/*
 * Waits on the lane for the Return with that sequence number, serving the callbacks that arrive meanwhile: 1
 * and the frame. STATUS_TIMEOUT (the chain on this lane is abandoned), STATUS_HOST_DIED, STATUS_PROTOCOL.
 */
int call_wait(struct client_lane *lane, uint64_t sequence, uint64_t deadline_ns, const char *name,
              struct frame *ret_frame, struct hot *ret_hot);

#endif
