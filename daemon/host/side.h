/* SPDX-License-Identifier: MIT */
/*
 * The host's side of marshalling: tokens pass as they are, callbacks are closures, originals go back to the library.
 */
#ifndef CBB_HOST_SIDE_H
#define CBB_HOST_SIDE_H

#include "marshal/marshal.h"

struct binding;
struct closure;
struct host_lane;

/* For frames that are a native_call, and for those that are a callback_frame. */
extern const struct marshal_side side_native_call;
extern const struct marshal_side side_callback;

/* A callback on its way to the client. */
struct callback_frame {
	struct marshal_frame marshal;
	const struct closure *closure;
	struct host_lane *lane;
	struct binding *binding;     /* the lowest invocation on a lane of a queue; NULL */
	uint64_t deadline_ns;
};

#endif
