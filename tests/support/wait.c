/* SPDX-License-Identifier: MIT */
#include "support/wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#ifndef HARNESS_SLOW
#define HARNESS_SLOW 1
#endif
#define LOOK_EVERY_MS 2

unsigned harness_slow(void)
{
	const char *text = getenv("CBB_TEST_SLOW");
	int factor = text ? atoi(text) : HARNESS_SLOW;
	return factor > 0 ? (unsigned)factor : 1;
}

bool harness_nightly(void)
{
	const char *text = getenv("CBB_TEST_NIGHTLY");
	return text && strcmp(text, "1") == 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool harness_wait_until(bool (*condition)(void *context), void *context, unsigned timeout_ms)
{
	uint64_t end_ms = now_ms() + (uint64_t)timeout_ms * harness_slow();
	while (!condition(context)) {
		if (now_ms() >= end_ms)
			return condition(context);
		poll(NULL, 0, LOOK_EVERY_MS);
	}
	return true;
}

bool harness_wait_readable(int fd, unsigned timeout_ms)
{
	uint64_t end_ms = now_ms() + (uint64_t)timeout_ms * harness_slow();
	for (;;) {
		uint64_t now = now_ms();
		struct pollfd poller = {.fd = fd, .events = POLLIN};
		int n = poll(&poller, 1, now >= end_ms ? 0 : (int)(end_ms - now));
		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static bool flag_is_set(void *flag)
{
	return *(const _Atomic int *)flag != 0;
}

bool harness_wait_flag(const _Atomic int *flag, unsigned timeout_ms)
{
	return harness_wait_until(flag_is_set, (void *)flag, timeout_ms);
}

struct child {
	pid_t pid;
	int status;
};

static bool child_has_ended(void *context)
{
	struct child *child = context;
	return waitpid(child->pid, &child->status, WNOHANG) == child->pid;
}

bool harness_wait_child(pid_t pid, int *ret_status, unsigned timeout_ms)
{
	struct child child = {.pid = pid};
	if (!harness_wait_until(child_has_ended, &child, timeout_ms))
		return false;
	if (ret_status)
		*ret_status = child.status;
	return true;
}

static bool process_is_gone(void *context)
{
	return kill(*(pid_t *)context, 0) < 0 && errno == ESRCH;
}

bool harness_wait_gone(pid_t pid, unsigned timeout_ms)
{
	return harness_wait_until(process_is_gone, &pid, timeout_ms);
}

uint64_t harness_seed(uint64_t seed)
{
	const char *text = getenv("CBB_TEST_SEED");
	return text ? strtoull(text, NULL, 0) : seed;
}

/* splitmix64 */
uint64_t harness_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}
