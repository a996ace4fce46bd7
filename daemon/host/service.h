/* SPDX-License-Identifier: MIT */
/*
 * The service thread: an event loop over the broker's socket and the client's pidfd. It starts lanes and ends the
 * process. It never runs foreign code and never waits for a lane.
 *
 * The host ends when the broker says so; when its client is gone (waiting native threads first get on_error, up to
 * 2 s); when the broker is gone and the last lane has been closed.
 */
#ifndef CBB_HOST_SERVICE_H
#define CBB_HOST_SERVICE_H

struct connection;

/* What native code gets for its end once its client is gone, or exit() was called. */
#define SERVICE_GRACE_MS 2000

/* Takes the connection (what it has already received is served first) and starts the thread. 0 or -errno. */
int service_start(struct connection *connection);

/* Called by a lane's thread as its last act, after lane_thread_count() has gone down. Async-signal-safe. */
void service_lane_closed(void);

/* Something of a queue is left to the service thread. Any thread. */
void service_look_at_queues(void);

/* For the forked child: closes what the service thread has open. */
void service_close_descriptors(void);

#endif
