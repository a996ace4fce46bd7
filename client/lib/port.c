/* SPDX-License-Identifier: MIT */
#include "lib/port.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/async.h"
#include "lib/callback.h"
#include "lib/client.h"
#include "lib/deferred.h"
#include "lib/dispatch.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/queue_fds.h"
#include "lib/record_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <utlist.h>

/* What an unlimited queue has on its way at one time. */
#define WINDOW_EVENTS_UNLIMITED 512
#define WINDOW_BYTES_UNLIMITED (8u << 20)
/* Many slow handlers in a row are no stall. */
#define TELL_AFTER_MS 100u
/* A host that does not read what little is said to it. */
#define OUT_MAX_BYTES (1u << 20)
#define LOOK_AGAIN_MS 10

/* ---- Sockets in the queue's epoll ---- */

static void watch_room(struct port *port, bool wanted)
{
	struct epoll_event event = {.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = &port->events};
	queue_wait_generally(port->queue);
	port->waits_to_send = wanted;
	epoll_ctl(port->queue->lanes_fd, EPOLL_CTL_MOD, port->lane.fd, &event);
}

/* ---- Beginning ---- */

static uint64_t half(uint64_t bound, uint64_t unlimited)
{
	if (bound == CBB_UNLIMITED)
		return unlimited;
	return bound < 2 ? 1 : bound / 2;
}

static struct port *port_new(struct cbb_queue *queue, struct cbb_host *host)
{
	struct port *port = calloc(1, sizeof *port);
	if (!port || !(port->end_record = calloc(1, sizeof *port->end_record))) {
		free(port);
		return NULL;
	}
	port->queue = queue;
	port->host = host;
	port->lane.fd = -1;
	port->window_events = half(queue->max_events, WINDOW_EVENTS_UNLIMITED);
	port->window_bytes = 2 * half(queue->max_bytes, WINDOW_BYTES_UNLIMITED) + host->max_payload_bytes;
	port->tell_after_ns = (queue->stall_ms / 4 < TELL_AFTER_MS ? queue->stall_ms / 4 : TELL_AFTER_MS) * 1000000;
	port->events = (struct source){SOURCE_EVENTS, port};
	port->process = (struct source){SOURCE_PROCESS, port};
	return port;
}

static void port_free(struct port *port)
{
	struct record *record, *next;
	DL_FOREACH_SAFE (port->records, record, next)
		free(record);
	LL_FOREACH_SAFE (port->spare, record, next)
		free(record);
	lane_free(&port->lane);
	free(port->end_record);
	free(port->beyond);
	free(port->fault);
	free(port);
}

static int connect_port(struct port *port, uint64_t deadline_ns)
{
	const struct cbb_queue *queue = port->queue;
	const struct session_lane wanted = {.host = port->host->id, .kind = CBB__LANE_KIND__LANE_EVENTS,
	                                    .queue = queue->number, .queue_max_events = queue->max_events,
	                                    .queue_max_bytes = queue->max_bytes, .queue_stall_ms = queue->stall_ms,
	                                    .queue_bit = queue->bit};
	int fd = host_attach(port->host, &wanted, deadline_ns);
	if (fd < 0)
		return fd;
	lane_init(&port->lane, fd, port->host->pidfd, port->host->max_payload_bytes);
	return fork_register(fd);
}

/* From now on its queue looks at it. */
static int port_link(struct port *port)
{
	struct cbb_queue *queue = port->queue;
	pthread_mutex_lock(&queue->lock);
	int r = queue->closing ? detail_set(CBB_ERR_CLOSED, "%s is closed", queue->name)
	                       : queue_watch(queue, port->lane.fd, &port->events);
	if (r == 0 && port->host->pidfd >= 0)
		r = queue_watch(queue, port->host->pidfd, &port->process);
	if (r == 0)
		DL_APPEND(queue->ports, port);
	pthread_mutex_unlock(&queue->lock);
	return r;
}

static int port_open(struct cbb_queue *queue, struct cbb_host *host, uint64_t deadline_ns, struct port **ret_port)
{
	struct port *port = port_new(queue, host);
	if (!port)
		return -ENOMEM;
	int r = connect_port(port, deadline_ns);
	if (r == 0)
		r = port_link(port);
	if (r < 0) {
		if (port->lane.fd >= 0)
			fork_unregister(port->lane.fd);
		port_free(port);
		return r;
	}
	*ret_port = port;
	return 0;
}

