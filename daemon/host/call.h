/* SPDX-License-Identifier: MIT */
/*
 * A call of the client: arguments in, the native function, results out.
 */
#ifndef CBB_HOST_CALL_H
#define CBB_HOST_CALL_H

#include "host/library.h"
#include "host/queue_bits.h"
#include "marshal/marshal.h"
#include "host/scope.h"

struct host_lane;

/* A native call in flight. `marshal` is first: the translations of side.c find the rest through it. */
struct native_call {
	struct marshal_frame marshal;
	struct host_lane *lane;
	struct host_library *library;
	struct native_call *outer;
	uint64_t sequence;
	struct call_queues queues;      /* of the client's thread */
	struct scope scope;
};

/* Serves an Invoke and answers it. 0, -EBADMSG with a detail text, -ECONNRESET. */
int call_serve(struct host_lane *lane, struct hot *invoke);

#endif
