/* SPDX-License-Identifier: MIT */
#include "support/leftover.h"

#include "support/expect.h"
#include "support/wait.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBERS_MAX 4096
#define LINK_SIZE 64
#define THREADS_GRACE_MS 5000
#define PROCESSES_GRACE_MS 6000

struct numbers {
	unsigned n;
	int values[NUMBERS_MAX];
};

static struct numbers fds_before, threads_before;
static char links_before[NUMBERS_MAX][LINK_SIZE];

/* The numbers that are a folder's entries: of descriptors, of threads. */
static void numbers_read(const char *path, struct numbers *numbers)
{
	numbers->n = 0;
	DIR *folder = opendir(path);
	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder)) && numbers->n < NUMBERS_MAX;)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(folder))
			numbers->values[numbers->n++] = atoi(entry->d_name);
	closedir(folder);
}

static int numbers_find(const struct numbers *numbers, int value)
{
	for (unsigned i = 0; i < numbers->n; i++)
		if (numbers->values[i] == value)
			return (int)i;
	return -1;
}

static void fd_link(int fd, char *link, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, link, size - 1);
	link[n < 0 ? 0 : n] = '\0';
}

static void fds_check(void)
{
	static struct numbers now;
	numbers_read("/proc/self/fd", &now);
	for (unsigned i = 0; i < now.n; i++) {
		char link[LINK_SIZE];
		int fd = now.values[i], before = numbers_find(&fds_before, fd);
		fd_link(fd, link, sizeof link);
		if (before < 0)
			expect_fail("", 0, "descriptor %d is left open: %s", fd, link);
		else if (strcmp(links_before[before], link) != 0)
			expect_fail("", 0, "descriptor %d was %s and is %s", fd, links_before[before], link);
	}
	for (unsigned i = 0; i < fds_before.n; i++)
		if (numbers_find(&now, fds_before.values[i]) < 0)
			expect_fail("", 0, "descriptor %d (%s) was open before the test and is not after",
			            fds_before.values[i], links_before[i]);
}

/* ThreadSanitizer's own threads, which come and go as it likes: all real-time signals are blocked on them. */
static bool thread_is_checkers(int thread)
{
#if defined(__SANITIZE_THREAD__)
	char path[64], line[128];
	unsigned long long blocked = 0;
	snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		sscanf(line, "SigBlk: %llx", &blocked);
	if (file)
		fclose(file);
	return blocked >> 32 == 0xfffffffe;
#else
	(void)thread;
	return false;
#endif
}

static bool thread_is_new(int thread)
{
	return numbers_find(&threads_before, thread) < 0 && !thread_is_checkers(thread);
}

/* A joined thread may stay visible in /proc for a moment. */
static bool threads_are_gone(void *context)
{
	struct numbers *now = context;
	numbers_read("/proc/self/task", now);
	for (unsigned i = 0; i < now->n; i++)
		if (thread_is_new(now->values[i]))
			return false;
	return true;
}

static void name_read(const char *folder, int number, char name[32])
{
	char path[64];
	snprintf(path, sizeof path, "%s/%d/comm", folder, number);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, name, 31);
	name[n < 0 ? 0 : n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

static void threads_check(void)
{
	static struct numbers now;
	if (harness_wait_until(threads_are_gone, &now, THREADS_GRACE_MS))
		return;
	for (unsigned i = 0; i < now.n; i++) {
		char name[32];
		if (!thread_is_new(now.values[i]))
			continue;
		name_read("/proc/self/task", now.values[i], name);
		expect_fail("", 0, "thread %d (%s) is left running", now.values[i], name);
	}
}

void leftover_remember(void)
{
	numbers_read("/proc/self/task", &threads_before);
	numbers_read("/proc/self/fd", &fds_before);
	for (unsigned i = 0; i < fds_before.n; i++)
		fd_link(fds_before.values[i], links_before[i], LINK_SIZE);
}

void leftover_check(void)
{
	threads_check();
	fds_check();
}

/* ---- Processes ---- */

static bool no_child_is_left(void *context)
{
	(void)context;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void child_report(pid_t pid)
{
	char path[64], name[32], command[256];
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, command, sizeof command - 1);
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i + 1 < n; i++)
		if (command[i] == '\0')
			command[i] = ' ';
	command[n < 0 ? 0 : n] = '\0';
	name_read("/proc", pid, name);
	expect_fail("", 0, "process %d (%s: %s) outlived the test; killed", pid, name, command);
}

static void children_kill(bool report)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/task/%d/children", gettid());
	FILE *file = fopen(path, "re");
	for (int pid; file && fscanf(file, "%d", &pid) == 1;) {
		if (report)
			child_report(pid);
		kill(pid, SIGKILL);
	}
	if (file)
		fclose(file);
}

void leftover_end_processes(bool grace)
{
	if (grace && harness_wait_until(no_child_is_left, NULL, PROCESSES_GRACE_MS))
		return;
	children_kill(grace);
	/* Their children fall to us when they die, and are no news. */
	while (!harness_wait_until(no_child_is_left, NULL, 50))
		children_kill(false);
}
