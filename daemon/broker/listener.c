/* SPDX-License-Identifier: MIT */
#include "broker/listener.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "base/log.h"
#include "broker/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Per turn of the loop, so that sessions are served during a storm of connections. */
#define ACCEPT_BURST 32
/* Without descriptors: whoever ends something in this time makes room. */
#define STARVED_PAUSE_MS 100
/* Said once for as long as it lasts. */
#define STARVED_LOG_NS 10000000000u
#define LOCK_TRIES 16

/* ---- The path ---- */

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof ret_address->sun_path)
		return detail_set(-ENAMETOOLONG, "the socket path %s has %zu bytes, at most %zu are possible", path,
		                  strlen(path), sizeof ret_address->sun_path - 1);
	strcpy(ret_address->sun_path, path);
	return 0;
}

/* The lock file is removed by whoever holds the lock: a lock on a file that is not at the path any more is void. */
static int lock_take_once(const char *path)
{
	struct stat held, there;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return detail_set(-errno, "cannot make %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = errno;
		descriptor_close(fd);
		return error == EWOULDBLOCK ? detail_set(-EADDRINUSE, "another broker runs there (it holds %s)", path)
		                            : detail_set(-error, "locking %s: %s", path, strerror(error));
	}
	if (fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino &&
	    held.st_dev == there.st_dev)
		return fd;
	descriptor_close(fd);
	return -EAGAIN;
}

static void lock_path(const struct listener *listener, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "%s.lock", listener->path);
}

static int lock_take(struct listener *listener)
{
	char path[PATH_MAX + 8];
	int r = -EAGAIN;
	lock_path(listener, path, sizeof path);
	for (int i = 0; i < LOCK_TRIES && r == -EAGAIN; i++)
		r = lock_take_once(path);
	if (r < 0)
		return r == -EAGAIN ? detail_set(-EADDRINUSE, "%s is made and removed all the time", path) : r;
	listener->lock_fd = r;
	return 0;
}

static void lock_release(struct listener *listener)
{
	char path[PATH_MAX + 8];
	if (listener->lock_fd <= 0)
		return;
	lock_path(listener, path, sizeof path);
	unlink(path);
	listener->lock_fd = descriptor_close(listener->lock_fd);
}

/* Under the lock. Something else may be at the path: a broker of another kind, or no socket at all. */
static int stale_remove(const char *path, const struct sockaddr_un *address)
{
	struct stat status;
	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : detail_set(-errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(status.st_mode))
		return detail_set(-EEXIST, "%s exists and is not a socket: remove it, or say another --socket", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
	descriptor_close(fd);
	if (r != -ECONNREFUSED)
		return detail_set(-EADDRINUSE, "something listens at %s: end it, or say another --socket", path);
	log_info("replacing the stale socket %s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return detail_set(-errno, "removing the stale %s: %s", path, strerror(errno));
	return 0;
}

static int socket_make(struct listener *listener, const struct sockaddr_un *address)
{
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return detail_set(-errno, "socket: %s", strerror(errno));
	mode_t before = umask(0177);
	int r = bind(listener->fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
	umask(before);
	if (r < 0)
		return detail_set(r, "binding %s: %s", address->sun_path, strerror(-r));
	if (lstat(address->sun_path, &listener->made) < 0 || listen(listener->fd, SOMAXCONN) < 0)
		return detail_set(-errno, "listening at %s: %s", address->sun_path, strerror(errno));
	return 0;
}

int listener_bind(struct listener *listener, const char *path)
{
	struct sockaddr_un address;
	*listener = (struct listener){.fd = -1, .lock_fd = -1, .spare_fd = -1};
	int r = address_of(path, &address);
	if (r < 0)
		return r;
	snprintf(listener->path, sizeof listener->path, "%s", path);
	r = lock_take(listener);
	if (r == 0)
		r = stale_remove(path, &address);
	if (r == 0)
		r = socket_make(listener, &address);
	if (r < 0) {
		char words[DETAIL_SIZE];
		snprintf(words, sizeof words, "%s", detail_text());
		listener_close(listener);
		return detail_set(r, "%s", words);
	}
	return 0;
}

int listener_given(struct listener *listener, int fd)
{
	*listener = (struct listener){.fd = fd, .lock_fd = -1, .spare_fd = -1};
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return detail_set(-errno, "the socket that was given: %s", strerror(errno));
	return 0;
}

/* ---- Accepting ---- */

static int spare_open(void)
{
	return open(_PATH_DEVNULL, O_RDONLY | O_CLOEXEC);
}

/* There is no descriptor for a new connection: the first is told so, the others wait in the backlog. */
static void listener_starve(struct listener *listener, int error)
{
	uint64_t now_ns = clock_now_ns();
	if (listener->complained_ns == 0 || now_ns - listener->complained_ns > STARVED_LOG_NS)
		log_warning("accepting connections: %s; new ones are turned away", strerror(error));
	listener->complained_ns = now_ns;
	listener->spare_fd = descriptor_close(listener->spare_fd);
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		hello_turn_away(fd, CBB__STATUS__STATUS_LIMIT,
		                "the broker has no descriptors left: end something first");
	listener->spare_fd = spare_open();
	loop_disarm(&listener->readable);
	loop_arm_ms(&listener->resume, STARVED_PAUSE_MS);
}

static void listener_readable(void *data)
{
	struct listener *listener = data;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			broker_accepted(listener->broker, fd);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED) {
			listener_starve(listener, errno);
			return;
		}
	}
}

static void listener_resume(void *data)
{
	struct listener *listener = data;
	loop_arm(&listener->readable);
}

int listener_start(struct listener *listener, struct broker *broker)
{
	listener->broker = broker;
	listener->spare_fd = spare_open();
	int r = loop_timer(&broker->loop, &listener->resume, listener_resume, listener);
	if (r == 0)
		r = loop_readable(&broker->loop, &listener->readable, listener->fd, listener_readable, listener);
	return r < 0 ? detail_set(r, "event loop: %s", strerror(-r)) : 0;
}

void listener_close(struct listener *listener)
{
	struct stat there;
	loop_end(&listener->readable);
	loop_end(&listener->resume);
	if (listener->made.st_ino && lstat(listener->path, &there) == 0 && there.st_ino == listener->made.st_ino &&
	    there.st_dev == listener->made.st_dev)
		unlink(listener->path);
	listener->made.st_ino = 0;
	lock_release(listener);
	listener->fd = descriptor_close(listener->fd);
	listener->spare_fd = descriptor_close(listener->spare_fd);
}
