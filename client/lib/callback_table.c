/* SPDX-License-Identifier: MIT */
#include "lib/callback_table.h"

#include "lib/error.h"
#include "lib/host_options.h"
#include "marshal/callback_word.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void callback_table_init(struct callback_table *table, uint64_t max_open, uint64_t max_closed)
{
	pthread_mutex_init(&table->lock, NULL);
	table->max_open = max_open ? max_open : CALLBACKS_OPEN_DEFAULT;
	table->max_closed = max_closed ? max_closed : CALLBACKS_CLOSED_DEFAULT;
}

const struct callback_rules callback_rules_none;

void callback_free(struct cbb_callback *callback)
{
	if (callback->closure)
		ffi_closure_free(callback->closure);
	if (callback->rules != &callback_rules_none)
		free((void *)(uintptr_t)callback->rules);
	if (callback->queue)
		queue_release(callback->queue);
	free(callback->closed_where);
	free(callback->name);
	free(callback);
}

void callback_table_free(struct callback_table *table)
{
	HASH_CLEAR(hh, table->by_pointer);
	for (size_t i = 0; i < table->n_all; i++)
		callback_free(table->all[i]);
	for (size_t i = 0; i < CALLBACK_CHUNKS_MAX && table->chunks[i]; i++)
		free((void *)table->chunks[i]);
	free(table->all);
	free(table->free_slots);
	pthread_mutex_destroy(&table->lock);
}

/* Room for one more element. */
static int grow(void **array, size_t n, size_t *capacity, size_t element)
{
	if (n < *capacity)
		return 0;
	size_t fresh = *capacity ? *capacity * 2 : 64;
	void *memory = realloc(*array, fresh * element);
	if (!memory)
		return -ENOMEM;
	*array = memory;
	*capacity = fresh;
	return 0;
}

static struct cbb_callback *_Atomic *slot_cell(struct callback_table *table, uint32_t slot)
{
	struct cbb_callback *_Atomic *chunk =
	    atomic_load_explicit(&table->chunks[slot / CALLBACK_CHUNK], memory_order_acquire);
	return chunk ? &chunk[slot % CALLBACK_CHUNK] : NULL;
}

/* A slot nobody uses; its cell holds the last user, if any. Locked. */
static int slot_take(struct callback_table *table, uint32_t *ret_slot)
{
	/* Room to give it back later, so that closing cannot fail. */
	int r = grow((void **)&table->free_slots, table->n_slots + 1u, &table->free_capacity, sizeof *table->free_slots);
	if (r < 0)
		return r;
	if (table->n_free) {
		*ret_slot = table->free_slots[--table->n_free];
		return 0;
	}
	uint32_t slot = table->n_slots;
	if (slot / CALLBACK_CHUNK == CALLBACK_CHUNKS_MAX)
		return detail_set(CBB_ERR_LIMIT, "%u callbacks are open: a host has no more slots", slot);
	if (slot % CALLBACK_CHUNK == 0) {
		struct cbb_callback *_Atomic *chunk = calloc(CALLBACK_CHUNK, sizeof *chunk);
		if (!chunk)
			return -ENOMEM;
		atomic_store_explicit(&table->chunks[slot / CALLBACK_CHUNK], chunk, memory_order_release);
	}
	table->n_slots++;
	*ret_slot = slot;
	return 0;
}

static int check_limits(const struct callback_table *table, const struct cbb_callback *callback)
{
	if (callback->kind == CALLBACK_PLAIN)
		return table->n_plain < PLAIN_FUNCTIONS_MAX
		           ? 0
		           : detail_set(CBB_ERR_LIMIT, "%llu plain functions were passed: a host knows no more; open a new host, "
		                        "or pass callbacks with user data of their own", (unsigned long long)table->n_plain);
	if (table->n_open >= table->max_open)
		return detail_set(CBB_ERR_LIMIT, "%llu callbacks are open: close some, or raise max_callbacks",
		                  (unsigned long long)table->n_open);
	/* Each open one will need an address out of use, too. */
	if (table->n_closed >= table->max_closed && table->n_closed - table->max_closed >= table->max_open - table->n_open)
		return detail_set(CBB_ERR_LIMIT,
		                  "%llu callbacks were closed and their addresses stay out of use while the host lives: "
		                  "open a new host, or raise max_closed_callbacks",
		                  (unsigned long long)table->n_closed);
	return 0;
}

