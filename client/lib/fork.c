/* SPDX-License-Identifier: MIT */
#include "lib/fork.h"

#include "base/descriptor.h"
#include "lib/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned epoch_now;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int *registered; /* under `registry` */
static size_t n_registered, registered_capacity;

void registry_lock(void)
{
	pthread_mutex_lock(&registry);
}

void registry_unlock(void)
{
	pthread_mutex_unlock(&registry);
}

static void in_child(void)
{
	atomic_fetch_add(&epoch_now, 1);
	for (size_t i = 0; i < n_registered; i++)
		descriptor_close(registered[i]);
	n_registered = 0;
	pthread_mutex_unlock(&registry);
}

static void install(void)
{
	pthread_atfork(registry_lock, registry_unlock, in_child);
}

void fork_watch(void)
{
	pthread_once(&once, install);
}

unsigned fork_epoch(void)
{
	return atomic_load_explicit(&epoch_now, memory_order_relaxed);
}

int fork_check(unsigned epoch)
{
	if (epoch == fork_epoch())
		return 0;
	return detail_set(CBB_ERR_FORKED, "opened before fork(): it belongs to the parent process; connect anew here");
}

int fork_register(int fd)
{
	int r = 0;
	registry_lock();
	if (n_registered == registered_capacity) {
		size_t capacity = registered_capacity ? 2 * registered_capacity : 16;
		int *grown = realloc(registered, capacity * sizeof *grown);
		if (grown) {
			registered = grown;
			registered_capacity = capacity;
		} else {
			r = -ENOMEM;
		}
	}
	if (r == 0)
		registered[n_registered++] = fd;
	registry_unlock();
	return r;
}

void fork_unregister(int fd)
{
	registry_lock();
	for (size_t i = 0; i < n_registered; i++)
		if (registered[i] == fd) {
			registered[i] = registered[--n_registered];
			break;
		}
	if (n_registered == 0) {
		free(registered);
		registered = NULL;
		registered_capacity = 0;
	}
	registry_unlock();
}
