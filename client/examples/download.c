/* SPDX-License-Identifier: MIT */
/*
 * A download on a thread of a native library. Its progress is shown as it comes, the newest number only. At 60 % the
 * line breaks: the library's thread asks this program what to do, and waits for the answer.
 *
 *     download [again|stop]
 */
#include "examples.h"
#include "work.h"

#include <string.h>

static cbb_queue *queue;
static int goes_on, is_complete;

static void on_progress(int percent)
{
	printf("%d %%\n", percent);
}

static int on_broken(int percent, const char *why)
{
	printf("broken at %d %%: %s. %s\n", percent, why, goes_on ? "Once more." : "That was it.");
	return goes_on;
}

static void on_done(int complete)
{
	is_complete = complete;
	cbb_queue_stop(queue);
}

/* A thread of the library calls a handler that has failed: what then? The program hears of it here. */
static void on_failure(const cbb_failure *failure, void *user_data)
{
	(void)user_data;
	fprintf(stderr, "%s: %s\n", failure->callback_name, failure->text);
}

int main(int argc, char **argv)
{
	cbb_client *client = NULL;
	cbb_callback *progress = NULL, *broken = NULL, *done = NULL;
	show_at_once();
	goes_on = argc < 2 || strcmp(argv[1], "again") == 0;
	cbb_library *work = open_example_library(&client, NULL, WORK_INTERFACE);
	__typeof__(download_start) *start = CBB_SYMBOL(work, download_start, "download_start");
	__typeof__(download_stop) *stop = CBB_SYMBOL(work, download_stop, "download_stop");
	check_that(start && stop, "download_start and download_stop are found");
	check(cbb_set_failure_hook(client, on_failure, NULL), "listen to failures");

	/* How each is delivered stands in the interface file: latest, waiting for an answer, listener. */
	queue = cbb_queue_default(client);
	check(cbb_callback_open(work, "download_progress", CBB_FUNCTION(on_progress), NULL, &progress), "open a callback");
	check(cbb_callback_open(work, "download_broken", CBB_FUNCTION(on_broken), NULL, &broken), "open a callback");
	check(cbb_callback_open(work, "download_done", CBB_FUNCTION(on_done), NULL, &done), "open a callback");
	int started = start("http://example.org/large", (download_progress)cbb_callback_pointer(progress),
	                    (download_broken)cbb_callback_pointer(broken), (download_done)cbb_callback_pointer(done));
	check_last("download_start");
	check_that(started == 0, "the download is begun");

	check(cbb_queue_run(queue), "run");
	stop();
	printf(is_complete ? "complete\n" : "given up\n");
	check_that(cbb_disconnect(client) == NULL, "disconnected"); /* closes the callbacks too */
	return 0;
}
