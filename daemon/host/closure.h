/* SPDX-License-Identifier: MIT */
/*
 * A function pointer that native code can call: a libffi closure with the client's handler behind it. Never freed
 * while the host lives: nobody can know whether native code still holds the address.
 */
#ifndef CBB_HOST_CLOSURE_H
#define CBB_HOST_CLOSURE_H

#include "marshal/plan.h"

#include <stdatomic.h>
#include <uthash.h>

struct closure {
	const struct plan *plan;
	const char *name;
	uint32_t slot;
	uint32_t generation;
	uint32_t library;
	uint64_t timeout_ms;           /* native code waits this long; 0: no deadline */
	bool plain;                    /* a plain C function: lives while something arms it */
	Cbb__Delivery delivery;
	uint32_t queue;                /* number of its queue; 0: bound to none */
	struct listener *listener;     /* LISTENER; else NULL */
	_Atomic bool ended;            /* the client is told that no event follows; once */
	uint32_t shown_name;           /* on the telemetry page */
	_Atomic bool closed;
	_Atomic uint32_t n_armed;      /* running calls and owners that allow it */
	_Atomic uint32_t n_once;       /* of these, those that its next invocation ends */
	_Atomic uint32_t n_registered; /* registrations that end when it is called: notifier.h */
	_Atomic bool late_reported;
	_Atomic uint64_t closed_ns;    /* when it was closed, or last disarmed */
	char *_Atomic closed_where;
	ffi_closure *writable;
	void *code;                    /* what native code calls */
	struct closure *older;         /* closure_table: of an earlier generation of the slot */
	UT_hash_handle hh;             /* closure_table: by code */
};

static inline void closure_arm(struct closure *closure)
{
	atomic_fetch_add(&closure->n_armed, 1);
}

void closure_disarm(struct closure *closure);

/* The queue that hears of it: its own, else the default one. */
static inline uint32_t closure_queue(const struct closure *closure)
{
	return closure->queue ? closure->queue : 1;
}

/* The libffi entry; `user` is the struct closure. */
void closure_enter(ffi_cif *cif, void *result, void **arguments, void *user);

#endif
