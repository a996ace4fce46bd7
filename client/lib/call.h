/* SPDX-License-Identifier: MIT */
/*
 * A call into the host: arguments out, callbacks served while it waits, result in.
 */
#ifndef CBB_CLIENT_CALL_H
#define CBB_CLIENT_CALL_H

#include "lib/client_lane.h"
#include "lib/library.h"
#include "lib/wait.h"
#include "marshal/marshal.h"

/* A call in flight. `marshal` is first: the translations of side.c find the rest through it. */
struct call_frame {
	struct marshal_frame marshal;
	struct client_lane *lane;
	struct cbb_library *library;
	uint64_t sequence;
	uint64_t deadline_ns;
	struct wait_masks masks;          /* of the calling thread */
	uint64_t n_opened;                /* of the host's handles, when the call began */
	struct side_callbacks *callbacks; /* of a function that takes callbacks; else NULL */
};

/* The libffi closure behind a pointer from cbb_symbol; `user` is its cbb_function. */
void call_from_symbol(ffi_cif *cif, void *result, void **arguments, void *user);

/*
 * A call from the program. `result` is an object of the result's C type; `widened`, if not NULL, gets it as libffi
 * wants it. Whoever closes the host frees the function once this thread has left it.
 */
int call_run(struct cbb_function *function, void *result, void *const *arguments, uint64_t timeout_ms, void *widened);

/* When a call that begins now has to be over. timeout_ms 0: as the interface or the host says. */
uint64_t call_deadline(const struct cbb_function *function, uint64_t timeout_ms);

/*
 * The message of a call: appended to the lane's `out`, with what the host must know of its callbacks ahead of it. On
 * failure `out` is empty.
 */
int call_put(struct call_frame *call, int error_number);
/* What came back. 0; -EBADMSG with a detail text: the host broke the protocol; another code: the call failed. */
int call_take_return(struct call_frame *call, const struct frame *frame, struct hot *hot, int *ret_errno);

#endif
