/* SPDX-License-Identifier: MIT */
/*
 * compress [FILE]: a library (compressor_library.c) compresses a file on a thread of its own, in a host, and never
 * waits for this program: its progress comes as events, the newest only. The last event closes both callbacks, inside
 * its own handler. Then nothing is left to wait for, and the loop ends by itself.
 */
#include "examples.h"

#include <string.h>
#include <sys/stat.h>

#define MAX_BYTES (32ul << 20)

typedef void progress_fn(unsigned long done_bytes, unsigned long total_bytes);
typedef void done_fn(int status, unsigned long in_bytes, unsigned long out_bytes);
typedef int start_fn(const char *from, const char *to, int level, progress_fn *, done_fn *);
typedef int uncompress_fn(unsigned char *to, unsigned long *to_size, const unsigned char *from,
                          unsigned long from_size);

static cbb_callback *progress, *done;
static unsigned long n_seen, n_replaced, in_size, out_size;
static int status = -1;

static void on_progress(unsigned long done_bytes, unsigned long total_bytes)
{
	n_seen++;
	printf("  %3lu %%  %lu of %lu bytes\n", total_bytes ? 100 * done_bytes / total_bytes : 100, done_bytes,
	       total_bytes);
	usleep(20000); /* a slow display */
}

/* Stands in the stream where older progress was replaced by newer. */
static void on_replaced(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	(void)callback, (void)user_data;
	n_replaced += loss->count;
}

static void on_done(int result, unsigned long in_bytes, unsigned long out_bytes)
{
	status = result;
	in_size = in_bytes;
	out_size = out_bytes;
	check(cbb_callback_close(progress, NULL), "close the one");
	check(cbb_callback_close(done, NULL), "close the other, whose handler this is");
	printf("  done, and both callbacks are closed\n");
}

static unsigned char *read_file(const char *path, unsigned long size)
{
	unsigned char *bytes = malloc(size + 1);
	FILE *file = fopen(path, "rbe");
	check_that(bytes && file && fread(bytes, 1, size, file) == size, path);
	fclose(file);
	return bytes;
}

/* zlib of the same host makes the original of it again. */
static int is_same(cbb_library *zlib, const char *from, const char *to)
{
	unsigned char *original = read_file(from, in_size), *small = read_file(to, out_size), *again = calloc(1,
	                                                                                                      in_size + 1);
	unsigned long size = in_size;
	uncompress_fn *remote_uncompress = CBB_SYMBOL(zlib, uncompress_fn, "uncompress");
	check_that(again && remote_uncompress, "there is memory, and uncompress");
	int r = remote_uncompress(again, &size, small, out_size);
	check_last("uncompress");
	int same = r == 0 && size == in_size && memcmp(original, again, size) == 0;
	free(original);
	free(small);
	free(again);
	return same;
}

int main(int argc, char **argv)
{
	const char *from = argc > 1 ? argv[1] : "/usr/lib/x86_64-linux-gnu/libcrypto.so.3";
	char to[] = "/tmp/compress.XXXXXX";
	struct stat stats;
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	cbb_library *zlib = NULL;
	show_at_once();
	if (argc < 2 && access(from, R_OK) != 0)
		from = "/usr/lib/x86_64-linux-gnu/libc.so.6";
	check_that(stat(from, &stats) == 0 && (unsigned long)stats.st_size <= MAX_BYTES, from);
	int fd = mkstemp(to);
	check_that(fd >= 0 && close(fd) == 0, to);
	cbb_library *compressor = open_example_library(&client, &host, COMPRESSOR_INTERFACE);
	start_fn *compressor_start = CBB_SYMBOL(compressor, start_fn, "compressor_start");
	check_last("find compressor_start");

	cbb_callback_options options = {.size = sizeof options, .on_lost = on_replaced};
	check(cbb_callback_open(compressor, "compressor_progress", CBB_FUNCTION(on_progress), &options, &progress),
	      "progress");
	check(cbb_callback_open(compressor, "compressor_done", CBB_FUNCTION(on_done), NULL, &done), "done");
	printf("%s:\n", from);
	double begin = now_seconds();
	int started = compressor_start(from, to, 6, (progress_fn *)cbb_callback_pointer(progress),
	                               (done_fn *)cbb_callback_pointer(done));
	check_last("compressor_start");
	check_that(started == 0, "it is started");
	printf("  compressor_start() is back after %.1f ms; the work has just begun\n", (now_seconds() - begin) * 1e3);
	check(cbb_queue_run(cbb_queue_default(client)), "run"); /* until no callback is open */

	check_that(status == 0, "the file is compressed");
	check(cbb_library_open(host, "zlib", &zlib), "open zlib");
	check_that(is_same(zlib, from, to), "uncompress gives the original again");
	printf("%lu bytes became %lu; %lu reports were shown, %lu replaced by newer ones.\n", in_size, out_size, n_seen,
	       n_replaced);
	unlink(to);
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
