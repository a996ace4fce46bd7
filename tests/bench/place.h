/* SPDX-License-Identifier: MIT */
/*
 * Which core runs what. A round trip within one core and one between two differ by more than anything else here.
 */
#ifndef CBB_BENCH_PLACE_H
#define CBB_BENCH_PLACE_H

#include <stdint.h>
#include <sys/types.h>

enum place_mode {
	PLACE_ONE,   /* everything on one core */
	PLACE_SPLIT, /* the client on one core, hosts and broker on another */
	PLACE_FREE,  /* where the scheduler likes */
};

/* 0, -EINVAL; ret_mode is for "one", "split", "free". */
int place_parse(const char *text, enum place_mode *ret_mode);
const char *place_name(enum place_mode mode);

/* Chooses cores among those that this program may use. 0, -ENOTSUP (split with one core), -errno; with words. */
int place_set(enum place_mode mode);
enum place_mode place_mode(void);

/* Moves the calling thread; the processes and threads that it starts begin where it is. */
void place_as_client(void);
void place_as_host(void);

/* Moves all threads of another process to the host's core. 0, -errno with words. */
int place_host_process(pid_t pid);

/* The processor + 1 of the calling thread, as lanes tell each other. */
uint32_t place_core(void);

#endif
