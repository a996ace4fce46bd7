/* SPDX-License-Identifier: MIT */
#include "host/queue_service.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "base/log.h"
#include "host/closure_table.h"
#include "host/death.h"
#include "host/event_flow.h"
#include "host/greeting.h"
#include "host/lane_thread.h"
#include "host/queue.h"
#include "host/service.h"
#include "host/telemetry.h"
#include "wire/unpack.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <utlist.h>

/* The longest frame that a client sends here names each event that may be on its way. */
#define FRAME_MAX_BYTES (64u << 10)
#define NUMBER_MAX_BYTES 10

/* An event lane being watched. */
struct watched {
	struct queue *queue;
	struct lane lane;            /* for reading; the descriptor is the queue's */
	struct event *readable, *writable, *tick;
	struct watched *prev, *next;
};

static struct watched *all;

/* ---- The end of one ---- */

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static void watched_free(struct watched *watched)
{
	free_event(watched->readable);
	free_event(watched->writable);
	free_event(watched->tick);
	watched->lane.fd = -1;
	lane_free(&watched->lane);
	free(watched);
}

static void watched_end(struct watched *watched, const char *why)
{
	if (why) {
		log_warning("queue %u is cut off: %s", watched->queue->number, why);
		telemetry_notice("queue %u was cut off: %s", watched->queue->number, why);
	}
	DL_DELETE(all, watched);
	struct queue *queue = watched->queue;
	watched_free(watched); /* before its descriptor can be another's */
	queue_end(queue);
	queue_unref(queue);
	lane_thread_forget();
}

void queue_service_end(void)
{
	struct watched *watched, *next;
	DL_FOREACH_SAFE(all, watched, next)
		watched_end(watched, NULL);
}

/* ---- What the client says ---- */

static int serve_taken(struct queue *queue, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__EventsTaken *message = unpack_frame(&arena, &cbb__events_taken__descriptor, frame);
	if (!message)
		return -EBADMSG;
	pthread_mutex_lock(&queue->lock);
	int r = event_flow_taken(queue, message);
	if (r == 0)
		event_lane_flush(queue, false);
	pthread_mutex_unlock(&queue->lock);
	return r;
}

static int serve_close(struct queue *queue, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	(void)queue;
	const Cbb__CloseCallback *message = unpack_frame(&arena, &cbb__close_callback__descriptor, frame);
	return message ? closure_table_close(message) : -EBADMSG;
}

static int serve_pause(struct queue *queue, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	(void)queue;
	const Cbb__PauseCallback *message = unpack_frame(&arena, &cbb__pause_callback__descriptor, frame);
	return message ? closure_table_pause(message) : -EBADMSG;
}

static int serve_open(struct queue *queue, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	(void)queue;
	const Cbb__OpenCallback *message = unpack_frame(&arena, &cbb__open_callback__descriptor, frame);
	return message ? closure_table_open(message) : -EBADMSG;
}

static const struct {
	Cbb__FrameType type;
	int (*serve)(struct queue *queue, const struct frame *frame);
} frames[] = {
    {CBB__FRAME_TYPE__FRAME_EVENTS_TAKEN, serve_taken},
    {CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, serve_close},
    {CBB__FRAME_TYPE__FRAME_PAUSE_CALLBACK, serve_pause},
    {CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, serve_open},
};

static int serve(struct queue *queue, const struct frame *frame)
{
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
		if (frames[i].type == frame->type)
			return frames[i].serve(queue, frame);
	return detail_set(-EBADMSG, "frame %s does not belong on an event lane", frame_type_name((int)frame->type));
}

/* ---- Events of the loop ---- */

/* As much as has come. Other descriptors wait meanwhile; a client that sends without end keeps nobody's but its own. */
static void on_readable(evutil_socket_t fd, short events, void *context)
{
	struct watched *watched = context;
	struct frame frame;
	(void)fd, (void)events;
	int r = lane_receive(&watched->lane, &frame, 0);
	while (r == 1) {
		r = serve(watched->queue, &frame);
		if (r == 0)
			r = lane_peek(&watched->lane, &frame);
		if (r == 1)
			r = lane_receive(&watched->lane, &frame, 0);
	}
	if (r < 0 && r != -ETIMEDOUT)
		watched_end(watched, r == -EBADMSG ? detail_text() : NULL);
}

