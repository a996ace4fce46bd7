/* SPDX-License-Identifier: MIT */
/*
 * The listening socket: found, given or made; and accepting, which running out of descriptors must not end.
 */
#ifndef CBB_BROKER_LISTENER_H
#define CBB_BROKER_LISTENER_H

#include "broker/broker.h"

#include <limits.h>
#include <sys/stat.h>

struct listener {
	struct broker *broker;
	int fd;
	int lock_fd;             /* held as long as the path is ours */
	int spare_fd;            /* closed to accept and turn away when there are no descriptors */
	char path[PATH_MAX];     /* "" if it was given to us */
	struct stat made;        /* what we made at the path */
	uint64_t complained_ns;  /* when running out of descriptors was last logged; 0: never */
	struct loop_watch readable, resume;
};

/*
 * Binds and listens; a stale socket is replaced, a live one is not (-EADDRINUSE). Two brokers that start at once
 * are kept apart by a lock beside the path. Zero-initialized before; 0, or -errno with a detail text.
 */
int listener_bind(struct listener *listener, const char *path);
/* A socket that listens already: of systemd. Takes it. */
int listener_given(struct listener *listener, int fd);
/* Begins to accept. */
int listener_start(struct listener *listener, struct broker *broker);
/* Stops accepting, and removes what was made. Also when half made, and twice. */
void listener_close(struct listener *listener);

#endif
