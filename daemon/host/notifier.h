/* SPDX-License-Identifier: MIT */
/*
 * Callbacks by which native code says that it lets go of others: sqlite3_create_function_v2's xDestroy. One of them may
 * serve many registrations; they are told apart by the user data that it is called with.
 */
#ifndef CBB_HOST_NOTIFIER_H
#define CBB_HOST_NOTIFIER_H

#include "marshal/plan.h"

struct closure;

struct registration {
	struct closure *notifier;
	uint64_t word;                 /* the user data that it will be called with; 0: any */
	uint64_t handle;               /* that ends it as well; 0: none */
	unsigned n;
	struct closure *closures[INTERFACE_PARAMS_MAX];
	struct registration *prev, *next;
};

/* Arms the closures until the notifier is called or the handle ends. Without memory: for ever. */
void notifier_add(const struct registration *registration);

/* The notifier was called: the oldest registration that fits ends. */
void notifier_called(struct closure *notifier, void *const *arguments);

/* The handle was closed, with all its registrations. */
void notifier_end_handle(uint64_t handle);

#endif
