/* SPDX-License-Identifier: MIT */
#include "lib/pick.h"

#include "base/clock.h"
#include "lib/async.h"
#include "lib/error.h"
#include "lib/park.h"
#include "lib/queue_fds.h"
#include "lib/queue_lane.h"

#include <errno.h>
#include <sys/epoll.h>
#include <utlist.h>

#define SOURCES_AT_ONCE 64

/* ---- Sockets ---- */

/* The process is gone: what it had sent is there. */
static void process_gone(struct port *port)
{
	struct queue_lane *lane;
	port_read_rest(port);
	detail_begin();
	port_end(port, false);
	DL_FOREACH (port->lanes, lane)
		lane->ready = true;
}

/* The handler that runs for it waits in a call that serves more: what its native thread has said is for later. */
static void lane_shown(struct queue_lane *lane)
{
	lane->ready = true;
	if (lane->serving && !lane->deferred && !lane->for_async)
		lane_watch(lane, false);
}

void queue_look(struct cbb_queue *queue)
{
	struct epoll_event events[SOURCES_AT_ONCE];
	struct queue_lane *late[SOURCES_AT_ONCE];
	int n_late = 0;
	int n = epoll_wait(queue->lanes_fd, events, SOURCES_AT_ONCE, 0);
	for (int i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;
		switch (source->kind) {
		case SOURCE_EVENTS:
			if (events[i].events & EPOLLOUT)
				port_flush(source->port);
			port_read(source->port);
			break;
		case SOURCE_PROCESS:
			if (!source->port->ended)
				process_gone(source->port);
			break;
		case SOURCE_LEFT:
			queue_clear_left(queue);
			break;
		case SOURCE_TIMER:
			late[n_late++] = LANE_OF_TIMER(source);
			break;
		case SOURCE_LANE:
			lane_shown((struct queue_lane *)(void *)source);
			break;
		}
	}
	if (queue->direct.lane)
		lane_shown(queue->direct.lane);
	if (queue->direct.port)
		port_read(queue->direct.port);
	/* Last: they may free a lane that is among the others. */
	for (int i = 0; i < n_late; i++)
		(late[i]->for_async ? async_late : lane_park_late)(late[i]);
}

/* ---- Picking ---- */

static bool begin_work(struct dispatch *dispatch, enum work_kind kind, struct cbb_host *host, struct port *port,
                       uint32_t native_thread)
{
	/* Whoever closes the host waits for us, or we do not begin. */
	if (!host_hold(host))
		return false;
	dispatch->work.kind = kind;
	dispatch->work.host = host;
	dispatch->work.port = port;
	dispatch->running = (struct running){.port = port, .native_thread = native_thread,
	                                     .client_thread = dispatch->thread->id};
	DL_APPEND(dispatch->queue->running, &dispatch->running);
	return true;
}

/* The other hosts' turn is next. */
static void port_comes_last(struct port *port)
{
	struct cbb_queue *queue = port->queue;
	if (queue->ports->prev == port)
		return;
	DL_DELETE(queue->ports, port);
	DL_APPEND(queue->ports, port);
}

/*
 * With the first those that come next of its native thread: nothing else is looked at between them, which is a tenth of
 * what an event costs. Not so many that the host would hear late of room.
 */
static void take_batch(struct dispatch *dispatch, const struct port *port, struct record *first)
{
	uint64_t max = port->window_events / 4 < dispatch->batch_max ? port->window_events / 4 : dispatch->batch_max;
	struct record *record = first;
	dispatch->n_batch = dispatch->at_batch = 0;
	dispatch->batch_ns = clock_coarse_ns();
	do {
		record->running = true;
		dispatch->batch[dispatch->n_batch++] = record;
		record = record->next;
	} while (record && dispatch->n_batch < max && !port->queue->has_priorities && !record->running &&
	         first->type == CBB__FRAME_TYPE__FRAME_EVENT && record->type == first->type &&
	         record->thread == first->thread);
}

static bool take_record(struct dispatch *dispatch, struct port *port, struct record *record)
{
	dispatch->work.record = record;
	if (!begin_work(dispatch, WORK_RECORD, port->host, port, record->thread))
		return false;
	take_batch(dispatch, port, record);
	return true;
}

