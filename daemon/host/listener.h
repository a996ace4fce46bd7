/* SPDX-License-Identifier: MIT */
/*
 * What a closure has besides if its calls are events: the program's wishes, and where its events are. All but the
 * wishes is guarded by the queue's lock.
 */
#ifndef CBB_HOST_LISTENER_H
#define CBB_HOST_LISTENER_H

#include "cbbroker.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct closure;
struct entry;

/* Of a COALESCE listener so many are on their way at most: what waits here can still be replaced. */
#define LISTENER_COALESCE_WINDOW 16

/* Events in a row that the client will not see. */
struct loss {
	uint64_t count;      /* 0: none */
	uint64_t first;      /* sequence numbers: the lowest, since threads do not come in the order of their numbers */
	uint64_t last;       /* the highest */
	Cbb__Loss why;       /* of the last */
};

struct listener {
	struct closure *closure;
	/* Never changed. */
	Cbb__Overflow overflow;
	uint64_t max_queued;     /* 0: any number */
	uint64_t wait_ms;        /* 0: until the queue stalls */
	uint32_t rate_per_s;     /* 0: any */
	uint64_t window;         /* events that may be on their way */
	int key;                 /* index of the `key` parameter; -1 */
	/* Under the queue's lock. */
	struct entry *entries;   /* in the store, oldest first */
	struct entry *by_key;    /* uthash of COALESCE: at most one waits for each key */
	uint64_t n_entries;
	uint64_t n_flying;       /* on their way: sent on the event lane and not taken */
	uint64_t n_lent;         /* taken along on a thread lane, not answered */
	struct loss tail;        /* behind all of its events */
	bool gated;              /* a loss was told with nothing behind it: the next such one waits for a tick */
	bool paused;
	bool ending;             /* closed: when nothing is left the client is told */
	uint64_t due_ns;         /* rate: when the last one accepted would have come at an even pace */
	struct listener *prev, *next; /* of the store's `gated` */
	struct listener *paused_prev, *paused_next; /* of its `paused` */
};

/* `earlier` happened before all of *loss. */
static inline void loss_prepend(struct loss *loss, const struct loss *earlier)
{
	if (earlier->count == 0)
		return;
	if (loss->count == 0) {
		*loss = *earlier;
		return;
	}
	loss->count += earlier->count;
	loss->first = earlier->first < loss->first ? earlier->first : loss->first;
	loss->last = earlier->last > loss->last ? earlier->last : loss->last;
}

static inline void loss_append(struct loss *loss, uint64_t sequence, Cbb__Loss why)
{
	if (loss->count++ == 0)
		loss->first = loss->last = sequence;
	loss->first = sequence < loss->first ? sequence : loss->first;
	loss->last = sequence > loss->last ? sequence : loss->last;
	loss->why = why;
}

/* NULL without memory. */
struct listener *listener_new(struct closure *closure, const Cbb__OpenCallback *message);

/* Whether OpenCallback says the same again. */
bool listener_is_same(const struct listener *listener, const Cbb__OpenCallback *message);

#endif
