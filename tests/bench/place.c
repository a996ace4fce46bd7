/* SPDX-License-Identifier: MIT */
#include "bench/place.h"

#include "base/detail.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {[PLACE_ONE] = "one", [PLACE_SPLIT] = "split", [PLACE_FREE] = "free"};

static enum place_mode chosen = PLACE_FREE;
static int client_core, host_core;

int place_parse(const char *text, enum place_mode *ret_mode)
{
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret_mode = (enum place_mode)i;
			return 0;
		}
	return detail_set(-EINVAL, "--place %s: it is one, split or free", text);
}

const char *place_name(enum place_mode mode)
{
	return names[mode];
}

int place_set(enum place_mode mode)
{
	cpu_set_t allowed;
	int first = -1, last = -1;
	if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
		return detail_set(-errno, "sched_getaffinity: %s", strerror(errno));
	for (int core = 0; core < CPU_SETSIZE; core++)
		if (CPU_ISSET(core, &allowed)) {
			first = first < 0 ? core : first;
			last = core;
		}
	if (mode == PLACE_SPLIT && first == last)
		return detail_set(-ENOTSUP, "--place split: this program may use one core only");
	client_core = first;
	host_core = mode == PLACE_SPLIT ? last : first; /* far apart: neighbours may be one core's two threads */
	chosen = mode;
	place_as_client();
	return 0;
}

enum place_mode place_mode(void)
{
	return chosen;
}

static int move(pid_t thread, int core)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(thread, sizeof set, &set) < 0 ? -errno : 0;
}

void place_as_client(void)
{
	if (chosen != PLACE_FREE)
		move(0, client_core);
}

void place_as_host(void)
{
	if (chosen != PLACE_FREE)
		move(0, host_core);
}

int place_host_process(pid_t pid)
{
	char path[64];
	int r = 0;
	if (chosen == PLACE_FREE)
		return 0;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *tasks = opendir(path);
	if (!tasks)
		return detail_set(-errno, "%s: %s", path, strerror(errno));
	for (const struct dirent *task = readdir(tasks); task && r == 0; task = readdir(tasks)) {
		pid_t thread = (pid_t)atoi(task->d_name);
		r = thread > 0 ? move(thread, host_core) : 0;
		if (r == -ESRCH)
			r = 0; /* it ended meanwhile */
	}
	closedir(tasks);
	return r < 0 ? detail_set(r, "cannot place the threads of process %d: %s", (int)pid, strerror(-r)) : 0;
}

uint32_t place_core(void)
{
	return (uint32_t)(sched_getcpu() + 1);
}