static struct port *find_locked(const struct cbb_queue *queue, struct cbb_host *host)
{
	struct port *port;
	DL_FOREACH2 (host->ports, port, host_next)
		if (port->queue == queue)
			return port;
	return NULL;
}

struct port *port_find(const struct cbb_queue *queue, struct cbb_host *host)
{
	pthread_mutex_lock(&host->ports_lock);
	struct port *port = find_locked(queue, host);
	pthread_mutex_unlock(&host->ports_lock);
	return port;
}

int port_get(struct cbb_queue *queue, struct cbb_host *host, uint64_t deadline_ns, struct port **ret_port)
{
	int r = 0;
	pthread_mutex_lock(&host->ports_lock); /* waited for as long as another's attaching takes: that has a deadline */
	struct port *port = find_locked(queue, host);
	if (!port) {
		r = port_open(queue, host, deadline_ns, &port);
		if (r == 0)
			DL_APPEND2(host->ports, port, host_prev, host_next);
	}
	pthread_mutex_unlock(&host->ports_lock);
	if (r == 0)
		*ret_port = port;
	return r;
}

/* ---- Sending ---- */

void port_send(struct port *port, Cbb__FrameType type, const ProtobufCMessage *message)
{
	if (port->ended)
		return;
	if (port->lane.out.size > OUT_MAX_BYTES) {
		detail_set(-EBADMSG, "it does not read its event lane");
		port_end(port, true);
	} else if (lane_put(&port->lane, type, message) == 0) {
		port_flush(port);
	}
}

void port_flush(struct port *port)
{
	int r = port->ended ? 0 : lane_send(&port->lane, 0);
	if (r == -ETIMEDOUT) {
		if (!port->waits_to_send)
			watch_room(port, true);
	} else if (r < 0) {
		port_end(port, false);
	} else if (port->waits_to_send && !port->ended) {
		watch_room(port, false);
		port_tell(port, true); /* what could not be told meanwhile */
	}
}

/* ---- The event lane's end ---- */

void port_end(struct port *port, bool fault)
{
	if (port->ended)
		return;
	port->ended = true;
	if (fault)
		port->fault = strdup(detail_text());
	queue_wait_generally(port->queue);
	queue_unwatch(port->queue, port->lane.fd);
	if (port->host->pidfd >= 0)
		queue_unwatch(port->queue, port->host->pidfd);
	/* Behind everything that came: the callbacks end with their host. Allocated ahead, so that it cannot fail. */
	DL_APPEND(port->records, port->end_record);
	port->n_records++;
	port->end_record = NULL;
	queue_wake(port->queue);
}

void port_punish(struct port *port)
{
	struct cbb_queue *queue = port->queue;
	pthread_mutex_lock(&queue->lock);
	char *fault = port->fault;
	port->fault = NULL;
	pthread_mutex_unlock(&queue->lock);
	if (!fault)
		return;
	detail_set(-EBADMSG, "%s", fault);
	free(fault);
	host_cut_off(port->host);
}

/* ---- Native threads' lanes ---- */

unsigned port_take_wanted(struct port *port)
{
	unsigned n = port->n_wanted;
	port->n_wanted = 0;
	port->n_native_lanes += n;
	return n;
}

static void lane_prepare(struct queue_lane *lane, struct port *port, int fd, struct cbb_async *async)
{
	struct cbb_host *host = port->host;
	lane->source = (struct source){SOURCE_LANE, port};
	lane->async = async;
	lane->for_async = lane->serving = async != NULL;
	lane->timer_fd = -1;
	client_lane_init(&lane->base, host, fd);
	lane->base.queue_lane = true;
}

static void uncount_lanes(struct port *port, unsigned n)
{
	pthread_mutex_lock(&port->queue->lock);
	port->n_native_lanes -= n;
	pthread_mutex_unlock(&port->queue->lock);
}

