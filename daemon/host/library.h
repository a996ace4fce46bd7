/* SPDX-License-Identifier: MIT */
/*
 * The libraries loaded into this host. Never unloaded: code goes with its host.
 */
#ifndef CBB_HOST_LIBRARY_H
#define CBB_HOST_LIBRARY_H

#include "marshal/plan.h"
#include "wire/unpack.h"

#include <pthread.h>
#include <stdatomic.h>

struct host_lane;

/* Numbers that a client may give; opening one library again takes another number. */
#define LIBRARIES_MAX 4096

struct native_function {
	struct plan *plan;
	void (*address)(void);   /* NULL: a function type, or missing from the shared object */
	uint32_t name;           /* on the telemetry page */
};

struct host_library {
	uint32_t number;
	const char *name;        /* file of the shared object, without its folder: reports are short */
	void *handle;            /* of dlopen */
	const Cbb__Interface *interface;
	struct unpack_arena arena; /* holds the interface */
	pthread_mutex_t lock;    /* of what is made on first use */
	struct native_function *_Atomic *functions; /* per entry of interface->functions */
};

/* Answers FRAME_OPEN_LIBRARY on the lane: loads, checks, looks up. 0, -EBADMSG, -ECONNRESET. */
int library_serve_open(struct host_lane *lane, const struct frame *frame);

/* NULL if there is none. Takes no lock. */
struct host_library *library_find(uint32_t number);

/* A function or function type of the library, with its plan. 0 or a negative code with a detail text. */
int library_function(struct host_library *library, uint32_t index, struct native_function **ret_function);

/* The address of a symbol: of the library, or what is visible from it ("free"). NULL. */
void *library_symbol(const struct host_library *library, const char *name);

#endif
