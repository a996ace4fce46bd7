/* SPDX-License-Identifier: MIT */
/*
 * The client's side of marshalling: user data as tokens, function pointers as callbacks, who keeps copies.
 */
#ifndef CBB_CLIENT_SIDE_H
#define CBB_CLIENT_SIDE_H

#include "lib/callback.h"
#include "marshal/marshal.h"

/* For frames that are a call_frame (side_call), and for those that are a cbb_invocation (side_handler). */
extern const struct marshal_side side_call;
extern const struct marshal_side side_handler;

struct call_frame;

/* The callbacks that a call passes and that the host may not have heard of. */
struct side_callbacks {
	struct cbb_callback *announced[INTERFACE_PARAMS_MAX];
	unsigned n_announced;
	bool told;                                            /* side_pass_callbacks() was called */
};

/*
 * Marshalling a call's arguments finds the function pointers in them. If it has found callbacks that are new to the
 * host, what has been put is taken back, this appends what the host must know of them to the lane's `out`, and the
 * arguments are put again behind it. 0 or a negative code with a detail text.
 */
int side_pass_callbacks(struct call_frame *call);
/* An answer came: the host has heard of them. */
void side_callbacks_known(struct call_frame *call);

/* After a call returned: what it closed is closed here, too. */
void side_after_call(struct call_frame *call);

#endif
