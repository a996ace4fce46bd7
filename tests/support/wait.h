/* SPDX-License-Identifier: MIT */
/*
 * Waiting with a deadline. All time-outs are multiplied by the environment's CBB_TEST_SLOW (sanitizers, valgrind).
 */
#ifndef CBB_TESTS_SUPPORT_WAIT_H
#define CBB_TESTS_SUPPORT_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* 1 if CBB_TEST_SLOW is not set. */
unsigned harness_slow(void);

/* CBB_TEST_NIGHTLY=1: tests that have a short and a long form run the long one. */
bool harness_nightly(void);

/* Until the condition holds: true; false at the time-out. For what has no descriptor to wait on; looks every 2 ms. */
bool harness_wait_until(bool (*condition)(void *context), void *context, unsigned timeout_ms);

/* Until the descriptor is readable or has ended: true, or false at the time-out. */
bool harness_wait_readable(int fd, unsigned timeout_ms);

/* Until the flag (set by another thread, or in shared memory by another process) is not 0. */
bool harness_wait_flag(const _Atomic int *flag, unsigned timeout_ms);

/* Until this child of ours has ended, and reaps it: true, or false at the time-out. */
bool harness_wait_child(pid_t pid, int *ret_status, unsigned timeout_ms);

/* Until no process with this number is left (reaped by whoever is its parent). */
bool harness_wait_gone(pid_t pid, unsigned timeout_ms);

/* Random numbers that come again: the seed is CBB_TEST_SEED, or `seed` if that is not set. */
uint64_t harness_seed(uint64_t seed);
uint64_t harness_random(uint64_t *state);

#endif
