/* SPDX-License-Identifier: MIT */
#include "broker/identity.h"

#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

static void comm_read(pid_t pid, char comm[16])
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, comm, 15);
	descriptor_close(fd);
	comm[n > 0 ? n : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	for (char *c = comm; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

int identity_read(int fd, struct identity *ret_identity)
{
	struct ucred credentials;
	socklen_t size = sizeof credentials;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	ret_identity->pid = credentials.pid;
	ret_identity->uid = credentials.uid;
	ret_identity->comm[0] = '\0';
	if (credentials.pid > 0)
		comm_read(credentials.pid, ret_identity->comm);
	return 0;
}

static int still_the_same(int fd, const struct identity *identity)
{
	char path[32];
	struct stat status;
	struct pollfd poller = {.fd = fd};
	snprintf(path, sizeof path, "/proc/%d", (int)identity->pid);
	if (poll(&poller, 1, 0) != 0 || stat(path, &status) < 0 || status.st_uid != identity->uid)
		return -ESRCH;
	return 0;
}

int identity_pidfd(int fd, const struct identity *identity)
{
	int pidfd = -1;
	socklen_t size = sizeof pidfd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
		return pidfd;
	if (errno != ENOPROTOOPT)
		return errno == EINVAL ? -ESRCH : -errno;
	if (identity->pid <= 0)
		return -ENOSYS;
	pidfd = descriptor_pidfd(identity->pid);
	int r = pidfd < 0 ? pidfd : still_the_same(fd, identity);
	if (r < 0)
		descriptor_close(pidfd);
	return r < 0 ? r : pidfd;
}
