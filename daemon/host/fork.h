/* SPDX-License-Identifier: MIT */
/*
 * A library that forks: the child gets none of our descriptors, its closures return on_error, its death is its own.
 */
#ifndef CBB_HOST_FORK_H
#define CBB_HOST_FORK_H

/* Registers the child handler. 0 or -errno. */
int fork_install(void);

#endif