static void on_writable(evutil_socket_t fd, short events, void *context)
{
	const struct watched *watched = context;
	struct queue *queue = watched->queue;
	(void)fd, (void)events;
	pthread_mutex_lock(&queue->lock);
	event_lane_writable(queue);
	pthread_mutex_unlock(&queue->lock);
}

static void on_tick(evutil_socket_t fd, short events, void *context)
{
	const struct watched *watched = context;
	struct queue *queue = watched->queue;
	(void)fd, (void)events;
	pthread_mutex_lock(&queue->lock);
	queue->events.tick_wanted = false;
	event_flow_tick(queue);
	event_lane_flush(queue, true);
	pthread_mutex_unlock(&queue->lock);
}

static void look_at(struct watched *watched)
{
	static const struct timeval tick = {.tv_usec = EVENT_LANE_TICK_MS * 1000};
	struct queue *queue = watched->queue;
	pthread_mutex_lock(&queue->lock);
	bool is_full = queue->events.is_full, tick_wanted = queue->events.tick_wanted;
	pthread_mutex_unlock(&queue->lock);
	if (is_full)
		event_add(watched->writable, NULL);
	if (tick_wanted && !evtimer_pending(watched->tick, NULL))
		evtimer_add(watched->tick, &tick);
}

void queue_service_look(void)
{
	struct watched *watched;
	DL_FOREACH(all, watched)
		look_at(watched);
}

/* ---- Attaching ---- */

static struct watched *watched_new(struct event_base *base, struct queue *queue, int fd)
{
	struct watched *watched = calloc(1, sizeof *watched);
	if (!watched)
		return NULL;
	uint64_t window_bytes = queue->events.window_events * NUMBER_MAX_BYTES;
	watched->queue = queue;
	lane_init(&watched->lane, fd, -1, window_bytes < FRAME_PAYLOAD_DEFAULT_BYTES ? FRAME_MAX_BYTES + window_bytes
	                                                                             : FRAME_PAYLOAD_DEFAULT_BYTES);
	watched->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, watched);
	watched->writable = event_new(base, fd, EV_WRITE, on_writable, watched);
	watched->tick = evtimer_new(base, on_tick, watched);
	if (!watched->readable || !watched->writable || !watched->tick || event_add(watched->readable, NULL) < 0) {
		watched_free(watched);
		return NULL;
	}
	return watched;
}

/* A queue whose lane nobody watches would wait for nothing. Its client finds its end. */
static int watch_queue(struct event_base *base, struct queue *queue, int fd)
{
	struct watched *watched = watched_new(base, queue, fd);
	if (watched && greeting_send(fd, 0, 0, 0) == 0) {
		DL_APPEND(all, watched);
		lane_thread_expect();
		on_writable(fd, EV_WRITE, watched); /* native threads have waited for the greeting to go first */
		return 0;
	}
	log_warning("queue %u cannot be watched", queue->number);
	if (watched)
		watched_free(watched);
	queue_end(queue);
	queue_unref(queue);
	return 0;
}

static int attach_events(struct event_base *base, const Cbb__HostAttach *attach, int fd)
{
	struct queue *queue = NULL;
	int r = queue_attach(attach, fd, &queue);
	return r < 0 ? r : watch_queue(base, queue, fd);
}

static int attach_native(const Cbb__HostAttach *attach, int fd)
{
	struct queue *queue = queue_find(attach->queue);
	if (!queue)
		return detail_set(CBB__STATUS__STATUS_CLOSED, "a lane of queue %u, which has no event lane", attach->queue);
	int r = thread_lane_attach(queue, fd);
	queue_unref(queue);
	return r;
}

int queue_service_attach(struct event_base *base, const Cbb__HostAttach *attach, int fd)
{
	if (death_add_lane(fd) < 0)
		return detail_set(-ENOMEM, "the host has no memory for a lane");
	int r = attach->lane == CBB__LANE_KIND__LANE_EVENTS ? attach_events(base, attach, fd) : attach_native(attach, fd);
	if (r < 0)
		death_remove_lane(fd);
	return r;
}
