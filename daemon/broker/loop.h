/* SPDX-License-Identifier: MIT */
/*
 * The event loop: the only file of the broker that knows libevent. A watch is embedded in what it serves;
 * zeroed memory is a watch that was never opened, and ending it is harmless.
 */
#ifndef CBB_BROKER_LOOP_H
#define CBB_BROKER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;

struct loop {
	struct event_base *base;
};

typedef void loop_call(void *data);

struct loop_watch {
	struct event *event;
	loop_call *call;
	void *data;
	bool armed;
	bool once;   /* a timer: not armed any more when its call begins */
};

int loop_open(struct loop *loop);   /* 0 or -ENOMEM */
void loop_close(struct loop *loop); /* every watch has been ended before */
void loop_run(struct loop *loop);   /* until loop_stop */
void loop_turn(struct loop *loop);  /* serves what is ready now; never waits */
void loop_turn_wait(struct loop *loop); /* the same, but waits for the first */
void loop_stop(struct loop *loop);

/* A call may end any watch, also its own. Each returns 0 or -ENOMEM. */
int loop_readable(struct loop *loop, struct loop_watch *watch, int fd, loop_call *call, void *data); /* armed */
int loop_writable(struct loop *loop, struct loop_watch *watch, int fd, loop_call *call, void *data);
int loop_signal(struct loop *loop, struct loop_watch *watch, int number, loop_call *call, void *data); /* armed */
int loop_timer(struct loop *loop, struct loop_watch *watch, loop_call *call, void *data);

void loop_arm(struct loop_watch *watch);                 /* harmless if armed */
void loop_arm_ms(struct loop_watch *watch, uint64_t ms); /* a timer; anew if armed */
void loop_disarm(struct loop_watch *watch);
/* Before its descriptor is closed. */
void loop_end(struct loop_watch *watch);

#endif
