/* SPDX-License-Identifier: MIT */
/*
 * What this process knows of itself: what the broker said in the handshake. Written once, before any other
 * thread exists.
 */
#ifndef CBB_HOST_HOST_H
#define CBB_HOST_HOST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct telemetry_page;

/* Of an OpenHost that says nothing. */
#define HOST_CLOSURES_DEFAULT 1200000

struct host {
	uint64_t id;
	uint64_t max_payload_bytes;  /* of an Invoke or Return on a lane */
	uint64_t stack_bytes;        /* of the threads that serve lanes */
	uint64_t max_closures;       /* addresses that callbacks may ever take */
	int client_pidfd;            /* -1: not known (no pidfd_open here); the broker watches too */
	pid_t client_pid;
	struct telemetry_page *page; /* NULL in tests */
};

/* Never NULL. Before host_become(): no page, no client, the default limits. */
const struct host *host_self(void);
void host_become(const struct host *host);

/*
 * True in a process that the library forked. Nothing of ours works there: our descriptors are closed, closures
 * return on_error at once, a crash or exit() of it is not the host's.
 */
extern _Atomic bool host_forked_child;

#endif
