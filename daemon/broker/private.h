/* SPDX-License-Identifier: MIT */
/*
 * A private broker: started by one program for itself, no child of it, at a socket in a directory of its own, and
 * ended when that program is gone.
 */
#ifndef CBB_BROKER_PRIVATE_H
#define CBB_BROKER_PRIVATE_H

#include "broker/broker.h"

#include <limits.h>

struct private_broker {
	struct broker *broker;
	int owner_fd;              /* readable: the owner is gone */
	int ready_fd;
	char directory[PATH_MAX];  /* "" until made */
	char socket[PATH_MAX + 16];
	struct loop_watch owner_gone;
};

/*
 * Leaves the program behind: returns in a new process, without the program's descriptors (but standard output and
 * error), session, signal mask and directory, with a directory and a path for the socket. The first process exits
 * here with status 0. 0, or -errno with a detail text.
 */
int private_begin(struct private_broker *private_broker, int owner_fd, int ready_fd, const char *parent_directory);
/* Ends the broker when the owner is gone. */
int private_watch(struct private_broker *private_broker, struct broker *broker);
/* Tells the program "OK PATH", or "ERR " and the present detail text. */
void private_say_ready(struct private_broker *private_broker, int status);
/* Removes the directory. */
void private_end(struct private_broker *private_broker);

#endif
