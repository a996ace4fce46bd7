/* SPDX-License-Identifier: MIT */
/*
 * A thread of a native library watches a directory (inotify). Ten events may wait; the eleventh makes that thread wait
 * until this program has handled one, so nothing is lost.
 */
#include "examples.h"
#include "work.h"

#include <string.h>
#include <sys/stat.h>

#define FILES 20

static cbb_queue *queue;
static char directory[] = "/tmp/file_watcher.XXXXXX";
static unsigned long n_events;

static void on_event(const char *what, const char *name)
{
	n_events++;
	printf("%s %s\n", what, name);
	if (strcmp(what, "deleted") == 0 && strcmp(name, "last") == 0)
		cbb_queue_stop(queue);
}

static void make_files(void)
{
	char path[64], moved[64];
	for (int i = 1; i <= FILES; i++) {
		snprintf(path, sizeof path, "%s/file %d", directory, i);
		FILE *file = fopen(path, "we");
		check_that(file != NULL, path);
		fclose(file);
	}
	snprintf(moved, sizeof moved, "%s/last", directory);
	check_that(rename(path, moved) == 0 && unlink(moved) == 0, "a file is moved and deleted");
}

static void delete_files(void)
{
	char path[64];
	for (int i = 1; i < FILES; i++) {
		snprintf(path, sizeof path, "%s/file %d", directory, i);
		unlink(path);
	}
	rmdir(directory);
}

int main(void)
{
	cbb_client *client = NULL;
	cbb_callback *event = NULL;
	show_at_once();
	cbb_library *work = open_example_library(&client, NULL, WORK_INTERFACE);
	__typeof__(watch_start) *start = CBB_SYMBOL(work, watch_start, "watch_start");
	__typeof__(watch_stop) *stop = CBB_SYMBOL(work, watch_stop, "watch_stop");
	check_that(start && stop && mkdtemp(directory), "there is something to watch");

	/* The interface file says of this type: listener, and of a full queue nothing, so its thread waits. */
	queue = cbb_queue_default(client);
	cbb_callback_options options = {.size = sizeof options, .max_queued = 10};
	check(cbb_callback_open(work, "watch_event", CBB_FUNCTION(on_event), &options, &event), "open a callback");
	int started = start(directory, (watch_event)cbb_callback_pointer(event));
	check_last("watch_start");
	check_that(started == 0, "the watcher is started");

	make_files();
	check(cbb_queue_run(queue), "run");
	stop();
	check(cbb_callback_close(event, NULL), "close the callback");
	printf("%lu events, every one.\n", n_events);
	delete_files();
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
