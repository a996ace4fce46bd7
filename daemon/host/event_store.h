/* SPDX-License-Identifier: MIT */
/*
 * Events that have not left the host: where the overflow rules act. Everything with the queue's lock.
 */
#ifndef CBB_HOST_EVENT_STORE_H
#define CBB_HOST_EVENT_STORE_H

#include "host/listener.h"

#include <stddef.h>
#include <uthash.h>

struct entry {
	struct entry *prev, *next;       /* of the store, in order of arrival; not while the listener is paused */
	struct entry *older, *newer;     /* of the listener */
	struct listener *listener;
	uint64_t arrival;                /* number among all that came into the store */
	uint64_t sequence;
	uint64_t thread;                 /* serial number of the native thread */
	uint64_t key;                    /* COALESCE */
	UT_hash_handle hh;               /* listener->by_key */
	struct loss before;              /* what is missing right in front of it, of this callback */
	size_t size;
	size_t room;                     /* of `frame` */
	uint8_t frame[];                 /* as it will be sent */
};

struct event_store {
	struct entry *entries;           /* oldest first, without those of paused listeners */
	struct listener *paused;         /* paused listeners that have some */
	struct listener *gated;          /* whose loss waits for a tick */
	struct entry *spare;             /* linked by next: a flood of events allocates nothing */
	unsigned n_spare;
	uint64_t last_arrival;
	uint64_t n_events;               /* here, on their way, and lent to thread lanes */
	uint64_t n_bytes;
	uint32_t n_waiting;              /* threads that wait for room */
};

/* An event before it is anywhere. */
struct event {
	struct listener *listener;
	uint64_t sequence;
	uint64_t thread;
	uint64_t key;
	const uint8_t *frame;
	size_t size;
};

/* Behind all others. NULL without memory. */
struct entry *event_store_add(struct event_store *store, const struct event *event);

/* Takes the entry out; it stays counted, and belongs to the caller. */
void event_store_remove(struct event_store *store, struct entry *entry);

/* The event will not be handled: it becomes part of the loss at its place. Frees it. */
void event_store_lose(struct event_store *store, struct entry *entry, Cbb__Loss why);

/* Done with an entry that was taken out. */
void event_store_discard(struct event_store *store, struct entry *entry);

/* A loss at the entry's place goes to the next place of its callback. */
void event_store_pass_loss(struct entry *entry);

/* The waiting event of an equal key; NULL. */
struct entry *event_store_by_key(const struct listener *listener, uint64_t key);

/* A paused listener's events wait apart, so that they hold up nobody; then they are put back in their order. */
void event_store_pause(struct event_store *store, struct listener *listener);
void event_store_resume(struct event_store *store, struct listener *listener);

/* The event is done with, or lost. */
void event_store_uncount(struct event_store *store, size_t size);

/* Everything of every listener goes. */
void event_store_free(struct event_store *store);

#endif
