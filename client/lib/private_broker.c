/* SPDX-License-Identifier: MIT */
#include "lib/private_broker.h"

#include "base/descriptor.h"
#include "lib/error.h"
#include "lib/places.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES 65536
#define ANSWER_BYTES 512
/* Where the broker finds its descriptors. */
#define OWNER_FD 3
#define READY_FD 4

struct start {
	const char *program;
	int owner_fd; /* readable once this program is gone */
	int ready_fd;
	char *broker_stack; /* its end */
	sigset_t mask;
	int failed_errno;
};

/* Shares the memory of a program with other threads: system calls only. */
static int broker(void *argument)
{
	struct start *start = argument;
	static char words[][12] = {"cbbrokerd", "--private", "--owner-fd", "3", "--ready-fd", "4"};
	char *const arguments[] = {words[0], words[1], words[2], words[3], words[4], words[5], NULL};
	/* Above the places they go to, so that moving one does not close the other. */
	int owner = fcntl(start->owner_fd, F_DUPFD, 10);
	int ready = fcntl(start->ready_fd, F_DUPFD, 10);
	int null = open("/dev/null", O_RDWR);
	if (owner >= 0 && ready >= 0 && null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(owner, OWNER_FD) >= 0 && dup2(ready, READY_FD) >= 0) {
		close_range(READY_FD + 1, ~0u, 0);
		sigprocmask(SIG_SETMASK, &start->mask, NULL);
		execv(start->program, arguments);
	}
	start->failed_errno = errno;
	return 127;
}

/*
 * A clone without a signal, so that neither SIGCHLD nor wait() tells the program of it. execve() would make it an
 * ordinary child: so another one does that, and is nobody's once this one has ended.
 */
static int child(void *argument)
{
	struct start *start = argument;
	if (clone(broker, start->broker_stack, CLONE_VM | CLONE_VFORK, start) < 0)
		start->failed_errno = errno;
	return 0;
}

/* 0 when the broker's program runs, or start->failed_errno says why not. */
static int launch(struct start *start)
{
	char *stack = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	start->broker_stack = stack + STACK_BYTES;
	/* No handler of the program may run in the children. */
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &start->mask);
	int pid = clone(child, stack + 2 * STACK_BYTES, CLONE_VM | CLONE_VFORK, start);
	int r = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &start->mask, NULL);
	int status = 0;
	if (pid > 0)
		while (waitpid(pid, &status, __WCLONE) < 0 && errno == EINTR)
			;
	munmap(stack, 2 * STACK_BYTES);
	if (r < 0)
		return detail_set(r, "cannot start %s: %s", start->program, strerror(-r));
	if (start->failed_errno)
		return detail_set(-start->failed_errno, "cannot start %s: %s", start->program,
		                  strerror(start->failed_errno));
	return 0;
}

/* The broker's line: "OK path", or "ERR words". */
static int read_answer(int fd, uint64_t deadline_ns, char **ret_path)
{
	char line[ANSWER_BYTES] = "";
	size_t n = 0;
	while (n < sizeof line - 1 && !memchr(line, '\n', n)) {
		int r = descriptor_wait_readable(fd, deadline_ns);
		if (r == 0)
			return detail_set(CBB_ERR_TIMEOUT, "the private broker did not come up in time");
		ssize_t got = r < 0 ? r : read(fd, line + n, sizeof line - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "OK ", 3) == 0 && line[3]) {
		*ret_path = strdup(line + 3);
		return *ret_path ? 0 : -ENOMEM;
	}
	return detail_set(CBB_ERR_BROKER_GONE, "the private broker did not start: %s",
	                  strncmp(line, "ERR ", 4) == 0 ? line + 4 : "it ended without a word");
}

int private_broker_start(uint64_t deadline_ns, char **ret_path)
{
	char *program = places_broker();
	if (!program)
		return CBB_ERR_BROKER_GONE;
	int ready[2] = {-1, -1}, owner[2] = {-1, -1};
	int r = pipe2(ready, O_CLOEXEC) < 0 ? -errno : 0;
	owner[0] = descriptor_pidfd(getpid());
	/* Without pidfds: a pipe that this program holds until its end. */
	if (r == 0 && owner[0] < 0 && pipe2(owner, O_CLOEXEC) < 0)
		r = -errno;
	struct start start = {.program = program, .owner_fd = owner[0], .ready_fd = ready[1]};
	if (r == 0)
		r = launch(&start);
	descriptor_close(ready[1]);
	if (r == 0)
		r = read_answer(ready[0], deadline_ns, ret_path);
	descriptor_close(ready[0]);
	descriptor_close(owner[0]);
	if (r < 0)
		descriptor_close(owner[1]);
	free(program);
	return r;
}
