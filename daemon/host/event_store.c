/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "host/event_store.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static bool has_keys(const struct listener *listener)
{
	return listener->overflow == CBB__OVERFLOW__OVERFLOW_COALESCE;
}

/* Most events fit: those entries are used again. */
#define ROOM_BYTES 256
#define SPARE_MAX 1024

static struct entry *entry_take(struct event_store *store, size_t size)
{
	struct entry *entry = store->spare;
	size_t room = size < ROOM_BYTES ? ROOM_BYTES : size;
	if (room > ROOM_BYTES || !entry)
		entry = malloc(sizeof *entry + room);
	else {
		store->spare = entry->next;
		store->n_spare--;
	}
	if (!entry)
		return NULL;
	/* The list and hash fields are set where it is put in; zeroing them was most of this function. */
	entry->before.count = 0;
	entry->size = size;
	entry->room = room;
	return entry;
}

void event_store_discard(struct event_store *store, struct entry *entry)
{
	if (entry->room > ROOM_BYTES || store->n_spare == SPARE_MAX) {
		free(entry);
		return;
	}
	entry->next = store->spare;
	store->spare = entry;
	store->n_spare++;
}

struct entry *event_store_add(struct event_store *store, const struct event *event)
{
	struct listener *listener = event->listener;
	struct entry *entry = entry_take(store, event->size);
	if (!entry)
		return NULL;
	entry->listener = listener;
	entry->sequence = event->sequence;
	entry->thread = event->thread;
	entry->key = event->key;
	memcpy(entry->frame, event->frame, event->size);
	if (has_keys(listener)) {
		HASH_ADD(hh, listener->by_key, key, sizeof entry->key, entry);
		if (!hash_added(entry)) {
			event_store_discard(store, entry);
			return NULL;
		}
	}
	entry->arrival = ++store->last_arrival;
	entry->before = listener->tail;
	listener->tail.count = 0;
	if (listener->paused && !listener->entries)
		DL_APPEND2(store->paused, listener, paused_prev, paused_next);
	listener->n_entries++;
	DL_APPEND2(listener->entries, entry, older, newer);
	if (!listener->paused)
		DL_APPEND(store->entries, entry);
	store->n_events++;
	store->n_bytes += entry->size;
	return entry;
}

void event_store_remove(struct event_store *store, struct entry *entry)
{
	struct listener *listener = entry->listener;
	if (has_keys(listener))
		HASH_DEL(listener->by_key, entry);
	DL_DELETE2(listener->entries, entry, older, newer);
	listener->n_entries--;
	if (!listener->paused)
		DL_DELETE(store->entries, entry);
	else if (!listener->entries)
		DL_DELETE2(store->paused, listener, paused_prev, paused_next);
}

void event_store_pass_loss(struct entry *entry)
{
	struct loss *next = entry->newer ? &entry->newer->before : &entry->listener->tail;
	loss_prepend(next, &entry->before);
	entry->before.count = 0;
}

void event_store_lose(struct event_store *store, struct entry *entry, Cbb__Loss why)
{
	loss_append(&entry->before, entry->sequence, why);
	event_store_pass_loss(entry);
	event_store_remove(store, entry);
	event_store_uncount(store, entry->size);
	event_store_discard(store, entry);
}

struct entry *event_store_by_key(const struct listener *listener, uint64_t key)
{
	struct entry *entry;
	HASH_FIND(hh, listener->by_key, &key, sizeof key, entry);
	return entry;
}

void event_store_pause(struct event_store *store, struct listener *listener)
{
	struct entry *entry;
	if (listener->paused)
		return;
	DL_FOREACH2(listener->entries, entry, newer)
		DL_DELETE(store->entries, entry);
	if (listener->entries)
		DL_APPEND2(store->paused, listener, paused_prev, paused_next);
	listener->paused = true;
}

/* Both lists are in order of arrival: one walk. */
void event_store_resume(struct event_store *store, struct listener *listener)
{
	struct entry *entry, *at = store->entries;
	if (!listener->paused)
		return;
	listener->paused = false;
	if (listener->entries)
		DL_DELETE2(store->paused, listener, paused_prev, paused_next);
	DL_FOREACH2(listener->entries, entry, newer) {
		while (at && at->arrival < entry->arrival)
			at = at->next;
		if (at)
			DL_PREPEND_ELEM(store->entries, at, entry);
		else
			DL_APPEND(store->entries, entry);
	}
}

void event_store_uncount(struct event_store *store, size_t size)
{
	store->n_events--;
	store->n_bytes -= size;
}

static void listener_clear(struct event_store *store, struct listener *listener)
{
	while (listener->entries) {
		struct entry *entry = listener->entries;
		event_store_remove(store, entry);
		free(entry);
	}
	listener->tail.count = 0;
}

void event_store_free(struct event_store *store)
{
	struct listener *listener, *next;
	while (store->entries)
		listener_clear(store, store->entries->listener);
	while (store->paused)
		listener_clear(store, store->paused);
	DL_FOREACH_SAFE(store->gated, listener, next) {
		DL_DELETE(store->gated, listener);
		listener->gated = false;
	}
	while (store->spare) {
		struct entry *entry = store->spare;
		store->spare = entry->next;
		free(entry);
	}
	store->n_spare = 0;
	store->n_events = store->n_bytes = 0;
}
