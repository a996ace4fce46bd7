/* SPDX-License-Identifier: MIT */
#include "handles.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct block {
	struct block *older;        /* a value that was smaller: the program may still read it */
	size_t size;
	alignas(max_align_t) unsigned char memory[];
};

struct copy {
	uint64_t key;               /* origin; of an owned copy its own address */
	const char *function;       /* owned: who takes it back; the name lives as long as the library */
	struct block *block;
	UT_hash_handle hh;
};

struct handle {
	uint64_t address;
	struct copy *copies;
	UT_hash_handle hh;
};

void handle_table_init(struct handle_table *table)
{
	memset(table, 0, sizeof *table);
	pthread_mutex_init(&table->lock, NULL);
}

static struct block *block_new(size_t size)
{
	struct block *block = size < SIZE_MAX - sizeof *block ? malloc(sizeof *block + size) : NULL;
	if (block)
		*block = (struct block){.size = size};
	return block;
}

static void copy_free(struct copy *copy)
{
	while (copy->block) {
		struct block *older = copy->block->older;
		free(copy->block);
		copy->block = older;
	}
	free(copy);
}

static void copies_free(struct copy **copies)
{
	struct copy *copy, *next;
	HASH_ITER (hh, *copies, copy, next) {
		HASH_DEL(*copies, copy);
		copy_free(copy);
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
	copies_free(&table->owned);
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
	if (address && !handle_find(table, address)) {
		struct handle *handle = calloc(1, sizeof *handle);
		if (handle) {
			handle->address = address;
			HASH_ADD(hh, table->handles, address, sizeof handle->address, handle);
		} else {
			r = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&table->lock);
	return r;
}

void handle_closed(struct handle_table *table, uint64_t address)
{
	pthread_mutex_lock(&table->lock);
	struct handle *handle = handle_find(table, address);
	if (handle)
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

/* A copy's block for `size` bytes, found by key or made. */
static struct block *copy_take(struct copy **copies, uint64_t key, size_t size)
{
	struct copy *copy;
	HASH_FIND(hh, *copies, &key, sizeof key, copy);
	if (copy && copy->block->size >= size)
		return copy->block;
	struct block *block = block_new(size);
	if (block && !copy) {
		copy = calloc(1, sizeof *copy);
		if (!copy) {
			free(block);
			return NULL;
		}
		copy->key = key;
		HASH_ADD(hh, *copies, key, sizeof copy->key, copy);
	}
	if (block) {
		block->older = copy->block;
		copy->block = block;
	}
	return block;
}

void *handle_copy(struct handle_table *table, uint64_t owner, uint64_t origin, size_t size)
{
	pthread_mutex_lock(&table->lock);
	struct handle *handle = owner ? handle_find(table, owner) : NULL;
	struct block *block = copy_take(handle ? &handle->copies : &table->forever, origin, size);
	pthread_mutex_unlock(&table->lock);
	return block ? block->memory : NULL;
}

void *handle_copy_owned(struct handle_table *table, const char *function, size_t size)
{
	struct block *block = block_new(size);
	struct copy *copy = calloc(1, sizeof *copy);
	if (!block || !copy) {
		free(block);
		free(copy);
		return NULL;
	}
	*copy = (struct copy){.key = (uintptr_t)block->memory, .function = function, .block = block};
	pthread_mutex_lock(&table->lock);
	HASH_ADD(hh, table->owned, key, sizeof copy->key, copy);
	pthread_mutex_unlock(&table->lock);
	return block->memory;
}

bool handle_release_owned(struct handle_table *table, const char *function, void *pointer)
{
	uint64_t key = (uintptr_t)pointer;
	struct copy *copy;
	pthread_mutex_lock(&table->lock);
	HASH_FIND(hh, table->owned, &key, sizeof key, copy);
	if (copy && strcmp(copy->function, function) != 0)
		copy = NULL;
	if (copy)
		HASH_DEL(table->owned, copy);
	pthread_mutex_unlock(&table->lock);
	if (!copy)
		return false;
	copy_free(copy);
	return true;
}
