/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a socket, by the kernel's word.
 */
#ifndef CBB_BROKER_IDENTITY_H
#define CBB_BROKER_IDENTITY_H

#include <sys/types.h>

struct identity {
	pid_t pid;      /* 0: not visible from here */
	uid_t uid;
	char comm[16];  /* printable; "" if it could not be read */
};

/* 0 or -errno. */
int identity_read(int fd, struct identity *ret_identity);

/*
 * A pidfd of the process that connected; -ESRCH: it is gone; -ENOSYS: there is none to have (an old kernel, or a
 * process that is not visible from here); -errno. The number alone could be another process by now: without
 * SO_PEERPIDFD it is taken only if the socket is still open at the other end and the process has the same user.
 */
int identity_pidfd(int fd, const struct identity *identity);

#endif
