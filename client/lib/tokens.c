/* SPDX-License-Identifier: MIT */
#include "lib/tokens.h"

#include "base/hash.h"
#include "lib/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct token_hash {
	struct {
		uintptr_t value;
		uint64_t library;
	} key;
	uint32_t index;
	UT_hash_handle hh;
};

void token_table_init(struct token_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
}

void token_table_free(struct token_table *table)
{
	struct token_hash *entry, *next;
	HASH_ITER (hh, table->by_value, entry, next) {
		HASH_DEL(table->by_value, entry);
		free(entry);
	}
	for (size_t i = 0; i < TOKENS_MAX / TOKEN_CHUNK && table->chunks[i]; i++)
		free(table->chunks[i]);
	pthread_mutex_destroy(&table->lock);
}

/* Appends a token; the caller holds the lock. Its index, or a negative code. */
static int64_t token_add(struct token_table *table, uintptr_t value, uint32_t library)
{
	uint32_t index = atomic_load_explicit(&table->n, memory_order_relaxed);
	if (index == TOKENS_MAX)
		return detail_set(CBB_ERR_LIMIT, "%u different user data pointers went to this host already", TOKENS_MAX);
	struct token *chunk = table->chunks[index / TOKEN_CHUNK];
	if (!chunk) {
		chunk = calloc(TOKEN_CHUNK, sizeof *chunk);
		if (!chunk)
			return -ENOMEM;
		atomic_store(&table->chunks[index / TOKEN_CHUNK], chunk);
	}
	chunk[index % TOKEN_CHUNK] = (struct token){.value = value, .library = library};
	/* Readers look only below n. */
	atomic_store_explicit(&table->n, index + 1, memory_order_release);
	return index;
}

static int64_t token_intern(struct token_table *table, uint32_t library, uintptr_t value)
{
	struct token_hash *entry = NULL, probe;
	memset(&probe, 0, sizeof probe);
	probe.key.value = value;
	probe.key.library = library;
	HASH_FIND(hh, table->by_value, &probe.key, sizeof probe.key, entry);
	if (entry)
		return entry->index;
	entry = calloc(1, sizeof *entry);
	if (!entry)
		return -ENOMEM;
	entry->key = probe.key;
	HASH_ADD(hh, table->by_value, key, sizeof entry->key, entry);
	int64_t index = hash_added(entry) ? token_add(table, value, library) : -ENOMEM;
	if (index < 0) {
		if (hash_added(entry))
			HASH_DEL(table->by_value, entry);
		free(entry);
		return index;
	}
	entry->index = (uint32_t)index;
	return index;
}

int token_out(struct token_table *table, uint32_t library, uintptr_t value, size_t size_bytes, uint64_t *ret_word)
{
	if (value == 0) {
		*ret_word = 0;
		return 0;
	}
	pthread_mutex_lock(&table->lock);
	int64_t index = token_intern(table, library, value);
	pthread_mutex_unlock(&table->lock);
	if (index < 0)
		return (int)index;
	*ret_word = size_bytes <= TOKEN_SMALL_MAX_BYTES ? (uint64_t)index + 1 : TOKEN_BASE + (uint64_t)index * TOKEN_STEP;
	return 0;
}

int token_in(struct token_table *table, uint32_t library, uint64_t word, size_t size_bytes, uintptr_t *ret_value)
{
	uint64_t index = word - TOKEN_BASE;
	if (size_bytes <= TOKEN_SMALL_MAX_BYTES)
		index = word - 1;
	else if (index % TOKEN_STEP)
		return 0;
	else
		index /= TOKEN_STEP;
	if (index >= atomic_load_explicit(&table->n, memory_order_acquire))
		return 0;
	const struct token *token = &table->chunks[index / TOKEN_CHUNK][index % TOKEN_CHUNK];
	if (token->library != library)
		return 0;
	*ret_value = token->value;
	return 1;
}
