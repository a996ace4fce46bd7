/* SPDX-License-Identifier: MIT */
#include "base/descriptor.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int descriptor_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;
		close(fd);
		errno = saved;
	}
	return -1;
}

int descriptor_discard(int fd)
{
	const struct linger none = {0};
	int saved = errno;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	errno = saved;
	return descriptor_close(fd);
}

void descriptor_cleanup(int *fd)
{
	*fd = descriptor_close(*fd);
}

int descriptor_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 ? -errno : fd;
}

bool descriptor_process_gone(int pidfd)
{
	struct pollfd poller = {.fd = pidfd, .events = POLLIN};
	return pidfd >= 0 && poll(&poller, 1, 0) == 1;
}

int descriptor_wait_readable(int fd, unsigned long long deadline_ns)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	for (;;) {
		int n = poll(&poller, 1, clock_left_ms(deadline_ns));
		if (n >= 0)
			return n > 0 ? 1 : 0;
		if (errno != EINTR)
			return -errno;
	}
}
