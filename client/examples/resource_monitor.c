/* SPDX-License-Identifier: MIT */
/*
 * A thread of a native library reports memory, threads and processor time, faster than this program wants to look. Ten
 * reports may wait; when there are more, the oldest go, and the stream says so where they were.
 */
#include "examples.h"
#include "work.h"

#define SAMPLES 8

static cbb_queue *queue;
static unsigned long n_seen, n_lost;

static void on_sample(long memory_kib, long n_threads, double cpu_s)
{
	n_seen++;
	printf("%lu: %ld KiB, %ld threads, %.3f s of processor time\n",
	       (unsigned long)cbb_invocation_sequence(cbb_invocation_current()), memory_kib, n_threads, cpu_s);
	if (n_seen >= SAMPLES && n_lost > 0)
		cbb_queue_stop(queue);
	usleep(3000); /* a slow display */
}

static void on_lost(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	(void)callback, (void)user_data;
	n_lost += loss->count;
	printf("... %lu reports lost here\n", (unsigned long)loss->count);
}

int main(void)
{
	cbb_client *client = NULL;
	cbb_callback *sample = NULL;
	show_at_once();
	cbb_library *work = open_example_library(&client, NULL, WORK_INTERFACE);
	__typeof__(monitor_start) *start = CBB_SYMBOL(work, monitor_start, "monitor_start");
	__typeof__(monitor_stop) *stop = CBB_SYMBOL(work, monitor_stop, "monitor_stop");
	check_that(start && stop, "monitor_start and monitor_stop are found");

	/* The interface file says of this type: listener(drop_oldest). */
	queue = cbb_queue_default(client);
	cbb_callback_options options = {.size = sizeof options, .max_queued = 10, .on_lost = on_lost};
	check(cbb_callback_open(work, "monitor_sample", CBB_FUNCTION(on_sample), &options, &sample), "open a callback");
	int started = start(1, (monitor_sample)cbb_callback_pointer(sample));
	check_last("monitor_start");
	check_that(started == 0, "the monitor is started");

	check(cbb_queue_run(queue), "run"); /* handlers run in here, until cbb_queue_stop() */
	stop();                             /* joins the library's thread */
	check_last("monitor_stop");
	check(cbb_callback_close(sample, NULL), "close the callback");
	printf("%lu reports were shown, %lu lost. Nothing waits any more.\n", n_seen, n_lost);
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
