/* SPDX-License-Identifier: MIT */
#include "host/lane_thread.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "base/log.h"
#include "host/death.h"
#include "host/greeting.h"
#include "host/host.h"
#include "host/host_lane.h"
#include "host/service.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_MIN_BYTES 65536
/* A client that does not take the first frame of its lane. */
#define GREETING_TIMEOUT_MS 10000

static _Atomic unsigned n_lanes;

struct start {
	int fd;
	char name[HOST_THREAD_NAME_BYTES];
};

unsigned lane_thread_count(void)
{
	return atomic_load(&n_lanes);
}

void lane_thread_expect(void)
{
	atomic_fetch_add(&n_lanes, 1);
}

/* Until the client closes the lane, or breaks the protocol. */
static void lane_run(struct host_lane *lane)
{
	while (!lane->dead) {
		struct frame frame;
		int r = lane_receive(&lane->lane, &frame, CLOCK_NEVER);
		if (r > 0)
			r = host_lane_serve(lane, &frame, 0);
		if (r < 0)
			host_lane_kill(lane, r == -EBADMSG ? detail_text() : NULL);
	}
}

void lane_thread_forget(void)
{
	atomic_fetch_sub(&n_lanes, 1);
	service_lane_closed();
}

/* Also runs when the library ends this thread (pthread_exit) inside a call. */
static void lane_end(void *data)
{
	struct host_lane *lane = data;
	if (lane->n_calls)
		telemetry_notice("native thread %d ended inside a call of %s (pthread_exit, or it was cancelled)",
		                 (int)lane->thread->id, lane->thread->function ? lane->thread->function : "a function");
	lane->thread->lane = NULL; /* closures called by thread-local destructors find no lane */
	death_remove_lane(lane->lane.fd);
	lane_free(&lane->lane);
	arena_free(&lane->arena);
	recent_free(&lane->recent);
	telemetry_lane_release(lane->cell);
	free(lane);
	lane_thread_forget();
}

/* NULL without memory. */
static struct host_lane *lane_new(int fd, const char *thread_name)
{
	struct host_lane *lane = calloc(1, sizeof *lane);
	if (!lane)
		return NULL;
	lane->thread = host_thread_current();
	lane->thread->lane = lane;
	lane->cell = telemetry_lane_claim(lane->thread->id, thread_name);
	lane_init(&lane->lane, fd, -1, host_self()->max_payload_bytes);
	arena_init(&lane->arena, 2 * (host_self()->max_payload_bytes + FRAME_OVERHEAD_BYTES));
	return lane;
}

void lane_thread_serve(int fd, const char *thread_name)
{
	sigset_t none;
	host_thread_enter(thread_name);
	struct host_lane *lane = lane_new(fd, thread_name);
	if (!lane) {
		descriptor_close(fd);
		lane_thread_forget();
		return;
	}
	/* Foreign code runs with an ordinary signal mask; the service thread that started this one blocks everything. */
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	pthread_cleanup_push(lane_end, lane);
	if (death_add_lane(fd) == 0 &&
	    greeting_send(fd, 0, (uint32_t)lane->thread->id, clock_deadline_ns(GREETING_TIMEOUT_MS)) == 0)
		lane_run(lane);
	pthread_cleanup_pop(1);
}

static void *lane_main(void *data)
{
	struct start start = *(struct start *)data;
	free(data);
	lane_thread_serve(start.fd, start.name);
	return NULL;
}

static int thread_make(struct start *start)
{
	pthread_attr_t attributes;
	pthread_t thread;
	size_t stack_bytes = host_self()->stack_bytes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (stack_bytes >= STACK_MIN_BYTES)
		pthread_attr_setstacksize(&attributes, stack_bytes);
	int r = pthread_create(&thread, &attributes, lane_main, start);
	pthread_attr_destroy(&attributes);
	return -r;
}

int lane_thread_start(int fd, const char *thread_name)
{
	struct start *start = malloc(sizeof *start);
	int r = -ENOMEM;
	lane_thread_expect();
	if (start) {
		start->fd = fd;
		snprintf(start->name, sizeof start->name, "%s", thread_name);
		r = thread_make(start);
		if (r == 0)
			return 0;
		free(start);
	}
	atomic_fetch_sub(&n_lanes, 1);
	return detail_set(r, "the host cannot start a thread for the lane: %s", strerror(-r));
}
