/* SPDX-License-Identifier: MIT */
#include "lib/queue_fds.h"

#include "base/descriptor.h"
#include "base/detail.h"
#include "lib/client.h"
#include "lib/fork.h"
#include "lib/port.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- Beginning and end ---- */

static int epoll_include(int epoll_fd, int fd, struct source *source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int queue_fds_open(struct cbb_queue *queue)
{
	queue->fd = epoll_create1(EPOLL_CLOEXEC);
	queue->lanes_fd = epoll_create1(EPOLL_CLOEXEC);
	queue->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	queue->left_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = queue->fd < 0 || queue->lanes_fd < 0 || queue->ready_fd < 0 || queue->left_fd < 0 ? -errno : 0;
	queue->left.kind = SOURCE_LEFT;
	if (r == 0)
		r = epoll_include(queue->fd, queue->ready_fd, NULL);
	if (r == 0)
		r = epoll_include(queue->lanes_fd, queue->left_fd, &queue->left);
	const int fds[] = {queue->fd, queue->lanes_fd, queue->ready_fd, queue->left_fd};
	for (unsigned i = 0; i < 4 && r == 0; i++)
		r = fork_register(fds[i]);
	return r < 0 ? detail_set(r, "no descriptors for a queue: %s", strerror(-r)) : 0;
}

void queue_fds_close(struct cbb_queue *queue)
{
	const int fds[] = {queue->fd, queue->lanes_fd, queue->ready_fd, queue->left_fd};
	for (unsigned i = 0; i < 4 && queue->fork_epoch == fork_epoch(); i++)
		if (fds[i] >= 0) {
			fork_unregister(fds[i]);
			descriptor_close(fds[i]);
		}
	queue->fd = queue->lanes_fd = queue->ready_fd = queue->left_fd = -1;
}

/* With the lock. */
static int fd_show(struct cbb_queue *queue)
{
	int r = queue->fd_shown ? 0 : epoll_include(queue->fd, queue->lanes_fd, NULL);
	queue->fd_shown = r == 0;
	queue_wait_generally(queue);
	return r;
}

int cbb_queue_fd(const cbb_queue *queue)
{
	if (!queue)
		return -EINVAL;
	struct cbb_queue *shown = (struct cbb_queue *)(uintptr_t)queue; /* what users know of it does not change */
	int r = 0;
	if (queue->fork_epoch == fork_epoch()) {
		pthread_mutex_lock(&shown->lock);
		r = fd_show(shown);
		pthread_mutex_unlock(&shown->lock);
	}
	return r < 0 ? r : queue->fd;
}

/* ---- Sockets ---- */

int queue_watch(struct cbb_queue *queue, int fd, struct source *source)
{
	return epoll_include(queue->lanes_fd, fd, source);
}

void queue_unwatch(struct cbb_queue *queue, int fd)
{
	if (fd >= 0 && queue->fork_epoch == fork_epoch()) /* in a child of fork() both numbers are others' */
		epoll_ctl(queue->lanes_fd, EPOLL_CTL_DEL, fd, NULL);
}

void queue_wait_directly(struct cbb_queue *queue, struct likely likely)
{
	/* An epoll entry that also waits for room to send stays. */
	if (queue->team || queue->pull || queue->fd_shown || likely.port->waits_to_send || likely.port->ended ||
	    (likely.lane && likely.lane->unwatched))
		return;
	int port_fd = likely.port->lane.fd, lane_fd = likely.lane ? likely.lane->base.lane.fd : -1;
	queue->direct = likely;
	queue_bits_set_direct_fds(queue, port_fd, lane_fd); /* first: a call of the dispatcher looks there */
	queue_unwatch(queue, port_fd);
	queue_unwatch(queue, lane_fd);
}

void queue_wait_generally(struct cbb_queue *queue)
{
	struct likely direct = queue->direct;
	if (!direct.port)
		return;
	queue->direct = (struct likely){0};
	if (queue->fork_epoch != fork_epoch()) /* what was open is closed, and its numbers are others' */
		return;
	/* There was room for both a moment ago: the kernel refuses this only without memory, and then the host goes. */
	int r = queue_watch(queue, direct.port->lane.fd, &direct.port->events);
	if (direct.lane && r == 0)
		r = queue_watch(queue, direct.lane->base.lane.fd, &direct.lane->source);
	queue_bits_set_direct_fds(queue, -1, -1);
	if (r < 0 && r != -EBADF && r != -EEXIST) {
		detail_set(r, "a lane could not be watched again: %s", strerror(-r));
		port_end(direct.port, true);
	}
}

/* ---- What no socket shows ---- */

static void raise_fd(int fd)
{
	uint64_t one = 1;
	int saved = errno;
	ssize_t n = write(fd, &one, sizeof one);
	(void)n; /* full: it is readable */
	errno = saved;
}

static void lower_fd(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof count);
	(void)n; /* nothing to read: it was not raised */
}

void queue_wake(struct cbb_queue *queue)
{
	raise_fd(queue->ready_fd);
}

void queue_wake_left(struct cbb_queue *queue)
{
	raise_fd(queue->left_fd);
}

void queue_clear_left(struct cbb_queue *queue)
{
	lower_fd(queue->left_fd);
}

void queue_clear(struct cbb_queue *queue)
{
	lower_fd(queue->ready_fd);
}
