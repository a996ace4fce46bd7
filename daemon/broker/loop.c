/* SPDX-License-Identifier: MIT */
#include "broker/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stddef.h>

int loop_open(struct loop *loop)
{
	loop->base = event_base_new();
	return loop->base ? 0 : -ENOMEM;
}

void loop_close(struct loop *loop)
{
	if (loop->base)
		event_base_free(loop->base);
	loop->base = NULL;
}

void loop_run(struct loop *loop)
{
	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_turn(struct loop *loop)
{
	event_base_loop(loop->base, EVLOOP_NONBLOCK);
}

void loop_turn_wait(struct loop *loop)
{
	event_base_loop(loop->base, EVLOOP_ONCE);
}

void loop_stop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
}

static void watch_call(evutil_socket_t fd, short events, void *data)
{
	struct loop_watch *watch = data;
	(void)fd;
	(void)events;
	if (watch->once)
		watch->armed = false;
	watch->call(watch->data);
}

static int watch_open(struct loop *loop, struct loop_watch *watch, int fd, short events, loop_call *call, void *data)
{
	*watch = (struct loop_watch){.call = call, .data = data, .once = !(events & EV_PERSIST)};
	watch->event = event_new(loop->base, fd, events, watch_call, watch);
	return watch->event ? 0 : -ENOMEM;
}

static int watch_open_armed(struct loop *loop, struct loop_watch *watch, int fd, short events, loop_call *call,
                            void *data)
{
	int r = watch_open(loop, watch, fd, events, call, data);
	if (r == 0)
		loop_arm(watch);
	return r < 0 || watch->armed ? r : -ENOMEM;
}

int loop_readable(struct loop *loop, struct loop_watch *watch, int fd, loop_call *call, void *data)
{
	return watch_open_armed(loop, watch, fd, EV_READ | EV_PERSIST, call, data);
}

int loop_writable(struct loop *loop, struct loop_watch *watch, int fd, loop_call *call, void *data)
{
	return watch_open(loop, watch, fd, EV_WRITE | EV_PERSIST, call, data);
}

int loop_signal(struct loop *loop, struct loop_watch *watch, int number, loop_call *call, void *data)
{
	return watch_open_armed(loop, watch, number, EV_SIGNAL | EV_PERSIST, call, data);
}

int loop_timer(struct loop *loop, struct loop_watch *watch, loop_call *call, void *data)
{
	return watch_open(loop, watch, -1, 0, call, data);
}

void loop_arm(struct loop_watch *watch)
{
	if (watch->event && !watch->armed)
		watch->armed = event_add(watch->event, NULL) == 0;
}

void loop_arm_ms(struct loop_watch *watch, uint64_t ms)
{
	if (!watch->event)
		return;
	struct timeval after = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	watch->armed = event_add(watch->event, &after) == 0;
}

void loop_disarm(struct loop_watch *watch)
{
	if (watch->event)
		event_del(watch->event);
	watch->armed = false;
}

void loop_end(struct loop_watch *watch)
{
	if (watch->event)
		event_free(watch->event);
	watch->event = NULL;
	watch->armed = false;
}
