/* SPDX-License-Identifier: MIT */
/*
 * The callbacks of a host: slot + generation -> callback, found without a lock when native code calls; and
 * the way back, from a function pointer that the program passes.
 */
#ifndef CBB_CLIENT_CALLBACK_TABLE_H
#define CBB_CLIENT_CALLBACK_TABLE_H

#include "base/hash.h"
#include "cbbroker.h"

#include <ffi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct cbb_function;
struct cbb_host;

enum callback_kind { CALLBACK_PLAIN, CALLBACK_NATIVE, CALLBACK_GENERIC };

/* Never freed before its host: a late invocation and a second close must find it. */
struct cbb_callback {
	struct cbb_host *host;
	struct cbb_function *type;       /* the function type, with library and plan */
	enum callback_kind kind;
	union {
		cbb_any_function native;
		cbb_generic_handler *generic;
	} handler;
	void *user_data;
	uint64_t timeout_ms;
	int32_t delivery;
	uint32_t slot;
	uint32_t generation;
	_Atomic bool announced;          /* the host has it: an answer came after OpenCallback was sent */
	_Atomic bool closed;
	_Atomic uint32_t n_running;      /* handlers in flight, on all threads */
	ffi_closure *closure;            /* of cbb_callback_pointer; made on first use */
	void *pointer;
	char *name;
	struct {                         /* what is hashed: the pointer, and of plain functions the type */
		const void *pointer;
		const struct cbb_function *type;
	} key;
	UT_hash_handle hh;
};

#define CALLBACK_CHUNK 1024
#define CALLBACK_CHUNKS_MAX 4096     /* 4 million slots open at one time */

struct callback_table {
	pthread_mutex_t lock;            /* of everything but the reading of slots */
	uint64_t max_open, max_closed;
	uint64_t n_open, n_closed;       /* explicit callbacks */
	uint64_t n_plain;
	uint32_t n_slots;
	uint32_t *free_slots;            /* slots of closed callbacks, to be used again with a new generation */
	size_t n_free, free_capacity;
	struct cbb_callback *_Atomic *_Atomic chunks[CALLBACK_CHUNKS_MAX];
	struct cbb_callback *by_pointer; /* uthash */
	struct cbb_callback **all;       /* for the end */
	size_t n_all, all_capacity;
};

/* Zeros mean the defaults. */
void callback_table_init(struct callback_table *table, uint64_t max_open, uint64_t max_closed);
void callback_table_free(struct callback_table *table);

/* Gives the callback a slot. Takes it; on failure it is freed. 0, STATUS_LIMIT, -ENOMEM. */
int callback_table_add(struct callback_table *table, struct cbb_callback *callback);
/* The slot is free for another. The callback stays known by its pointer. Once per callback. */
void callback_table_retire(struct callback_table *table, struct cbb_callback *callback);

/* The callback of a slot and generation; NULL if it is not the present one. Takes no lock. */
struct cbb_callback *callback_table_find(struct callback_table *table, uint32_t slot, uint32_t generation);

/* The plain function's callback of that type, made if it is new. */
int callback_table_intern(struct callback_table *table, struct cbb_host *host, void *pointer,
                          struct cbb_function *type, struct cbb_callback **ret_callback);
/*
 * The explicit callback behind a pointer from cbb_callback_pointer, open or closed; else, if `type` is given, the
 * plain function's known as that type; else NULL.
 */
struct cbb_callback *callback_table_find_pointer(struct callback_table *table, const void *pointer,
                                                 const struct cbb_function *type);
/* Makes an explicit callback findable by its pointer. 0 or -ENOMEM. */
int callback_table_add_pointer(struct callback_table *table, struct cbb_callback *callback);

#endif
