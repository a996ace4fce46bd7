/* SPDX-License-Identifier: MIT */
#include "lib/handles.h"

#include "base/hash.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct copy {
	struct copy *next;          /* of copies that are not hashed */
	const char *function;       /* owned: who takes it back; the name lives as long as the library */
	const void *address;        /* of `memory`: the key of an owned copy; others are hashed by their bytes */
	UT_hash_handle hh;
	alignas(max_align_t) unsigned char memory[];
};

struct handle {
	uint64_t address;
	uint64_t opened;            /* the table's n_opened when it was last handed out */
	struct copies copies;
	UT_hash_handle hh;
};

void handle_table_init(struct handle_table *table)
{
	memset(table, 0, sizeof *table);
	pthread_mutex_init(&table->lock, NULL);
}

static struct copy *copy_new(size_t size)
{
	struct copy *copy = size < SIZE_MAX - sizeof *copy ? malloc(sizeof *copy + size) : NULL;
	if (copy)
		*copy = (struct copy){.address = copy->memory};
	return copy;
}

static void hash_free(struct copy **copies)
{
	struct copy *copy, *next;
	HASH_ITER (hh, *copies, copy, next) {
		HASH_DEL(*copies, copy);
		free(copy);
	}
}

static void copies_free(struct copies *copies)
{
	hash_free(&copies->by_content);
	while (copies->others) {
		struct copy *next = copies->others->next;
		free(copies->others);
		copies->others = next;
	}
}

static void handle_drop(struct handle_table *table, struct handle *handle)
{
	HASH_DEL(table->handles, handle);
	copies_free(&handle->copies);
	free(handle);
}

void handle_table_free(struct handle_table *table)
{
	struct handle *handle, *next;
	HASH_ITER (hh, table->handles, handle, next)
		handle_drop(table, handle);
	copies_free(&table->forever);
	hash_free(&table->owned);
	pthread_mutex_destroy(&table->lock);
}

static struct handle *handle_find(struct handle_table *table, uint64_t address)
{
	struct handle *handle;
	HASH_FIND(hh, table->handles, &address, sizeof address, handle);
	return handle;
}

int handle_opened(struct handle_table *table, uint64_t address)
{
	int r = 0;
	pthread_mutex_lock(&table->lock);
	struct handle *handle = address ? handle_find(table, address) : NULL;
	if (address && !handle) {
		handle = calloc(1, sizeof *handle);
		if (handle) {
			handle->address = address;
			HASH_ADD(hh, table->handles, address, sizeof handle->address, handle);
		}
		if (!handle || !hash_added(handle)) {
			free(handle);
			handle = NULL;
			r = -ENOMEM;
		}
	}
	if (handle)
		handle->opened = atomic_fetch_add(&table->n_opened, 1) + 1;
	pthread_mutex_unlock(&table->lock);
	return r;
}

void handle_closed(struct handle_table *table, uint64_t address, uint64_t n_opened)
{
	pthread_mutex_lock(&table->lock);
	struct handle *handle = handle_find(table, address);
	if (handle && handle->opened <= n_opened)
		handle_drop(table, handle);
	pthread_mutex_unlock(&table->lock);
}

bool handle_is_live(struct handle_table *table, uint64_t address)
{
	pthread_mutex_lock(&table->lock);
	bool live = handle_find(table, address) != NULL;
	pthread_mutex_unlock(&table->lock);
	return live;
}

/* The copy of these bytes, found or made. */
static struct copy *copy_take(struct copies *copies, const void *content, size_t size)
{
	struct copy *copy = NULL;
	if (content)
		HASH_FIND(hh, copies->by_content, content, size, copy);
	if (copy || !(copy = copy_new(size)))
		return copy;
	if (content) {
		memcpy(copy->memory, content, size);
		HASH_ADD_KEYPTR(hh, copies->by_content, copy->memory, size, copy);
	}
	if (!content || !hash_added(copy)) {
		copy->next = copies->others;
		copies->others = copy;
	}
	return copy;
}

void *handle_copy(struct handle_table *table, uint64_t owner, const void *content, size_t size)
{
	pthread_mutex_lock(&table->lock);
	struct handle *handle = owner ? handle_find(table, owner) : NULL;
	struct copy *copy = copy_take(handle ? &handle->copies : &table->forever, content, size);
	pthread_mutex_unlock(&table->lock);
	return copy ? copy->memory : NULL;
}

void *handle_copy_owned(struct handle_table *table, const char *function, size_t size)
{
	struct copy *copy = copy_new(size);
	if (!copy)
		return NULL;
	copy->function = function;
	pthread_mutex_lock(&table->lock);
	HASH_ADD(hh, table->owned, address, sizeof copy->address, copy);
	bool added = hash_added(copy);
	pthread_mutex_unlock(&table->lock);
	if (!added)
		free(copy);
	return added ? copy->memory : NULL;
}

bool handle_release_owned(struct handle_table *table, const char *function, void *pointer)
{
	const void *address = pointer;
	struct copy *copy;
	pthread_mutex_lock(&table->lock);
	HASH_FIND(hh, table->owned, &address, sizeof address, copy);
	if (copy && strcmp(copy->function, function) != 0)
		copy = NULL;
	if (copy)
		HASH_DEL(table->owned, copy);
	pthread_mutex_unlock(&table->lock);
	if (!copy)
		return false;
	free(copy);
	return true;
}
