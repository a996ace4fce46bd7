/* SPDX-License-Identifier: MIT */
#include "lib/callback_drain.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/client.h"
#include "lib/dispatch.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/port.h"
#include "lib/queue_fds.h"

#include <utlist.h>

/* Another thread may read what this one waits for. */
#define LOOK_AGAIN_MS 10

static uint32_t n_running(const struct cbb_callback *callback)
{
	return atomic_load(&callback->n_running) & ~CALLBACK_LEFT_LAST;
}

static bool is_quiet(const struct closing *closing)
{
	return n_running(closing->callback) <= closing->own;
}

/* Those who dispatch sleep on the socket, which no longer shows what this thread has read. */
static void read_for_others(struct port *port)
{
	uint64_t before = port->n_records;
	uint32_t room_before = port->n_room_wanted;
	port_read(port);
	if (port->n_records != before)
		queue_wake(port->queue);
	if (port->n_wanted || port->n_room_wanted != room_before)
		queue_wake_left(port->queue);
}

/*
 * With the lock: no native thread has a lane of this queue, or asks for one: so none waits for a handler of it, and
 * what comes later is too late. Saves a wait for the host's word, which is most of what closing costs.
 */
static bool is_unheard(const struct port *port, struct cbb_callback *callback)
{
	if (callback->delivery == CBB_LISTENER || port->n_native_lanes || port->n_wanted)
		return false;
	atomic_store(&callback->state, CALLBACK_CLOSED);
	callback_table_count_closed(&callback->host->callbacks, callback);
	return true;
}

/* With the lock: calls were read, also of other callbacks, or may run now: no socket tells those who dispatch. */
static void wake_for_words(const struct port *port)
{
	const struct queue_lane *lane;
	DL_FOREACH (port->lanes, lane)
		if (lane->ready && !lane->serving && !lane_is_empty(&lane->base.lane)) {
			queue_wake_left(port->queue);
			return;
		}
}

/* Whether what was called before the closing has been dealt with. Reads the event lane: it may say so. */
static bool is_drained(const struct closing *closing, int *ret_fd)
{
	struct cbb_callback *callback = closing->callback;
	bool left = !atomic_load(&callback->ended);
	*ret_fd = -1;
	if (closing->queue) {
		struct port *port = port_find(closing->queue, callback->host);
		pthread_mutex_lock(&closing->queue->lock);
		if (port && left)
			read_for_others(port);
		bool held = port && dispatch_lanes_hold(port, callback);
		if (port)
			wake_for_words(port);
		left = held || (!atomic_load(&callback->ended) && !(port && is_unheard(port, callback)));
		*ret_fd = port && !port->ended ? port->lane.fd : -1;
		pthread_mutex_unlock(&closing->queue->lock);
		if (port)
			port_punish(port);
	}
	return !left && is_quiet(closing);
}

static void look_again_later(const struct closing *closing, int fd)
{
	struct timespec until;
	if (fd >= 0 && is_quiet(closing)) {
		descriptor_wait_readable(fd, clock_deadline_ns(LOOK_AGAIN_MS));
		return;
	}
	struct cbb_queue *queue = closing->queue ? closing->queue : closing->callback->host->client->default_queue;
	uint64_t next_ns = clock_deadline_ns(LOOK_AGAIN_MS);
	until = clock_timespec(next_ns);
	pthread_mutex_lock(&queue->lock);
	pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
	pthread_mutex_unlock(&queue->lock);
}

static int too_late(const struct closing *closing)
{
	struct cbb_callback *callback = closing->callback;
	uint32_t running = n_running(callback);
	if (running > closing->own)
		return detail_set(CBB_ERR_TIMEOUT, "callback %s is closed, but its handler still runs on %u thread(s)",
		                  callback->name, running);
	return detail_set(CBB_ERR_TIMEOUT, "callback %s is closed, but what was called before is not handled yet: "
	                  "does anybody dispatch %s?", callback->name, closing->queue ? closing->queue->name : "its queue");
}

static int wait_drained(struct closing *closing)
{
	int fd;
	while (!is_drained(closing, &fd)) {
		if (clock_left_ms(closing->deadline_ns) == 0)
			return too_late(closing);
		uint64_t slice_ns = clock_deadline_ns(1000);
		if (slice_ns > closing->deadline_ns)
			slice_ns = closing->deadline_ns;
		if (!closing->queue || !dispatch_for_closer(closing->queue, slice_ns))
			look_again_later(closing, fd);
		int r = fork_check(closing->callback->host->fork_epoch); /* a handler that ran here returns in a child, too */
		if (r < 0)
			return r;
	}
	return 0;
}

static int wait_quiet(const struct closing *closing)
{
	while (!is_quiet(closing)) {
		if (clock_left_ms(closing->deadline_ns) == 0)
			return too_late(closing);
		look_again_later(closing, -1);
	}
	return 0;
}

int callback_wait_closed(struct closing *closing, bool abort)
{
	struct cbb_callback *callback = closing->callback;
	bool inside = closing->own || (closing->queue && dispatch_is_inside(closing->queue));
	if (inside) {
		bool left = callback->delivery == CBB_LISTENER && !abort && !atomic_load(&callback->ended);
		return left || !is_quiet(closing);
	}
	return abort ? wait_quiet(closing) : wait_drained(closing);
}
