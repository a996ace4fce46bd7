/* SPDX-License-Identifier: MIT */
/*
 * The handles that a host gave to the program and that are not closed yet, and the copies that live as long as
 * one of them. A handle is a host address: the client never follows it.
 */
#ifndef CBB_CLIENT_HANDLES_H
#define CBB_CLIENT_HANDLES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handle;
struct copy;

struct handle_table {
	pthread_mutex_t lock;
	struct handle *handles;      /* hash by address */
	struct copy *forever;        /* hash: copies that live as long as the host */
	struct copy *owned;          /* hash by address of the copy: transfer(full(f)) */
};

void handle_table_init(struct handle_table *table);
void handle_table_free(struct handle_table *table);

/* A call handed this handle to the program. 0 or -ENOMEM. */
int handle_opened(struct handle_table *table, uint64_t address);
/* A call closed it: its copies end. */
void handle_closed(struct handle_table *table, uint64_t address);
bool handle_is_live(struct handle_table *table, uint64_t address);

/*
 * Memory for a copy of what the host holds at `origin`, as long as `owner` lives (0: as long as the host). The same
 * origin again gives the same memory if it fits: as in the library's own memory, a later value replaces the earlier.
 */
void *handle_copy(struct handle_table *table, uint64_t owner, uint64_t origin, size_t size);

/* Memory for a copy that the program gives back through the remote function named `function`. */
void *handle_copy_owned(struct handle_table *table, const char *function, size_t size);
/* The program gives back a pointer through that function: true if it was such a copy (freed now). */
bool handle_release_owned(struct handle_table *table, const char *function, void *pointer);

#endif
