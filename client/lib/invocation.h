/* SPDX-License-Identifier: MIT */
/*
 * One native call of a callback, from its arguments to its answer: what the handler may ask about it, and what
 * marshalling needs. It lies in an arena of whoever delivers it, or on the heap if it outlives the handler.
 */
#ifndef CBB_CLIENT_INVOCATION_H
#define CBB_CLIENT_INVOCATION_H

#include "lib/client_lane.h"
#include "marshal/marshal.h"

struct cbb_deferred;

struct cbb_invocation {
	struct marshal_frame marshal;      /* first: the translations of side.c find the rest through it */
	struct cbb_callback *callback;
	struct cbb_host *host;
	struct client_lane *lane;          /* where the answer goes; NULL: an event, or called through the client-side pointer */
	struct arena *arena;               /* of the arguments; NULL: called through the client-side pointer */
	struct arena_mark mark;            /* before it */
	const char *call;                  /* function that it is made under; NULL: none */
	uint64_t sequence;                 /* 0: called through the client-side pointer */
	pid_t thread;                      /* native thread */
	char thread_name[16];              /* "" on lanes that say it once */
	bool event;
	bool pulled;                       /* by cbb_queue_next: no handler runs */
	int error_number;                  /* native errno at the call */
	int error_number_after;            /* what native code shall see, if set */
	bool has_error_number;
	int failed;                        /* cbb_invocation_fail: the code; 0 */
	bool fails_call;
	char *failed_text;
	struct cbb_deferred *deferred;     /* answered later */
};

/*
 * Begins one that came in a message: callback, arguments, result. Everything is taken from `arena`. 0; -EBADMSG;
 * another negative code with detail: the handler can not run.
 */
int invocation_decode(struct cbb_invocation *invocation, struct hot *message);

/* Runs its handler, with it as this thread's innermost. -ENOMEM, or 0. */
int invocation_run(struct cbb_invocation *invocation);

/* Takes a result that the program gives (an object of the result's type). 0 or STATUS_ARGUMENT. */
int invocation_take_result(struct cbb_invocation *invocation, const void *result, size_t result_bytes);

/*
 * Appends its Return to the lane's `out`: the result, or if `status` (or cbb_invocation_fail) says so what on_error
 * makes of the failure, whose words are the detail text. Tells the failure hook. 0, or a negative code: not even that
 * could be said.
 */
int invocation_put_answer(struct cbb_invocation *invocation, int status);
/* The failure of an event: nobody is answered. */
void invocation_note_failure(struct cbb_invocation *invocation, int status);
/* What cbb_invocation_fail left behind. */
void invocation_free_failure(struct cbb_invocation *invocation);

#endif
