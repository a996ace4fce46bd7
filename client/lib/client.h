/* SPDX-License-Identifier: MIT */
/*
 * A program's connection to one broker, with its hosts.
 */
#ifndef CBB_CLIENT_CLIENT_H
#define CBB_CLIENT_CLIENT_H

#include "cbbroker.h"
#include "lib/session.h"

#include <stdatomic.h>
#include <stdbool.h>

#define CLIENT_TIMEOUT_DEFAULT_MS 10000

/* Calls tell the host which of the first queues their thread dispatches: one bit for each. */
#define CLIENT_WATCHED_MAX 64

struct cbb_client {
	unsigned fork_epoch;
	struct session session;
	struct cbb_host *hosts;       /* utlist, under session.lock */

	pthread_mutex_t queues_lock;  /* of the next four */
	struct cbb_queue *queues;     /* utlist */
	unsigned n_queues;
	uint32_t last_queue;          /* numbers are not used again */
	struct cbb_queue *default_queue;
	_Atomic uint32_t n_watched;   /* of the next, those below are in use */
	struct {                      /* by number - 1: what a call looks at, without a lock */
		_Atomic uint64_t dispatcher; /* client_thread.id; 0: none */
		_Atomic int lanes_fd;        /* -1: nothing can come from there */
		_Atomic bool pull;
	} watched[CLIENT_WATCHED_MAX];

	pthread_mutex_t hook_lock;
	cbb_failure_hook *hook;       /* under hook_lock, as its data */
	void *hook_data;
};

#endif
