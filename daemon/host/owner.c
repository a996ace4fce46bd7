/* SPDX-License-Identifier: MIT */
#include "host/owner.h"

#include "host/closure.h"

#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct owned {
	struct closure *closure;
	struct owned *next;
};

struct owner {
	uint64_t handle;
	struct owned *owned;
	struct kept *kept;
	UT_hash_handle hh;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct owner *owners; /* under lock */

/* Made if it is new; NULL without memory. */
static struct owner *owner_get(uint64_t handle)
{
	struct owner *owner;
	HASH_FIND(hh, owners, &handle, sizeof handle, owner);
	if (!owner && (owner = calloc(1, sizeof *owner))) {
		owner->handle = handle;
		HASH_ADD(hh, owners, handle, sizeof owner->handle, owner);
	}
	return owner;
}

void owner_add_closure(uint64_t handle, struct closure *closure)
{
	struct owned *owned = NULL;
	pthread_mutex_lock(&lock);
	struct owner *owner = owner_get(handle);
	if (owner)
		LL_SEARCH_SCALAR(owner->owned, owned, closure, closure);
	if (!owned) {
		closure_arm(closure);
		if (owner && (owned = calloc(1, sizeof *owned))) {
			owned->closure = closure;
			LL_PREPEND(owner->owned, owned);
		}
	}
	pthread_mutex_unlock(&lock);
}

void owner_add_kept(uint64_t handle, struct kept *kept)
{
	struct kept *before = NULL;
	pthread_mutex_lock(&lock);
	struct owner *owner = owner_get(handle);
	if (owner && kept->key) {
		LL_SEARCH_SCALAR(owner->kept, before, key, kept->key);
		if (before)
			LL_DELETE(owner->kept, before);
	}
	if (owner)
		LL_PREPEND(owner->kept, kept); /* else it stays: native code has it */
	pthread_mutex_unlock(&lock);
	free(before);
}

void owner_end(uint64_t handle)
{
	struct owner *owner;
	struct owned *owned, *next;
	pthread_mutex_lock(&lock);
	HASH_FIND(hh, owners, &handle, sizeof handle, owner);
	if (owner && handle) {
		HASH_DEL(owners, owner);
		LL_FOREACH_SAFE (owner->owned, owned, next) {
			closure_disarm(owned->closure);
			free(owned);
		}
		kept_free(owner->kept);
		free(owner);
	}
	pthread_mutex_unlock(&lock);
}
