/* SPDX-License-Identifier: MIT */
/*
 * The program's own loop, in libevent: a queue is one descriptor among its events. A native thread reports; a timer of
 * the program's ticks beside.
 */
#include "examples.h"
#include "work.h"

#include <event2/event.h>

#define REPORTS 5

static struct event_base *base;
static unsigned long n_reports, n_ticks;

static void on_sample(long memory_kib, long n_threads, double cpu_s)
{
	(void)n_threads, (void)cpu_s;
	printf("report %lu: %ld KiB\n", ++n_reports, memory_kib);
}

static void leave_when_done(void)
{
	if (n_reports >= REPORTS && n_ticks > 0)
		event_base_loopbreak(base);
}

static void on_queue(evutil_socket_t fd, short what, void *queue)
{
	(void)fd, (void)what;
	check(cbb_queue_dispatch(queue, 0, 16), "dispatch"); /* waits for nothing; at most 16 handlers */
	leave_when_done();
}

static void on_tick(evutil_socket_t fd, short what, void *unused)
{
	(void)fd, (void)what, (void)unused;
	n_ticks++;
	leave_when_done();
}

int main(void)
{
	cbb_client *client = NULL;
	show_at_once();
	cbb_library *work = open_example_library(&client, NULL, WORK_INTERFACE);
	__typeof__(monitor_start) *start = CBB_SYMBOL(work, monitor_start, "monitor_start");
	__typeof__(monitor_stop) *stop = CBB_SYMBOL(work, monitor_stop, "monitor_stop");
	check_that(start && stop, "monitor_start and monitor_stop are found");
	check_that(start(5, on_sample) == 0, "the monitor is started"); /* a plain C function: the default queue's */

	const struct timeval every = {.tv_usec = 4000};
	cbb_queue *queue = cbb_queue_default(client);
	base = event_base_new();
	struct event *ready = event_new(base, cbb_queue_fd(queue), EV_READ | EV_PERSIST, on_queue, queue);
	struct event *tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	check_that(event_add(ready, NULL) == 0 && event_add(tick, &every) == 0, "the events are added");
	event_base_dispatch(base);
	stop();
	printf("%s\n", "Reports came, and the timer ticked.");
	event_free(ready);
	event_free(tick);
	event_base_free(base);
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
