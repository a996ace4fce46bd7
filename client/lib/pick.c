/* SPDX-License-Identifier: MIT */
#include "lib/pick.h"

#include "base/clock.h"
#include "lib/async.h"
#include "lib/claim.h"
#include "lib/client.h"
#include "lib/deferred.h"
#include "lib/error.h"
#include "lib/park.h"
#include "lib/queue_fds.h"

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

/* ---- Lanes ---- */

void lane_watch(struct queue_lane *lane, bool on)
{
	/* The end of the socket is always told; edge-triggered, once. */
	struct epoll_event event = {.events = on ? EPOLLIN : EPOLLET, .data.ptr = &lane->source};
	if (lane->unwatched == !on)
		return;
	lane->unwatched = !on;
	queue_wait_generally(lane->source.port->queue);
	if (lane->base.lane.fd >= 0)
		epoll_ctl(lane->source.port->queue->lanes_fd, EPOLL_CTL_MOD, lane->base.lane.fd, &event);
}

void lane_put_back(struct queue_lane *lane, int r)
{
	struct port *port = lane->source.port;
	lane->serving = false;
	lane->ready = !lane_is_empty(&lane->base.lane); /* more came with what was served; else the socket will say */
	if (r < 0 || lane->base.dead) {
		if (lane->for_async)
			async_lost(lane, r);
		else
			port_drop_lane(lane);
		return;
	}
	lane_watch(lane, true);
	if (lane->late) {
		lane->late = false;
		async_late(lane); /* may drop it */
		return;
	}
	/* Those that wait longest come first. */
	DL_DELETE(port->lanes, lane);
	DL_APPEND(port->lanes, lane);
}

/* Whether a handler for that native thread runs. */
static bool is_busy(const struct port *port, uint32_t native_thread)
{
	const struct running *running;
	DL_FOREACH (port->queue->running, running)
		if (running->port == port && native_thread && running->native_thread == native_thread)
			return true;
	return false;
}

static struct record *earlier_event(struct port *port, uint32_t native_thread)
{
	struct record *record;
	DL_FOREACH (port->records, record)
		if (record->type == CBB__FRAME_TYPE__FRAME_EVENT && record->thread == native_thread)
			return record;
	return NULL;
}

enum look { LOOK_NOTHING, LOOK_RUN, LOOK_EARLIER, LOOK_AGAIN };

/* The lane's socket has ended, or its host broke the protocol: the port's fault then. */
static enum look lane_ended(struct queue_lane *lane, int r)
{
	struct port *port = lane->source.port;
	if (r == -EBADMSG)
		port_end(port, true);
	lane->ready = false;
	if (lane->deferred && !deferred_lost(lane))
		return LOOK_NOTHING;
	if (lane->for_async)
		async_lost(lane, r);
	else
		port_drop_lane(lane);
	return LOOK_NOTHING;
}

/* What the host no longer waits for is not begun; but answered, so that the lane is free again. */
static bool is_abandoned(struct queue_lane *lane, const struct hot *invoke)
{
	struct frame frame;
	struct hot abandon;
	if (lane_peek(&lane->base.lane, &frame) != 1 || frame.type != CBB__FRAME_TYPE__FRAME_ABANDON ||
	    hot_read(&abandon, &frame) < 0 || abandon.sequence != invoke->sequence)
		return false;
	lane_receive(&lane->base.lane, &frame, 0);
	detail_set(CBB_ERR_TIMEOUT, "its deadline passed before the handler began");
	return true;
}

static enum look refuse(struct queue_lane *lane, const struct hot *invoke, int status)
{
	struct lane *to = &lane->base.lane;
	int r = hot_put_failure(&to->out, invoke->sequence, lane_core(), status);
	port_note_failure(lane->source.port, invoke, status);
	if (r == 0)
		r = lane_send(to, 0); /* some hundred bytes: a native thread that waits has room for them */
	return r < 0 ? lane_ended(lane, r) : LOOK_AGAIN;
}

static enum look park(struct queue_lane *lane)
{
	lane_park(lane);
	return LOOK_NOTHING;
}

/*
 * On a pull queue nobody serves in a call. What goes ahead of an Invoke stays: then the native thread waits for the
 * call. (So does what is behind an invocation that the program has fetched: its completion comes first.)
 */
static enum look refuse_in_call(struct queue_lane *lane, const struct hot *hot, bool is_event)
{
	if (is_event) {
		lane_unreceive(&lane->base.lane);
		return LOOK_NOTHING;
	}
	detail_set(CBB_ERR_WOULD_DEADLOCK, "%s is fetched from by a thread that waits in a call",
	           lane->source.port->queue->name);
	return refuse(lane, hot, CBB_ERR_WOULD_DEADLOCK);
}

