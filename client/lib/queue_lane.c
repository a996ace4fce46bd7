/* SPDX-License-Identifier: MIT */
#include "lib/queue_lane.h"

#include "lib/async.h"
#include "lib/claim.h"
#include "lib/deferred.h"
#include "lib/error.h"
#include "lib/park.h"
#include "lib/queue_fds.h"

#include <errno.h>
#include <sys/epoll.h>
#include <utlist.h>

/* ---- While nobody is at it ---- */

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

/* ---- What it holds ---- */

bool queue_is_at_thread(const struct port *port, uint32_t native_thread)
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
	bool busy = queue_is_at_thread(port, hot->thread);
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
	lane_set_peer_core(&lane->base.lane, work->hot.core);
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

enum look lane_look(struct dispatch *dispatch, struct queue_lane *lane)
{
	enum look look = LOOK_AGAIN;
	for (unsigned n = 0; look == LOOK_AGAIN && n < LOOKS_MAX; n++)
		look = look_at_frame(dispatch, lane);
	return look;
}
