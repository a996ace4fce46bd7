/* SPDX-License-Identifier: MIT */
#include "lib/likely.h"

#include "base/clock.h"
#include "lib/host.h"
#include "lib/port.h"
#include "lib/queue_fds.h"

#include <errno.h>
#include <poll.h>
#include <utlist.h>

/* After so many finds in a row elsewhere is looked, too: who calls again at once must not keep others waiting. */
#define UNLOOKED_MAX 16
/* After so many the epoll descriptor need not show the place any more: that costs four system calls, there and back. */
#define DIRECT_MIN 64

static bool is_waited_for_here(const struct queue_lane *lane)
{
	/* What it holds already is not waited for: that could not be picked. */
	return !lane->serving && !lane->for_async && !lane->parked && !lane->ready;
}

static struct queue_lane *last_lane(const struct port *port)
{
	return port && port->lanes ? port->lanes->prev : NULL; /* utlist: the last, that is the one served last */
}

/* A lane as one that is being served: nobody else is at it meanwhile. */
static struct queue_lane *claim_lane(const struct port *port)
{
	struct queue_lane *lane = last_lane(port);
	if (!lane || !is_waited_for_here(lane))
		return NULL;
	lane->serving = true;
	return lane;
}

/* With its host held. */
static struct likely claim(struct cbb_queue *queue)
{
	struct likely likely = {0};
	pthread_mutex_lock(&queue->lock);
	struct port *port = queue->ports ? queue->ports->prev : NULL;
	if (port && !port->ended && host_hold(port->host))
		likely.port = port;
	likely.lane = claim_lane(likely.port);
	bool same = likely.port == queue->direct.port && likely.lane == queue->direct.lane;
	if (!same && queue->direct.port) {
		queue_wait_generally(queue);
		queue->n_likely = 0;
	} else if (!same && likely.port && queue->n_likely >= DIRECT_MIN) {
		queue_wait_directly(queue, likely);
	}
	pthread_mutex_unlock(&queue->lock);
	return likely;
}

enum found {
	FOUND_LIKELY,    /* there: nothing else has to be looked at */
	FOUND_SOMETHING, /* perhaps: all sockets have to be looked at */
	FOUND_READY      /* and the eventfd may be readable */
};

/* What is waited for beside the lane: the event lane, all sockets, the eventfd. */
#define N_BESIDE 3
#define BESIDE(queue, port) {(port) ? (port)->lane.fd : -1, (queue)->lanes_fd, (queue)->ready_fd}

static enum found found_of(unsigned readable)
{
	return readable & 1 ? FOUND_LIKELY : readable & 4 ? FOUND_READY : FOUND_SOMETHING;
}

static enum found wait_on_lane(struct cbb_queue *queue, const struct likely *likely, uint64_t deadline_ns)
{
	struct queue_lane *lane = likely->lane;
	struct lane *socket = &lane->base.lane;
	const int others[N_BESIDE] = BESIDE(queue, likely->port);
	struct frame frame;
	enum found found = FOUND_LIKELY;
	int peer_pidfd = socket->peer_pidfd;
	socket->watch_fds = others;
	socket->n_watch = N_BESIDE;
	socket->peer_pidfd = -1; /* lanes_fd shows it */
	int r = lane_receive(socket, &frame, deadline_ns);
	if (r > 0)
		lane_unreceive(socket);
	else
		found = r == 0 ? found_of(socket->watched) : FOUND_READY;
	socket->n_watch = 0;
	socket->peer_pidfd = peer_pidfd;
	pthread_mutex_lock(&queue->lock);
	lane->serving = false;
	lane->ready = r != 0 && r != -ETIMEDOUT; /* its end is found there, too */
	if (r == 0 && found == FOUND_LIKELY)
		port_read(likely->port);
	pthread_mutex_unlock(&queue->lock);
	return found;
}

static enum found wait_on_queue(struct cbb_queue *queue, struct port *port, uint64_t deadline_ns)
{
	const int fds[N_BESIDE] = BESIDE(queue, port);
	struct pollfd pollers[N_BESIDE];
	unsigned readable = 0;
	for (unsigned i = 0; i < N_BESIDE; i++)
		pollers[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	poll(pollers, N_BESIDE, clock_left_ms(deadline_ns));
	for (unsigned i = 0; i < N_BESIDE; i++)
		readable |= (unsigned)(pollers[i].revents != 0) << i;
	enum found found = found_of(readable);
	if (found == FOUND_LIKELY) {
		pthread_mutex_lock(&queue->lock);
		port_read(port);
		pthread_mutex_unlock(&queue->lock);
	}
	return found;
}

bool likely_wait(struct cbb_queue *queue, uint64_t deadline_ns)
{
	if (deadline_ns && ++queue->n_unlooked > UNLOOKED_MAX) {
		queue->n_unlooked = 0;
		return true;
	}
	struct likely likely = deadline_ns ? claim(queue) : (struct likely){0};
	struct cbb_host *host = likely.port ? likely.port->host : NULL;
	enum found found = FOUND_READY;
	if (likely.lane)
		found = wait_on_lane(queue, &likely, deadline_ns);
	else if (deadline_ns)
		found = wait_on_queue(queue, likely.port, deadline_ns);
	queue->n_likely = found == FOUND_LIKELY ? queue->n_likely + 1 : 0;
	if (found != FOUND_LIKELY)
		queue->n_unlooked = 0;
	if (found == FOUND_READY)
		queue_clear(queue);
	if (host)
		host_leave(host);
	return found != FOUND_LIKELY;
}

bool likely_guess(struct cbb_queue *queue)
{
	struct port *port = queue->ports ? queue->ports->prev : NULL;
	struct queue_lane *lane = last_lane(port);
	if (!lane || !is_waited_for_here(lane) || ++queue->n_unlooked > UNLOOKED_MAX) {
		queue->n_unlooked = 0;
		return false;
	}
	lane->ready = true;
	return true;
}

void likely_was(struct cbb_queue *queue, const struct work *work)
{
	bool is_lane = work && work->kind == WORK_LANE && !work->lane->for_async;
	queue->n_likely = is_lane ? queue->n_likely + 1 : 0;
	if (!is_lane || work->lane == queue->direct.lane || queue->n_likely < DIRECT_MIN)
		return;
	queue_wait_generally(queue);
	queue_wait_directly(queue, (struct likely){work->port, work->lane});
}

bool likely_spin(struct cbb_queue *queue)
{
	struct likely likely = {0};
	pthread_mutex_lock(&queue->lock);
	bool wanted = queue->n_likely && queue->direct.lane && queue->n_unlooked++ < UNLOOKED_MAX;
	if (wanted && host_hold(queue->direct.port->host)) {
		likely.port = queue->direct.port;
		likely.lane = claim_lane(likely.port);
	}
	pthread_mutex_unlock(&queue->lock);
	if (!likely.port)
		return false;
	struct frame frame;
	int r = likely.lane ? lane_spin(&likely.lane->base.lane, &frame) : 0;
	pthread_mutex_lock(&queue->lock);
	if (r > 0)
		lane_unreceive(&likely.lane->base.lane);
	if (likely.lane) {
		likely.lane->serving = false;
		likely.lane->ready = r != 0;
	}
	pthread_mutex_unlock(&queue->lock);
	host_leave(likely.port->host);
	return r != 0;
}
