/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

#define NS_PER_MS 1000000u

static uint64_t read_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_coarse_ns(void)
{
	return read_ns(CLOCK_MONOTONIC_COARSE);
}

uint64_t clock_deadline_ns(uint64_t timeout_ms)
{
	uint64_t now_ns = clock_now_ns();
	if (timeout_ms > (CLOCK_NEVER - 1 - now_ns) / NS_PER_MS)
		return CLOCK_NEVER;
	return now_ns + timeout_ms * NS_PER_MS;
}

int clock_left_ms(uint64_t deadline_ns)
{
	if (deadline_ns == CLOCK_NEVER)
		return -1;
	uint64_t now_ns = clock_now_ns();
	if (now_ns >= deadline_ns)
		return 0;
	uint64_t left_ms = (deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

struct timespec clock_timespec(uint64_t deadline_ns)
{
	return (struct timespec){.tv_sec = (time_t)(deadline_ns / 1000000000u), .tv_nsec = (long)(deadline_ns % 1000000000u)};
}
