/* SPDX-License-Identifier: MIT */
/*
 * A host as the client sees it: process, state, and the tables of what crosses the boundary with it.
 */
#ifndef CBB_CLIENT_HOST_H
#define CBB_CLIENT_HOST_H

#include "lib/callback_table.h"
#include "cbbroker.h"
#include "cbbroker.pb-c.h"
#include "lib/handles.h"
#include "lib/tokens.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct client_lane;

struct cbb_host {
	struct cbb_client *client;
	struct cbb_host *prev, *next;     /* client->hosts */
	unsigned fork_epoch;
	uint64_t id;
	pid_t pid;
	int pidfd;                        /* -1 where the system has none */
	uint64_t call_timeout_ms;
	uint64_t max_payload_bytes;

	_Atomic bool dead;                /* the process is gone, or cut off: no call begins any more */
	_Atomic bool closing;             /* cbb_host_close has begun */
	_Atomic uint32_t n_inside;        /* threads inside a call, with the handlers they run */
	bool exited;                      /* the broker told how it ended; under session.lock */
	bool asked;                       /* cbb_host_kill or cbb_host_close asked for it; under session.lock */
	cbb_report report;                /* of its end, once `exited` */
	char *fault;                      /* how it broke the protocol, if it did; under `lock` */

	struct client_lane *lanes;        /* utlist, under registry_lock */
	pthread_mutex_t ports_lock;       /* of ports; held while one is attached */
	struct port *ports;               /* utlist: where it meets queues (lib/port.h) */
	struct async_calls *async;        /* calls of cbb_call_async; made with the first */
	uint64_t max_async_calls, max_async_waiting;
	pthread_mutex_t lock;             /* of libraries */
	struct cbb_library *libraries;    /* utlist */
	uint32_t n_libraries;
	struct callback_table callbacks;
	struct token_table tokens;
	struct handle_table handles;
};

/* Begins a call: counts this thread in. 0, CBB_ERR_FORKED, CBB_ERR_HOST_DIED. Pair with host_leave. */
int host_enter(struct cbb_host *host);
void host_leave(struct cbb_host *host);
/*
 * Counts this thread in to deal with what came from the host, which may have died meanwhile. False: it is being closed.
 * Pair with host_leave.
 */
bool host_hold(struct cbb_host *host);

/* A lane saw the end of the process. Returns CBB_ERR_HOST_DIED with a detail text. `during`: function name or NULL. */
int host_note_death(struct cbb_host *host, const char *during);
/* The host broke the protocol (the detail text says how): it is ended. Returns CBB_ERR_PROTOCOL. */
int host_cut_off(struct cbb_host *host);

/*
 * WOULD_DEADLOCK with a detail text: this thread is in a call into it, or runs something of it. `here`: lib/unwind.h.
 */
int host_check_outside(const struct cbb_host *host, const void *here);

/* session_exited of the client's session. */
void host_note_exited(void *client, const Cbb__HostExited *exited);

#endif
