/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of a queue: what the program, its dispatcher, and threads that wait in calls are woken by.
 */
#ifndef CBB_CLIENT_QUEUE_FDS_H
#define CBB_CLIENT_QUEUE_FDS_H

#include "lib/queue.h"

/* 0 or a negative code with a detail text; then queue_fds_close() is due, too. */
int queue_fds_open(struct cbb_queue *queue);
void queue_fds_close(struct cbb_queue *queue);

/* lanes_fd shows when the socket is readable. 0 or -errno. */
int queue_watch(struct cbb_queue *queue, int fd, struct source *source);
void queue_unwatch(struct cbb_queue *queue, int fd);

/*
 * What a dispatcher waits for directly, time after time, is taken from lanes_fd: each message there would wake, beside
 * the dispatcher, an epoll descriptor (0.6 us of 10 on one core). Until somebody else has to see it. With the lock.
 */
void queue_wait_directly(struct cbb_queue *queue, struct likely likely);
void queue_wait_generally(struct cbb_queue *queue);

/* Makes the descriptor readable, and wakes who dispatches. Any thread; with or without the lock; a signal handler. */
void queue_wake(struct cbb_queue *queue);
/* Something of native threads that wait has been read, and not dealt with. As queue_wake. */
void queue_wake_left(struct cbb_queue *queue);
/* What made it readable is going to be looked at. */
void queue_clear(struct cbb_queue *queue);
void queue_clear_left(struct cbb_queue *queue);

#endif
