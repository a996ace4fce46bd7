/* SPDX-License-Identifier: MIT */
/*
 * The handles that a host gave to the program and that are not closed yet, and the copies that live as long as
 * one of them. A handle is a host address: the client never follows it.
 */
#ifndef CBB_CLIENT_HANDLES_H
#define CBB_CLIENT_HANDLES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handle;
struct copy;

struct copies {
	struct copy *by_content;     /* hash */
	struct copy *others;         /* list */
};

struct handle_table {
	pthread_mutex_t lock;
	_Atomic uint64_t n_opened;   /* how often a handle was handed out */
	struct handle *handles;      /* hash by address */
	struct copies forever;       /* that live as long as the host */
	struct copy *owned;          /* hash by address of the copy: transfer(full(f)) */
};

void handle_table_init(struct handle_table *table);
void handle_table_free(struct handle_table *table);

/* A call handed this handle to the program. 0 or -ENOMEM. */
int handle_opened(struct handle_table *table, uint64_t address);
/*
 * A call closed it: its copies end. `n_opened` is that of the table when the call began: native code may have given the
 * address to another thread meanwhile, as a new handle, and that one stays.
 */
void handle_closed(struct handle_table *table, uint64_t address, uint64_t n_opened);
bool handle_is_live(struct handle_table *table, uint64_t address);

/*
 * A copy of these bytes that lives as long as the handle `owner` (0, or not known: as long as the host). Equal bytes
 * share one copy, so asking for the same string again and again takes no more memory. content NULL: memory for bytes
 * that the caller writes.
 */
void *handle_copy(struct handle_table *table, uint64_t owner, const void *content, size_t size);

/* Memory for a copy that the program gives back through the remote function named `function`. */
void *handle_copy_owned(struct handle_table *table, const char *function, size_t size);
/* The program gives back a pointer through that function: true if it was such a copy (freed now). */
bool handle_release_owned(struct handle_table *table, const char *function, void *pointer);

#endif
