/* SPDX-License-Identifier: MIT */
/*
 * fork() in the program: the child shares every socket with its parent and must use none. Descriptors are
 * registered here; in the child they are closed, and everything made before belongs to an older epoch.
 * (getpid() in each call would cost more than the call's own bookkeeping.)
 */
#ifndef CBB_CLIENT_FORK_H
#define CBB_CLIENT_FORK_H

/* The number of forks between the process that loaded the library and this one. */
unsigned fork_epoch(void);

/* Called once before anything is registered: installs the pthread_atfork handlers. */
void fork_watch(void);

/* 0, or CBB_ERR_FORKED with a detail text. */
int fork_check(unsigned epoch);

/* A descriptor that a child must not keep. Registering fails only without memory (-ENOMEM). */
int fork_register(int fd);
void fork_unregister(int fd);

/* The lock over registered descriptors and over the lists that link threads, lanes and hosts; held across fork(). */
void registry_lock(void);
void registry_unlock(void);

#endif
