/* SPDX-License-Identifier: MIT */
/*
 * A program's connection to one broker, with its hosts.
 */
#ifndef CBB_CLIENT_CLIENT_H
#define CBB_CLIENT_CLIENT_H

#include "cbbroker.h"
#include "lib/queue_bits.h"
#include "lib/session.h"

#include <stdatomic.h>
#include <stdbool.h>

#define CLIENT_TIMEOUT_DEFAULT_MS 10000

struct cbb_client {
	unsigned fork_epoch;
	struct session session;
	struct cbb_host *hosts;       /* utlist, under session.lock */

	pthread_mutex_t queues_lock;  /* of the next five */
	struct cbb_queue *queues;     /* utlist */
	unsigned n_queues;
	_Atomic uint32_t last_queue;  /* its number: none is used again */
	struct cbb_queue *default_queue;
	_Atomic uint64_t bits_taken;  /* lib/queue_bits.h */
	struct {                      /* by bit - 1: what a call looks at, without a lock */
		_Atomic uint64_t dispatcher; /* client_thread.id; 0: none */
		_Atomic int lanes_fd;        /* also before something can come from there: that may begin while a call waits */
		_Atomic bool pull;
		_Atomic int direct_fds[2];   /* what lanes_fd does not show: queue_wait_directly(). -1: none */
	} watched[QUEUE_BITS_MAX];

	pthread_mutex_t hook_lock;
	cbb_failure_hook *hook;       /* under hook_lock, as its data */
	void *hook_data;
};

#endif