int port_add_lane(struct port *port, int fd, struct cbb_async *async, struct queue_lane **ret_lane)
{
	struct cbb_queue *queue = port->queue;
	struct queue_lane *lane = calloc(1, sizeof *lane);
	int r = lane ? fork_register(fd) : -ENOMEM;
	if (r < 0) {
		free(lane);
		descriptor_close(fd);
		if (!async)
			uncount_lanes(port, 1);
		return r;
	}
	lane_prepare(lane, port, fd, async);
	pthread_mutex_lock(&queue->lock);
	r = queue_watch(queue, fd, &lane->source);
	DL_APPEND(port->lanes, lane);
	if (r == 0 && port->ended)
		r = detail_set(CBB_ERR_HOST_DIED, "host h%llu has ended", (unsigned long long)port->host->id);
	if (r < 0)
		port_drop_lane(lane);
	else if (ret_lane)
		*ret_lane = lane;
	pthread_mutex_unlock(&queue->lock);
	return r;
}

int port_add_timer(struct queue_lane *lane)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int r = fd < 0 ? -errno : fork_register(fd);
	lane->timer = (struct source){SOURCE_TIMER, lane->source.port};
	if (r == 0)
		r = queue_watch(lane->source.port->queue, fd, &lane->timer);
	if (r < 0) {
		fork_unregister(fd);
		descriptor_close(fd);
		return r;
	}
	lane->timer_fd = fd;
	return 0;
}

void port_attach_lanes(struct port *port, unsigned n)
{
	const struct session_lane wanted = {.host = port->host->id, .kind = CBB__LANE_KIND__LANE_NATIVE_THREAD,
	                                    .queue = port->queue->number};
	for (; n; n--) {
		int fd = host_attach(port->host, &wanted, CLOCK_NEVER);
		if (fd < 0) /* after a time-out the next would cost as much, and hold the dispatcher */
			break;
		port_add_lane(port, fd, NULL, NULL);
	}
	uncount_lanes(port, n);
}

void port_drop_lane(struct queue_lane *lane)
{
	struct port *port = lane->source.port;
	queue_wait_generally(port->queue);
	queue_unwatch(port->queue, lane->base.lane.fd);
	DL_DELETE(port->lanes, lane);
	if (!lane->for_async) {
		port->n_native_lanes--;
		if (port->n_wanted_beyond && !port->ended) {
			port->n_wanted_beyond--;
			port->n_wanted++;
		}
	}
	if (port->queue->fork_epoch != fork_epoch()) {
		client_lane_disown(&lane->base); /* both numbers are others' */
	} else if (lane->timer_fd >= 0) {
		fork_unregister(lane->timer_fd);
		descriptor_close(lane->timer_fd);
	}
	client_lane_end(&lane->base);
	free(lane);
}

/* ---- The end ---- */

/* A thread sends a deferred answer on a lane, which has a deadline. */
static void wait_for_answer(struct cbb_queue *queue)
{
	uint64_t next_ns = clock_deadline_ns(LOOK_AGAIN_MS);
	struct timespec until = clock_timespec(next_ns);
	pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
}

static void port_unlink(struct port *port)
{
	struct cbb_queue *queue = port->queue;
	bool forked = queue->fork_epoch != fork_epoch();
	if (!forked)
		pthread_mutex_lock(&queue->lock);
	detail_begin();
	if (!forked) {
		port_read_rest(port);
		port_end(port, false);
	}
	while (port->lanes)
		if (forked || !port->lanes->serving || (port->lanes->deferred && deferred_lost(port->lanes)))
			port_drop_lane(port->lanes);
		else
			wait_for_answer(queue);
	DL_DELETE(queue->ports, port);
	if (!forked)
		pthread_mutex_unlock(&queue->lock);
}

static void port_close(struct port *port)
{
	if (port->lane.fd >= 0 && port->queue->fork_epoch == fork_epoch())
		fork_unregister(port->lane.fd);
	else
		port->lane.fd = -1;
	port_free(port);
}

/* Unlinked from both; nobody else knows it. */
static void port_finish(struct port *port)
{
	async_end_all(port);
	port_unlink(port);
	if (port->queue->fork_epoch == fork_epoch())
		records_hand_back(port);
	port_close(port);
}

void ports_end(struct cbb_host *host)
{
	while (host->ports) {
		struct port *port = host->ports;
		DL_DELETE2(host->ports, port, host_prev, host_next);
		port_finish(port);
	}
}

void ports_end_of_queue(struct cbb_queue *queue)
{
	while (queue->ports) {
		struct port *port = queue->ports;
		pthread_mutex_lock(&port->host->ports_lock);
		DL_DELETE2(port->host->ports, port, host_prev, host_next);
		pthread_mutex_unlock(&port->host->ports_lock);
		port_finish(port);
	}
}
