/* SPDX-License-Identifier: MIT */
/*
 * Time: CLOCK_MONOTONIC in nanoseconds, and deadlines on it.
 */
#ifndef CBB_BASE_CLOCK_H
#define CBB_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER UINT64_MAX /* the deadline of a wait that has none */

uint64_t clock_now_ns(void);
/* The same a few milliseconds late, for a quarter of the cost. */
uint64_t clock_coarse_ns(void);

/* The moment timeout_ms from now; CLOCK_NEVER for UINT64_MAX or what does not fit. */
uint64_t clock_deadline_ns(uint64_t timeout_ms);

/* The same moment, for a condition that waits on CLOCK_MONOTONIC. */
struct timespec clock_timespec(uint64_t deadline_ns);

/* What is left for poll(2): -1 for CLOCK_NEVER, 0 when passed, else milliseconds rounded up. */
int clock_left_ms(uint64_t deadline_ns);

#endif
