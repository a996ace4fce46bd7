/* SPDX-License-Identifier: MIT */
/*
 * A lane as this side keeps it: the socket, the calls in flight on it, and what deadlines have left behind.
 * Used by the one thread it belongs to.
 */
#ifndef CBB_CLIENT_CLIENT_LANE_H
#define CBB_CLIENT_CLIENT_LANE_H

#include "lib/host.h"
#include "marshal/arena.h"
#include "lib/thread.h"
#include "wire/lane.h"

struct call_frame;

/*
 * A call in flight. Not on the stack: when a handler leaves by longjmp, what it skipped there is garbage, and only
 * addresses tell (lib/unwind.h).
 */
struct lane_level {
	struct call_frame *frame;
	uint64_t sequence;
	uint64_t deadline_ns;
	struct arena_mark mark;            /* before the call */
	struct cbb_callback *running;      /* whose handler runs under it; NULL: none */
	uint64_t serving;                  /* sequence of the callback in flight under it; 0: none */
};

struct client_lane {
	struct lane lane;
	struct cbb_host *_Atomic host;     /* NULL once the host is freed; written under registry_lock */
	struct client_lane *thread_next;   /* thread->lanes; only this thread's */
	struct client_lane *host_prev, *host_next; /* host->lanes, under registry_lock */
	bool in_use;                       /* a call is in flight, or being begun */
	bool dead;                         /* the socket cannot be used any more */
	struct arena arena;
	unsigned depth;                    /* calls in flight */
	struct lane_level levels[CBB_DEPTH_MAX]; /* the first `depth` of them, the outermost first */
	uint64_t last_sequence;
	uint64_t abandoned;                /* outermost call of a chain that timed out and still runs in the host; 0 */
	uint64_t returned_early;           /* outer call whose Return is kept in the lane, because the callback under it
	                                      timed out there; 0 */
};

/* The innermost call in flight; NULL. */
static inline struct lane_level *client_lane_top(struct client_lane *lane)
{
	return lane->depth ? &lane->levels[lane->depth - 1] : NULL;
}

/* This thread's lane into the host, attached if it has none. 0 or a negative code with a detail text. */
int client_lane_get(struct cbb_host *host, uint64_t deadline_ns, struct client_lane **ret_lane);

/* The lane is of no use any more: its socket ends. */
void client_lane_kill(struct client_lane *lane);

/* In a child of fork(): the socket was closed in its name, and the descriptor's number may be another's by now. */
void client_lane_disown(struct client_lane *lane);

/* Tells the host that a callback is closed, if this thread can. Fails silently: the client's own table decides. */
void client_lane_close_callback(struct cbb_callback *callback, const char *where);

/* The thread ends. */
void client_lanes_free(struct client_thread *thread);
/* The host is freed, no thread is inside a call: closes the sockets; the threads drop what is left of their lanes later. */
void client_lanes_detach(struct cbb_host *host);

#endif
