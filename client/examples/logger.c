/* SPDX-License-Identifier: MIT */
/*
 * A native library logs in the background for as long as it lives. The log is shown while there is something else to
 * wait for; it does not keep the program alive itself: its callback is not ref'ed.
 */
#include "examples.h"
#include "work.h"

static unsigned long n_lines, n_warnings;
static cbb_callback *download;

static void on_line(int level, const char *text)
{
	n_lines++;
	n_warnings += level > 1;
	if (n_lines <= 3)
		printf("log: %s\n", text);
}

static void on_progress(int percent)
{
	printf("download: %d %%\n", percent);
}

static int on_broken(int percent, const char *why)
{
	printf("download: broken at %d %%, %s; on it goes\n", percent, why);
	return 1;
}

/* With this one, nothing is left that keeps cbb_queue_run() waiting. */
static void on_done(int is_complete)
{
	printf("download: %s\n", is_complete ? "complete" : "given up");
	cbb_callback_close(download, NULL);
}

int main(void)
{
	cbb_client *client = NULL;
	cbb_callback *line = NULL;
	show_at_once();
	cbb_library *work = open_example_library(&client, NULL, WORK_INTERFACE);
	__typeof__(log_start) *start_log = CBB_SYMBOL(work, log_start, "log_start");
	__typeof__(download_start) *start_download = CBB_SYMBOL(work, download_start, "download_start");
	check_that(start_log && start_download, "log_start and download_start are found");

	cbb_callback_options background = {.size = sizeof background, .unrefed = 1};
	check(cbb_callback_open(work, "log_line", CBB_FUNCTION(on_line), &background, &line), "open a callback");
	check(cbb_callback_open(work, "download_done", CBB_FUNCTION(on_done), NULL, &download), "open a callback");
	start_log((log_line)cbb_callback_pointer(line));
	check_last("log_start");
	/* Plain functions keep nothing waiting either: nobody could say that they are no longer needed. */
	start_download("http://example.org/large", on_progress, on_broken, (download_done)cbb_callback_pointer(download));
	check_last("download_start");

	check(cbb_queue_run(cbb_queue_default(client)), "run");
	printf("Done, after %lu lines of a log (%lu warnings) that would go on for ever.\n", n_lines, n_warnings);
	check_that(cbb_disconnect(client) == NULL, "disconnected"); /* the host ends, and the log with it */
	return 0;
}
