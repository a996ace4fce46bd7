/* SPDX-License-Identifier: MIT */
/*
 * Starting a host process: everything between fork and exec. The process begins with nothing of the broker's but
 * what is named here: its socket to the broker is descriptor 3, everything above is closed.
 */
#ifndef CBB_BROKER_SPAWN_H
#define CBB_BROKER_SPAWN_H

#include <sys/resource.h>
#include <sys/types.h>

/* The host program finds its connection to the broker here. */
#define SPAWN_SOCKET_FD 3

struct spawn {
	const char *program;
	const char *directory;
	char *const *environment;
	mode_t umask;
	int stdio[3];          /* -1: /dev/null for input, the broker's own for output */
	struct rlimit files;
};

/*
 * The new process and the broker's end of its socket; -errno with a detail text. What fails after fork
 * comes as a HostHello with a status over that socket, as if the host program had said it.
 */
int spawn_host(const struct spawn *spawn, pid_t *ret_pid, int *ret_socket);

#endif