static int add_locked(struct callback_table *table, struct cbb_callback *callback)
{
	int r = check_limits(table, callback);
	if (r == 0)
		r = grow((void **)&table->all, table->n_all, &table->all_capacity, sizeof *table->all);
	if (r == 0)
		r = slot_take(table, &callback->slot);
	if (r < 0)
		return r;
	struct cbb_callback *_Atomic *cell = slot_cell(table, callback->slot);
	const struct cbb_callback *before = *cell;
	/* After 2^30 generations a slot would repeat one: the budget of closed addresses ends long before. */
	callback->generation = before ? (before->generation + 1) & CALLBACK_GENERATION_MAX : 1;
	atomic_store_explicit(cell, callback, memory_order_release);
	table->all[table->n_all++] = callback;
	if (callback->kind == CALLBACK_PLAIN)
		table->n_plain++;
	else
		table->n_open++;
	return 0;
}

int callback_table_add(struct callback_table *table, struct cbb_callback *callback)
{
	pthread_mutex_lock(&table->lock);
	int r = add_locked(table, callback);
	pthread_mutex_unlock(&table->lock);
	if (r < 0)
		callback_free(callback);
	return r;
}

static void count_closed_locked(struct callback_table *table, struct cbb_callback *callback)
{
	if (callback->counted_closed)
		return;
	callback->counted_closed = true;
	table->n_open--;
	table->n_closed++;
}

void callback_table_count_closed(struct callback_table *table, struct cbb_callback *callback)
{
	pthread_mutex_lock(&table->lock);
	count_closed_locked(table, callback);
	pthread_mutex_unlock(&table->lock);
}

void callback_table_retire(struct callback_table *table, struct cbb_callback *callback)
{
	pthread_mutex_lock(&table->lock);
	table->free_slots[table->n_free++] = callback->slot;
	count_closed_locked(table, callback);
	pthread_mutex_unlock(&table->lock);
}

struct cbb_callback *callback_table_find(struct callback_table *table, uint32_t slot, uint32_t generation)
{
	if (slot / CALLBACK_CHUNK >= CALLBACK_CHUNKS_MAX)
		return NULL;
	struct cbb_callback *_Atomic *cell = slot_cell(table, slot);
	struct cbb_callback *callback = cell ? atomic_load_explicit(cell, memory_order_acquire) : NULL;
	return callback && callback->generation == generation ? callback : NULL;
}

static struct cbb_callback *find_key(struct callback_table *table, const void *pointer,
                                     const struct cbb_function *type)
{
	struct cbb_callback probe, *found;
	memset(&probe.key, 0, sizeof probe.key);
	probe.key.pointer = pointer;
	probe.key.type = type;
	HASH_FIND(hh, table->by_pointer, &probe.key, sizeof probe.key, found);
	return found;
}

static int intern_locked(struct callback_table *table, struct cbb_host *host, void *pointer,
                         struct cbb_function *type, int32_t delivery, struct cbb_callback **ret_callback)
{
	*ret_callback = find_key(table, pointer, type);
	if (*ret_callback)
		return 0;
	struct cbb_callback *callback = calloc(1, sizeof *callback);
	if (!callback)
		return -ENOMEM;
	callback->host = host;
	callback->type = type;
	callback->kind = CALLBACK_PLAIN;
	callback->rules = &callback_rules_none;
	callback->delivery = delivery;
	memcpy(&callback->handler.native, &pointer, sizeof pointer);
	callback->pointer = pointer;
	callback->key.pointer = pointer;
	callback->key.type = type;
	int r = add_locked(table, callback);
	if (r < 0) {
		callback_free(callback);
		return r;
	}
	HASH_ADD(hh, table->by_pointer, key, sizeof callback->key, callback);
	if (!hash_added(callback))
		return -ENOMEM; /* its slot stays taken */
	*ret_callback = callback;
	return 0;
}

int callback_table_intern(struct callback_table *table, struct cbb_host *host, void *pointer,
                          struct cbb_function *type, int32_t delivery, struct cbb_callback **ret_callback)
{
	pthread_mutex_lock(&table->lock);
	int r = intern_locked(table, host, pointer, type, delivery, ret_callback);
	pthread_mutex_unlock(&table->lock);
	return r;
}

struct cbb_callback *callback_table_find_pointer(struct callback_table *table, const void *pointer,
                                                 const struct cbb_function *type)
{
	pthread_mutex_lock(&table->lock);
	struct cbb_callback *callback = find_key(table, pointer, NULL);
	if (!callback && type)
		callback = find_key(table, pointer, type);
	pthread_mutex_unlock(&table->lock);
	return callback;
}

int callback_table_add_pointer(struct callback_table *table, struct cbb_callback *callback)
{
	pthread_mutex_lock(&table->lock);
	callback->key.pointer = callback->pointer;
	callback->key.type = NULL;
	HASH_ADD(hh, table->by_pointer, key, sizeof callback->key, callback);
	bool added = hash_added(callback);
	pthread_mutex_unlock(&table->lock);
	return added ? 0 : -ENOMEM;
}
