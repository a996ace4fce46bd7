/* SPDX-License-Identifier: MIT */
/*
 * The client's side of marshalling: user data as tokens, function pointers as callbacks, who keeps copies.
 */
#ifndef CBB_CLIENT_SIDE_H
#define CBB_CLIENT_SIDE_H

#include "lib/callback.h"
#include "marshal/marshal.h"

/* For frames that are a call_frame (side_call), and for those that are a handler_frame (side_handler). */
extern const struct marshal_side side_call;
extern const struct marshal_side side_handler;

struct call_frame;

/* A callback in flight, served here. */
struct handler_frame {
	struct marshal_frame marshal;
	struct cbb_callback *callback;
	struct client_lane *lane;
};

/* The callbacks that a call passes. */
struct side_callbacks {
	uint64_t words[INTERFACE_PARAMS_MAX];                 /* per parameter of mode callback */
	struct cbb_callback *announced[INTERFACE_PARAMS_MAX]; /* told to the host ahead of this call */
	unsigned n_announced;
};

/*
 * Finds the callbacks behind a call's function pointers and appends what the host must know of them to the lane's
 * `out`, ahead of the Invoke. 0 or a negative code with a detail text.
 */
int side_pass_callbacks(struct call_frame *call);
/* An answer came: the host has heard of them. */
void side_callbacks_known(struct call_frame *call);

/* After a call returned: what it closed is closed here, too. */
void side_after_call(struct call_frame *call);

#endif
