/* SPDX-License-Identifier: MIT */
/*
 * User data never crosses: the host sees a token, an address that nothing can be read from. One token per
 * (library, pointer), for the life of the host: looked up without a lock when it comes back.
 */
#ifndef CBB_CLIENT_TOKENS_H
#define CBB_CLIENT_TOKENS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/*
 * Tokens start here, 16 apart (some libraries use low bits of a pointer). The addresses are in no process's
 * reach: on x86-64 not canonical, or above what the kernel hands out.
 */
#define TOKEN_BASE 0x0CBB000000000000ull
#define TOKEN_STEP 16
#define TOKENS_MAX (1u << 24)
/* Where the declared type is a 32-bit integer, tokens are index + 1. */
#define TOKEN_SMALL_MAX_BYTES 4

struct token {
	uintptr_t value;
	uint32_t library;
};

#define TOKEN_CHUNK 1024

struct token_hash;

struct token_table {
	pthread_mutex_t lock;             /* of the hash and of growth */
	struct token_hash *by_value;
	_Atomic uint32_t n;
	struct token *_Atomic chunks[TOKENS_MAX / TOKEN_CHUNK];
};

void token_table_init(struct token_table *table);
void token_table_free(struct token_table *table);

/* The token for a pointer of the program that goes out in a parameter of `size_bytes`. 0, STATUS_LIMIT, -ENOMEM. */
int token_out(struct token_table *table, uint32_t library, uintptr_t value, size_t size_bytes, uint64_t *ret_word);

/* The pointer behind a token of that library: 1, or 0 if the word is none. Takes no lock. */
int token_in(struct token_table *table, uint32_t library, uint64_t word, size_t size_bytes, uintptr_t *ret_value);

#endif