/* An Invoke, or one of the events that go ahead of it. */
static enum look look_at_invocation(struct dispatch *dispatch, struct queue_lane *lane, bool is_event)
{
	struct work *work = &dispatch->work;
	struct port *port = lane->source.port;
	const struct hot *hot = &work->hot;
	if (!is_event && hot->parent != 0) {
		/* Made under a call that timed out: it crossed the word of that. */
		if (lane->base.abandoned)
			return LOOK_AGAIN;
		return lane_ended(lane, detail_set(-EBADMSG, "a callback under a call on an idle lane"));
	}
	if (is_event && claim_is_over(port, hot))
		return LOOK_AGAIN;
	struct cbb_callback *callback = NULL;
	int r = is_event ? claim_event(port, hot, &callback) : claim_invoke(port, hot);
	if (r < 0)
		return lane_ended(lane, r);
	bool busy = is_busy(port, hot->thread);
	if (port->queue->pull && dispatch->waits_in_call && !busy)
		return refuse_in_call(lane, hot, is_event);
	if (hot->after > port->received && !port->ended)
		port_read(port);
	if (hot->after > port->received + port->window_events)
		return lane_ended(lane, detail_set(-EBADMSG, "a callback after event %llu, of which %llu have come",
		                                   (unsigned long long)hot->after, (unsigned long long)port->received));
	if ((hot->after > port->received && !port->ended) || busy)
		return park(lane);
	struct record *record = earlier_event(port, hot->thread);
	if (record && record->running)
		return park(lane);
	if (record) {
		lane_unreceive(&lane->base.lane);
		work->record = record;
		return LOOK_EARLIER;
	}
	if (is_event)
		return LOOK_RUN;
	if (is_abandoned(lane, hot))
		return refuse(lane, hot, CBB_ERR_TIMEOUT);
	return LOOK_RUN;
}

/* A Return on an idle lane: of a call that a handler gave up. */
static enum look look_at_return(struct queue_lane *lane, const struct hot *hot)
{
	if (!lane->base.abandoned || hot->sequence > lane->base.last_sequence)
		return lane_ended(lane, detail_set(-EBADMSG, "a Return to nothing on an idle lane"));
	if (hot->sequence == lane->base.abandoned)
		lane->base.abandoned = 0;
	return LOOK_AGAIN;
}

static enum look look_at_async(struct dispatch *dispatch, struct queue_lane *lane)
{
	bool over = dispatch->work.frame.type == CBB__FRAME_TYPE__FRAME_RETURN;
	if (!over && dispatch->work.frame.type != CBB__FRAME_TYPE__FRAME_INVOKE)
		return lane_ended(lane, detail_set(-EBADMSG, "frame %s out of turn",
		                                   frame_type_name((int)dispatch->work.frame.type)));
	if (!over || !dispatch->waits_in_call)
		return LOOK_RUN;
	lane_unreceive(&lane->base.lane); /* nobody waits for it */
	return LOOK_NOTHING;
}

static enum look look_at_frame(struct dispatch *dispatch, struct queue_lane *lane)
{
	struct work *work = &dispatch->work;
	int r = lane_receive(&lane->base.lane, &work->frame, 0);
	if (r == -ETIMEDOUT) {
		lane->ready = false;
		return LOOK_NOTHING;
	}
	if (r > 0)
		r = hot_read(&work->hot, &work->frame);
	if (r < 0)
		return lane_ended(lane, r);
	if (lane->deferred) {
		r = deferred_late(lane, &work->frame);
		return r < 0 ? lane_ended(lane, r) : LOOK_AGAIN;
	}
	if (lane->async)
		return look_at_async(dispatch, lane);
	switch (work->frame.type) {
	case CBB__FRAME_TYPE__FRAME_INVOKE: return look_at_invocation(dispatch, lane, false);
	case CBB__FRAME_TYPE__FRAME_EVENT: return look_at_invocation(dispatch, lane, true);
	case CBB__FRAME_TYPE__FRAME_RETURN: return look_at_return(lane, &work->hot);
	case CBB__FRAME_TYPE__FRAME_ABANDON: return LOOK_AGAIN; /* crossed the answer */
	default: return lane_ended(lane, detail_set(-EBADMSG, "frame %s out of turn", frame_type_name((int)work->frame.type)));
	}
}

/* Frames of one lane in one go: a host that always has one more to say must not hold the queue. */
#define LOOKS_MAX 64

static enum look look_at_lane(struct dispatch *dispatch, struct queue_lane *lane)
{
	enum look look = LOOK_AGAIN;
	for (unsigned n = 0; look == LOOK_AGAIN && n < LOOKS_MAX; n++)
		look = look_at_frame(dispatch, lane);
	return look;
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

static bool take_record(struct dispatch *dispatch, struct port *port, struct record *record)
{
	dispatch->work.record = record;
	if (!begin_work(dispatch, WORK_RECORD, port->host, port, record->thread))
		return false;
	record->running = true;
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
		switch (look_at_lane(dispatch, lane)) {
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
		if (record->running || is_busy(port, record->thread))
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
