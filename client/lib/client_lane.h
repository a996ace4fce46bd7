/* SPDX-License-Identifier: MIT */
/*
 * A lane as this side keeps it: the socket, the calls in flight on it, and what deadlines have left behind.
 * Used by the one thread it belongs to.
 */
#ifndef CBB_CLIENT_CLIENT_LANE_H
#define CBB_CLIENT_CLIENT_LANE_H

#include "lib/host.h"
#include "lib/session.h"
#include "lib/queue_bits.h"
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
	int fails;                         /* cbb_invocation_fail_call: what the call will give; 0 */
	char *fails_text;
};

struct client_lane {
	struct lane lane;
	struct cbb_host *_Atomic host;     /* NULL once the host is freed; written under registry_lock */
	struct client_lane *thread_next;   /* thread->lanes; only this thread's */
	struct client_lane *host_prev, *host_next; /* host->lanes, under registry_lock */
	bool in_use;                       /* a call is in flight, or being begun */
	bool dead;                         /* the socket cannot be used any more */
	bool queue_lane;                   /* part of a struct queue_lane (lib/port.h): on thread->lanes only while a
	                                      handler of it runs there, so that the handler's calls find it */
	char name[16];                     /* of the client thread, when it was attached */
	struct arena arena;
	struct wait_masks masks;           /* of the call about to wait */
	unsigned depth;                    /* calls in flight */
	/* The first `depth` of them, the outermost first. While a native thread waits on a queue's lane, the first one
	   stands for what that thread is in, which is no call of ours. */
	struct lane_level levels[CBB_DEPTH_MAX + 1];
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

/* A lane behind a socket that the host has answered on; ended with client_lane_end. Links it with the host. */
void client_lane_init(struct client_lane *lane, struct cbb_host *host, int fd);
void client_lane_end(struct client_lane *lane);

/* session_attach, and what it means for the host if that fails. */
int host_attach(struct cbb_host *host, const struct session_lane *wanted, uint64_t deadline_ns);
/*
 * Whether its process is gone, or is within a moment: a socket that ended may say so, or only that the host closed it.
 */
bool host_is_dying(const struct cbb_host *host);

/* This thread's lane into the host, attached if it has none. 0 or a negative code with a detail text. */
int client_lane_get(struct cbb_host *host, uint64_t deadline_ns, struct client_lane **ret_lane);

/* The one that this thread has, or whose handler it is in; NULL. */
struct client_lane *client_lane_find(struct client_thread *thread, const struct cbb_host *host);

/* The lane is of no use any more: its socket ends. */
void client_lane_kill(struct client_lane *lane);

/* In a child of fork(): the socket was closed in its name, and the descriptor's number may be another's by now. */
void client_lane_disown(struct client_lane *lane);

/*
 * Tells the host that a callback is closed, on a lane that this thread has, or (`attach`) gets for it. Fails silently:
 * the client's own table decides.
 */
void client_lane_close_callback(struct cbb_callback *callback, const Cbb__CloseCallback *message, bool attach);

/*
 * Its thread has left the calls that it was in, with the handlers under them: or nobody could close their callback and
 * host any more. What stands lowest on a queue's lane is for whoever dispatches.
 */
void client_lane_leave(struct client_lane *lane);
/* The thread ends. */
void client_lanes_free(struct client_thread *thread);
/*
 * The host is freed, no thread is inside a call: closes the sockets; the threads drop what is left of their lanes
 * later.
 */
void client_lanes_detach(struct cbb_host *host);

#endif
