/* SPDX-License-Identifier: MIT */
/*
 * The program's own loop, in plain poll(): one descriptor of it is a queue's. A native thread reports; a timer of the
 * program's ticks beside.
 */
#include "examples.h"
#include "work.h"

#include <poll.h>
#include <sys/timerfd.h>

#define REPORTS 5

static unsigned long n_reports, n_ticks;

static void on_sample(long memory_kib, long n_threads, double cpu_s)
{
	(void)n_threads, (void)cpu_s;
	printf("report %lu: %ld KiB\n", ++n_reports, memory_kib);
}

static int make_timer(void)
{
	struct itimerspec every = {.it_interval.tv_nsec = 4000000, .it_value.tv_nsec = 4000000};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	check_that(fd >= 0 && timerfd_settime(fd, 0, &every, NULL) == 0, "there is a timer");
	return fd;
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

	cbb_queue *queue = cbb_queue_default(client);
	struct pollfd polls[] = {{.fd = cbb_queue_fd(queue), .events = POLLIN}, {.fd = make_timer(), .events = POLLIN}};
	while (n_reports < REPORTS || n_ticks == 0) {
		unsigned long long expired = 0;
		check_that(poll(polls, 2, -1) > 0, "poll");
		if (polls[0].revents)
			check(cbb_queue_dispatch(queue, 0, 16), "dispatch"); /* waits for nothing; at most 16 handlers */
		if (polls[1].revents && read(polls[1].fd, &expired, sizeof expired) == (ssize_t)sizeof expired)
			n_ticks += expired;
	}
	stop();
	close(polls[1].fd);
	printf("%s\n", "Reports came, and the timer ticked.");
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
