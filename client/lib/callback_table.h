/* SPDX-License-Identifier: MIT */
/*
 * The callbacks of a host: slot + generation -> callback, found without a lock when native code calls; and
 * the way back, from a function pointer that the program passes.
 */
#ifndef CBB_CLIENT_CALLBACK_TABLE_H
#define CBB_CLIENT_CALLBACK_TABLE_H

#include "base/hash.h"
#include "cbbroker.h"
#include "lib/queue.h"

#include <ffi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct cbb_function;
struct cbb_host;

enum callback_kind { CALLBACK_PLAIN, CALLBACK_NATIVE, CALLBACK_GENERIC };

/* DRAINING: no call reaches it any more that native code makes from now on; what it made before is handled. */
enum callback_state { CALLBACK_OPEN, CALLBACK_DRAINING, CALLBACK_CLOSED };

/* The options that most callbacks do not have: all those share one. */
struct callback_rules {
	cbb_error_handler *on_error;
	cbb_dropped_handler *on_dropped;
	cbb_loss_handler *on_lost;
	cbb_finalizer *finalizer;
	int32_t overflow;
	uint32_t rate_per_s;
	uint64_t max_queued;
	uint64_t wait_ms;
};

extern const struct callback_rules callback_rules_none;

/* In n_running, once `ended`: who makes the rest 0 deals with the end. */
#define CALLBACK_LEFT_LAST (1u << 31)

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
	const struct callback_rules *rules; /* what few ask for; never NULL */
	uint64_t timeout_ms;
	int32_t delivery;                /* never the default */
	int32_t priority;
	uint32_t slot;
	uint32_t generation;
	struct cbb_queue *queue;         /* NULL: bound to none */
	_Atomic bool told;               /* OpenCallback was sent, perhaps */
	_Atomic bool announced;          /* the host has it: an answer came after OpenCallback was sent */
	_Atomic uint8_t state;           /* enum callback_state */
	_Atomic bool ending;             /* the host was asked for that, and its word is awaited */
	_Atomic bool ended;              /* nothing of it will come from the host any more */
	_Atomic bool paused;             /* of a listener */
	bool counted_closed;             /* with the table's lock: it is among n_closed */
	_Atomic bool finalized;          /* the end has been dealt with, or is queued */
	_Atomic uint32_t n_running;      /* handlers in flight, on all threads; and CALLBACK_LEFT_LAST */
	_Atomic uint32_t n_refs;         /* cbb_callback_ref */
	_Atomic uint32_t n_users;        /* cbb_callback_acquire; 0: closed by release */
	struct {
		_Atomic uint64_t handled, failed, lost, dropped, refused, late_answers;
	} counts;
	struct cbb_callback *queue_prev, *queue_next; /* queue->callbacks, while open */
	struct task finalizing;
	ffi_closure *closure;            /* of cbb_callback_pointer; made on first use */
	void *pointer;
	char *name;
	char *_Atomic closed_where;      /* of one that was closed before the host heard of it */
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
	_Atomic size_t n_all;            /* also read without the lock */
	size_t all_capacity;
};

/* One that is in no table. */
void callback_free(struct cbb_callback *callback);

/* Zeros mean the defaults. */
void callback_table_init(struct callback_table *table, uint64_t max_open, uint64_t max_closed);
void callback_table_free(struct callback_table *table);

/* Gives the callback a slot. Takes it; on failure it is freed. 0, STATUS_LIMIT, -ENOMEM. */
int callback_table_add(struct callback_table *table, struct cbb_callback *callback);
/*
 * It is closed, whatever the host still has to say of it: it is no longer among the open ones. Said again it changes
 * nothing.
 */
void callback_table_count_closed(struct callback_table *table, struct cbb_callback *callback);
/* The slot is free for another. The callback stays known by its pointer. Once per callback. */
void callback_table_retire(struct callback_table *table, struct cbb_callback *callback);

/* The callback of a slot and generation; NULL if it is not the present one. Takes no lock. */
struct cbb_callback *callback_table_find(struct callback_table *table, uint32_t slot, uint32_t generation);

/* The plain function's callback of that type, made if it is new. */
int callback_table_intern(struct callback_table *table, struct cbb_host *host, void *pointer,
                          struct cbb_function *type, int32_t delivery, struct cbb_callback **ret_callback);
/*
 * The explicit callback behind a pointer from cbb_callback_pointer, open or closed; else, if `type` is given, the
 * plain function's known as that type; else NULL.
 */
struct cbb_callback *callback_table_find_pointer(struct callback_table *table, const void *pointer,
                                                 const struct cbb_function *type);
/* Makes an explicit callback findable by its pointer. 0 or -ENOMEM. */
int callback_table_add_pointer(struct callback_table *table, struct cbb_callback *callback);

#endif
