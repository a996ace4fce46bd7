/* SPDX-License-Identifier: MIT */
/*
 * A library of a host: its interface, and a plan and a client-side function per remote function.
 */
#ifndef CBB_CLIENT_LIBRARY_H
#define CBB_CLIENT_LIBRARY_H

#include "cbbroker.h"
#include "lib/host.h"
#include "interface/parse.h"
#include "marshal/plan.h"

struct cbb_function {
	struct cbb_library *library;
	const struct plan *plan;
	bool releases;             /* some transfer(full(...)) names it: it may be given a copy */
	ffi_closure *closure;      /* of cbb_symbol; made on first use */
	cbb_any_function symbol;
};

struct cbb_library {
	struct cbb_host *host;
	struct cbb_library *prev, *next;
	uint32_t number;           /* in the host */
	struct interface *interface;
	pthread_mutex_t lock;      /* of what is made on first use */
	struct cbb_function *_Atomic *functions; /* per entry of interface.functions; function types too */
	bool *missing;             /* the shared object does not have it */
};

void library_free(struct cbb_library *library);

/* The function (or function type) at an index, with its plan. 0 or a negative code with a detail text. */
int library_function(struct cbb_library *library, uint32_t index, struct cbb_function **ret_function);

/* The library with that number; NULL. */
struct cbb_library *library_find(struct cbb_host *host, uint32_t number);

/* The remote function behind a client-side pointer from cbb_symbol, of any library of the host; NULL. */
struct cbb_function *library_find_symbol(struct cbb_host *host, const void *pointer);

#endif
