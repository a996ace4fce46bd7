/* SPDX-License-Identifier: MIT */
#include "broker/spawn.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "broker/broker.h"
#include "broker/bytes.h"
#include "wire/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_TIMEOUT_MS 1000
/* Above what dup2 is about to fill. */
#define PARKED_FD_MIN 10

/* ---- In the child ---- */

/* Says over the socket what failed, and ends. */
static _Noreturn void child_fail(int socket_fd, int status)
{
	struct connection connection;
	Cbb__HostHello hello;
	cbb__host_hello__init(&hello);
	hello.version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	hello.software = bytes_of_text(BROKER_SOFTWARE);
	hello.pid = (uint32_t)getpid();
	hello.status = status;
	hello.detail = bytes_of_text(detail_text());
	connection_init(&connection, socket_fd, FRAME_HELLO_MAX_BYTES);
	connection_send(&connection, CBB__FRAME_TYPE__FRAME_HOST_HELLO, &hello.base, NULL, 0,
	                clock_deadline_ns(REPORT_TIMEOUT_MS));
	_exit(127);
}

static void child_reset_signals(void)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Descriptors may sit where others shall go: first all out of the way, then each to its place. */
static int child_place_descriptors(const struct spawn *spawn, int *socket_fd)
{
	const int own[3] = {-1, STDOUT_FILENO, STDERR_FILENO};
	int parked[3];
	*socket_fd = fcntl(*socket_fd, F_DUPFD_CLOEXEC, PARKED_FD_MIN);
	for (int i = 0; i < 3; i++) {
		int from = spawn->stdio[i] >= 0 ? spawn->stdio[i] : own[i];
		if (from < 0)
			from = open(_PATH_DEVNULL, O_RDONLY | O_CLOEXEC);
		parked[i] = fcntl(from, F_DUPFD_CLOEXEC, PARKED_FD_MIN);
		if (parked[i] < 0)
			return detail_set(-errno, "the host's standard descriptor %d: %s", i, strerror(errno));
	}
	for (int i = 0; i < 3; i++)
		if (dup2(parked[i], i) < 0)
			return detail_set(-errno, "the host's standard descriptor %d: %s", i, strerror(errno));
	if (dup2(*socket_fd, SPAWN_SOCKET_FD) < 0)
		return detail_set(-errno, "the host's socket: %s", strerror(errno));
	*socket_fd = SPAWN_SOCKET_FD;
	closefrom(SPAWN_SOCKET_FD + 1);
	return 0;
}

static _Noreturn void child_run(const struct spawn *spawn, int socket_fd)
{
	char *const arguments[] = {(char *)(uintptr_t) "cbb-host", NULL};
	setsid(); /* a Ctrl-C at the program's terminal is not meant for its libraries */
	child_reset_signals();
	int r = child_place_descriptors(spawn, &socket_fd);
	if (r < 0)
		child_fail(socket_fd, r);
	setrlimit(RLIMIT_NOFILE, &spawn->files);
	umask(spawn->umask);
	if (chdir(spawn->directory) < 0)
		child_fail(socket_fd,
		           detail_set(-errno, "working directory %s: %s", spawn->directory, strerror(errno)));
	execve(spawn->program, arguments, spawn->environment);
	child_fail(socket_fd, detail_set(-errno, "executing %s: %s", spawn->program, strerror(errno)));
}

/* ---- In the broker ---- */

int spawn_host(const struct spawn *spawn, pid_t *ret_pid, int *ret_socket)
{
	int pair[2];
	sigset_t all, before;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return detail_set(-errno, "a socket for the host: %s", strerror(errno));
	/* A signal that reached the child before it has its own dispositions would look like the broker's. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	if (pid == 0)
		child_run(spawn, pair[1]);
	int error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	descriptor_close(pair[1]);
	if (pid < 0) {
		descriptor_close(pair[0]);
		return detail_set(-error, "a process for the host: %s", strerror(error));
	}
	*ret_pid = pid;
	*ret_socket = pair[0];
	return 0;
}
