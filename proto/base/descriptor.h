/* SPDX-License-Identifier: MIT */
/*
 * File descriptors: closing, cleanup, and the system calls that Debian 12's glibc has no name for.
 */
#ifndef CBB_BASE_DESCRIPTOR_H
#define CBB_BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/types.h>

/* Closes unless negative; keeps errno. Returns -1, so that one line both closes and forgets. */
int descriptor_close(int fd);
/* The same of one that a peer passed: a socket's last close waits as long as its SO_LINGER says, and ours must not. */
int descriptor_discard(int fd);

/* For __attribute__((cleanup(descriptor_cleanup))). */
void descriptor_cleanup(int *fd);

/* A descriptor that stands for a process; -errno. -ENOSYS under valgrind 3.19. */
int descriptor_pidfd(pid_t pid);

/* Whether the process behind a pidfd is gone. */
bool descriptor_process_gone(int pidfd);

/* Waits until the descriptor is readable (or has ended): 1, 0 at the deadline, -errno. */
int descriptor_wait_readable(int fd, unsigned long long deadline_ns);

#endif
