/* SPDX-License-Identifier: MIT */
/*
 * A host's lane: frames of a hostile client over a real socket to a real lane that has a library open. Frames
 * that would open further libraries are left out: what those name would be loaded, and run.
 */
#include "frames.h"
#include "host/lane_thread.h"
#include "interface/parse.h"
#include "wire/connection.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Functions that do no harm with any arguments. */
static const char text[] =
    "[library(\"libc.so.6\")]\n"
    "typedef int (*compare)([bytes(call.size)] const void *a, [bytes(call.size)] const void *b);\n"
    "typedef int (*compare_r)([bytes(call.size)] const void *a, [bytes(call.size)] const void *b, [userdata] void *u);\n"
    "int abs(int value);\n"
    "unsigned long strlen(const char *s);\n"
    "int memcmp([bytes(n)] const void *a, [bytes(n)] const void *b, unsigned long n);\n"
    "void qsort([inout, bytes(count * size)] void *base, unsigned long count, unsigned long size, compare compar);\n"
    "void qsort_r([inout, bytes(count * size)] void *base, unsigned long count, unsigned long size, compare_r compar,\n"
    "             [userdata(compar)] void *arg);\n"
    "long strtol(const char *s, [out, nullable, into(s)] char **end, int base);\n";

/*
 * The client: one thread for all inputs. (A new one each time, started and ended a thousand times a second, is more
 * than clang 14's AddressSanitizer keeps count of.)
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const uint8_t *data;
	size_t size;
	int fd; /* -1: nothing to do */
} client = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .fd = -1};

static void send_all(int fd, const void *data, size_t size)
{
	const char *at = data;
	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		at += n;
		size -= (size_t)n;
	}
}

/* Sends what there is to send, and reads what comes until the lane has closed its end. */
static void *client_main(void *unused)
{
	char buffer[4096];
	pthread_mutex_lock(&client.lock);
	for (;;) {
		while (client.fd < 0)
			pthread_cond_wait(&client.changed, &client.lock);
		send_all(client.fd, client.data, client.size);
		shutdown(client.fd, SHUT_WR);
		while (read(client.fd, buffer, sizeof buffer) > 0)
			;
		close(client.fd);
		client.fd = -1;
		pthread_cond_signal(&client.changed);
	}
	return unused;
}

static void client_start(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, client_main, NULL) != 0)
		abort();
}

/* Serves a lane on this thread, until the client has said all of `data` and the lane has ended. */
static void play(const uint8_t *data, size_t size)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	pthread_mutex_lock(&client.lock);
	client.data = data;
	client.size = size;
	client.fd = pair[1];
	pthread_cond_signal(&client.changed);
	pthread_mutex_unlock(&client.lock);
	lane_thread_expect();
	lane_thread_serve(pair[0], "fuzz");
	pthread_mutex_lock(&client.lock);
	while (client.fd >= 0)
		pthread_cond_wait(&client.changed, &client.lock);
	pthread_mutex_unlock(&client.lock);
}

static void open_library_once(void)
{
	static bool opened;
	struct interface *interface;
	if (opened)
		return;
	opened = true;
	client_start();
	if (interface_parse("fuzz", text, sizeof text - 1, NULL, NULL, &interface) < 0)
		abort();
	Cbb__OpenLibrary message = CBB__OPEN_LIBRARY__INIT;
	message.sequence = message.library = 1;
	message.interface = &interface->message;
	size_t size = cbb__open_library__get_packed_size(&message);
	uint8_t *frame = malloc(FRAME_HEADER_BYTES + size);
	frame_write_header(frame, (uint32_t)size, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY);
	cbb__open_library__pack(&message, frame + FRAME_HEADER_BYTES);
	play(frame, FRAME_HEADER_BYTES + size);
	free(frame);
	interface_free(interface);
}

/*
 * Each byte pair of the input that begins a frame of a type is changed: of what would load libraries or write to the
 * memory of the fuzzer itself.
 */
static void forbid(uint8_t *data, size_t size, uint8_t type)
{
	for (size_t at = 4; at + 1 < size; at++)
		if (data[at] == type && data[at + 1] == 0)
			data[at] = CBB__FRAME_TYPE__FRAME_INVOKE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t types[] = {CBB__FRAME_TYPE__FRAME_INVOKE, CBB__FRAME_TYPE__FRAME_RETURN,
	                                CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK,
	                                CBB__FRAME_TYPE__FRAME_ABANDON, CBB__FRAME_TYPE__FRAME_READ_MEMORY};
	open_library_once();
	uint8_t *bytes = frames_from_input(data, size, types, sizeof types, &size);
	forbid(bytes, size, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY);
	forbid(bytes, size, CBB__FRAME_TYPE__FRAME_WRITE_MEMORY);
	play(bytes, size);
	free(bytes);
	return 0;
}
