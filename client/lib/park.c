/* SPDX-License-Identifier: MIT */
#include "lib/park.h"

#include "base/clock.h"
#include "base/detail.h"
#include "lib/client.h"
#include "lib/queue_lane.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <utlist.h>

static void set_timer(struct queue_lane *lane, uint64_t ms)
{
	const struct itimerspec time = {.it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)}};
	/* Without descriptors for one it waits for the handler, however long. */
	if (lane->timer_fd >= 0 || port_add_timer(lane) == 0)
		timerfd_settime(lane->timer_fd, 0, &time, NULL);
}

static void begin_wait(struct queue_lane *lane)
{
	const struct cbb_queue *queue = lane->source.port->queue;
	lane->n_done_before = queue->n_done;
	if (queue->stall_ms < CLOCK_NEVER / 1000000)
		set_timer(lane, queue->stall_ms);
}

void lane_park(struct queue_lane *lane)
{
	lane_unreceive(&lane->base.lane);
	lane->ready = false;
	if (lane->parked)
		return;
	lane->parked = lane->source.port->has_parked = true;
	lane_watch(lane, false); /* that native code waits no longer is read after what is there */
	begin_wait(lane);
}

void port_unpark(struct port *port)
{
	struct queue_lane *lane;
	if (!port->has_parked)
		return;
	port->has_parked = false;
	DL_FOREACH (port->lanes, lane)
		if (lane->parked) {
			lane->parked = false;
			lane->ready = true;
			lane_watch(lane, true);
		}
}

/* An Invoke is answered; with events ahead of it the lane ends, which they are lost with. */
static int refuse(struct queue_lane *lane)
{
	struct port *port = lane->source.port;
	struct lane *socket = &lane->base.lane;
	struct frame frame;
	int r = lane_receive(socket, &frame, 0);
	if (r > 0)
		r = frame.type == CBB__FRAME_TYPE__FRAME_INVOKE ? hot_read(&port->hot, &frame) : -ECANCELED;
	if (r < 0)
		return r;
	detail_set(CBB_ERR_BUSY, "%s got nowhere for %llu ms, and what is ahead of this on its thread is not done",
	           port->queue->name, (unsigned long long)port->queue->stall_ms);
	port_note_failure(port, &port->hot, CBB_ERR_BUSY);
	r = hot_put_failure(&socket->out, port->hot.sequence, lane_core(), CBB_ERR_BUSY);
	return r < 0 ? r : lane_send(socket, 0); /* some hundred bytes: a native thread that waits has room for them */
}

void lane_park_late(struct queue_lane *lane)
{
	set_timer(lane, 0);
	if (!lane->parked || lane->serving)
		return;
	if (lane->n_done_before != lane->source.port->queue->n_done) {
		begin_wait(lane);
		return;
	}
	lane->parked = false;
	if (refuse(lane) < 0) {
		port_drop_lane(lane);
		return;
	}
	lane->ready = true; /* the word that native code waits no longer may be behind it */
	lane_watch(lane, true);
}