static bool take_lane(struct dispatch *dispatch, struct port *port, struct queue_lane *lane)
{
	dispatch->work.lane = lane;
	if (!begin_work(dispatch, WORK_LANE, port->host, port, lane->for_async ? 0 : dispatch->work.hot.thread)) {
		lane_unreceive(&lane->base.lane);
		return false;
	}
	lane->serving = true;
	port_comes_last(port);
	if (port->queue->team)
		lane_watch(lane, false);
	return true;
}

static bool pick_lane_of(struct dispatch *dispatch, struct port *port)
{
	struct queue_lane *lane, *next;
	DL_FOREACH_SAFE (port->lanes, lane, next) {
		if (!lane->ready || (lane->serving && !lane->deferred))
			continue;
		switch (lane_look(dispatch, lane)) {
		case LOOK_RUN: return take_lane(dispatch, port, lane);
		case LOOK_EARLIER: return take_record(dispatch, port, dispatch->work.record);
		default: break;
		}
	}
	return false;
}

static bool pick_lane(struct dispatch *dispatch)
{
	struct port *port;
	DL_FOREACH (dispatch->queue->ports, port)
		if (!atomic_load(&port->host->closing) && pick_lane_of(dispatch, port))
			return true;
	return false;
}

/*
 * The next record of a port. Events that belong to different native threads may run side by side; what is told between
 * them (losses, ends) comes when everything before it is done.
 */
struct record *port_next_record(struct port *port)
{
	struct record *record, *best = NULL;
	DL_FOREACH (port->records, record) {
		if (record->type != CBB__FRAME_TYPE__FRAME_EVENT)
			return best ? best : record == port->records && !record->running ? record : NULL;
		if (record->running || queue_is_at_thread(port, record->thread))
			continue;
		if (!best || record->priority > best->priority)
			best = record;
		if (best && !port->queue->has_priorities)
			return best;
	}
	return best;
}

static bool pick_record(struct dispatch *dispatch)
{
	struct cbb_queue *queue = dispatch->queue;
	struct port *port, *next;
	DL_FOREACH_SAFE (queue->ports, port, next) {
		if (atomic_load(&port->host->closing) || !port->records)
			continue;
		if (dispatch->waits_in_call && (!port->n_room_wanted || queue->pull))
			continue;
		struct record *record = port_next_record(port);
		if (!record || !take_record(dispatch, port, record))
			continue;
		port_comes_last(port);
		return true;
	}
	return false;
}

static bool pick_task(struct dispatch *dispatch)
{
	struct cbb_queue *queue = dispatch->queue;
	struct task *task;
	if (dispatch->waits_in_call)
		return false;
	DL_FOREACH (queue->tasks, task)
		if (begin_work(dispatch, WORK_TASK, task->host, NULL, 0)) {
			DL_DELETE(queue->tasks, task);
			dispatch->work.task = task;
			return true;
		}
	return false;
}

bool dispatch_pick(struct dispatch *dispatch, bool look)
{
	struct cbb_queue *queue = dispatch->queue;
	if (look)
		queue_look(queue);
	if (pick_task(dispatch))
		return true;
	queue->lanes_first = !queue->lanes_first;
	if (queue->lanes_first)
		return pick_lane(dispatch) || pick_record(dispatch);
	return pick_record(dispatch) || pick_lane(dispatch);
}

bool dispatch_lanes_hold(struct port *port, const struct cbb_callback *callback)
{
	struct queue_lane *lane, *next;
	DL_FOREACH_SAFE (port->lanes, lane, next) {
		struct frame frame;
		if (lane->serving || lane->for_async || lane->deferred)
			continue;
		int r = lane_receive(&lane->base.lane, &frame, 0);
		if (r <= 0)
			continue; /* whoever dispatches deals with its end */
		lane->ready = true;
		r = hot_read(&port->hot, &frame);
		lane_unreceive(&lane->base.lane);
		if (r == 0 && port->hot.slot == callback->slot && port->hot.generation == callback->generation)
			return true;
	}
	return false;
}
