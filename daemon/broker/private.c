/* SPDX-License-Identifier: MIT */
#include "broker/private.h"

#include "base/descriptor.h"
#include "base/detail.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Leaving the program ---- */

static int leave_process(void)
{
	pid_t pid = fork();
	if (pid < 0)
		return detail_set(-errno, "fork: %s", strerror(errno));
	if (pid > 0)
		_exit(0);
	setsid();
	return 0;
}

/* The program may ignore or block what we live by: an ignored SIGCHLD would hide how hosts end. */
static void reset_signals(void)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_range_between(unsigned first, unsigned last)
{
	if (first <= last && close_range(first, last, 0) < 0)
		for (unsigned fd = first; fd <= last && fd < 65536; fd++)
			close((int)fd);
}

/* A pipe or listening socket of the program that it did not mark must not stay open for our sake. */
static int leave_descriptors(struct private_broker *private_broker)
{
	unsigned a = (unsigned)private_broker->owner_fd, b = (unsigned)private_broker->ready_fd;
	unsigned low = a < b ? a : b, high = a < b ? b : a;
	close_range_between(3, low - 1);
	close_range_between(low + 1, high - 1);
	close_range_between(high + 1, ~0u);
	fcntl(private_broker->owner_fd, F_SETFD, FD_CLOEXEC);
	fcntl(private_broker->ready_fd, F_SETFD, FD_CLOEXEC);
	int null = open(_PATH_DEVNULL, O_RDWR | O_CLOEXEC);
	if (null < 0)
		return detail_set(-errno, "%s: %s", _PATH_DEVNULL, strerror(errno));
	dup2(null, STDIN_FILENO);
	descriptor_close(null);
	return 0;
}

/* ---- The directory ---- */

static int directory_make(struct private_broker *private_broker, const char *parent)
{
	char path[PATH_MAX];
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	if (!parent)
		parent = runtime && runtime[0] == '/' && access(runtime, W_OK) == 0 ? runtime : "/tmp";
	int n = snprintf(path, sizeof path, "%s/cbbroker-XXXXXX", parent);
	if (n < 0 || (size_t)n >= sizeof path)
		return detail_set(-ENAMETOOLONG, "%s is too long for a socket's directory", parent);
	if (!mkdtemp(path))
		return detail_set(-errno, "cannot make a directory in %s: %s", parent, strerror(errno));
	strcpy(private_broker->directory, path);
	snprintf(private_broker->socket, sizeof private_broker->socket, "%s/broker.sock", path);
	return 0;
}

void private_end(struct private_broker *private_broker)
{
	loop_end(&private_broker->owner_gone);
	if (private_broker->directory[0])
		rmdir(private_broker->directory);
	private_broker->directory[0] = '\0';
	private_broker->owner_fd = descriptor_close(private_broker->owner_fd);
	private_broker->ready_fd = descriptor_close(private_broker->ready_fd);
}

int private_begin(struct private_broker *private_broker, int owner_fd, int ready_fd, const char *parent_directory)
{
	*private_broker = (struct private_broker){.owner_fd = owner_fd, .ready_fd = ready_fd};
	if (owner_fd < 3 || ready_fd < 3 || owner_fd == ready_fd || fcntl(owner_fd, F_GETFD) < 0 ||
	    fcntl(ready_fd, F_GETFD) < 0) {
		private_broker->owner_fd = private_broker->ready_fd = -1;
		return detail_set(-EBADF, "--private needs two open descriptors above 2: --owner-fd and --ready-fd");
	}
	int r = leave_process();
	if (r < 0)
		return r;
	reset_signals();
	r = leave_descriptors(private_broker);
	if (r == 0 && chdir("/") < 0)
		r = detail_set(-errno, "/: %s", strerror(errno));
	return r < 0 ? r : directory_make(private_broker, parent_directory);
}

/* ---- The owner ---- */

static void private_owner_gone(void *data)
{
	struct private_broker *private_broker = data;
	loop_disarm(&private_broker->owner_gone);
	broker_stop(private_broker->broker, "its program ended");
}

int private_watch(struct private_broker *private_broker, struct broker *broker)
{
	private_broker->broker = broker;
	int r = loop_readable(&broker->loop, &private_broker->owner_gone, private_broker->owner_fd, private_owner_gone,
	                      private_broker);
	return r < 0 ? detail_set(r, "cannot watch the program: %s", strerror(-r)) : 0;
}

void private_say_ready(struct private_broker *private_broker, int status)
{
	if (private_broker->ready_fd < 0)
		return;
	if (status < 0)
		dprintf(private_broker->ready_fd, "ERR %s\n", detail_text());
	else
		dprintf(private_broker->ready_fd, "OK %s\n", private_broker->socket);
	private_broker->ready_fd = descriptor_close(private_broker->ready_fd);
}
