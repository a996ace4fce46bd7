/* SPDX-License-Identifier: MIT */
/*
 * A host's lane: frames of a hostile client over a real socket to a real lane thread that has a library open. Frames
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

static void *drain(void *data)
{
	char buffer[4096];
	const int *fd = data;
	while (read(*fd, buffer, sizeof buffer) > 0)
		;
	return NULL;
}

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

/* Plays a client: sends the bytes, reads what comes, until the lane thread has closed its end. */
static void play(const uint8_t *data, size_t size)
{
	int pair[2];
	pthread_t reader;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	if (lane_thread_start(pair[0], CBB__LANE_KIND__LANE_CLIENT_THREAD, "fuzz") < 0)
		abort();
	pthread_create(&reader, NULL, drain, &pair[1]);
	send_all(pair[1], data, size);
	shutdown(pair[1], SHUT_WR);
	pthread_join(reader, NULL);
	close(pair[1]);
}

static void open_library_once(void)
{
	static bool opened;
	struct interface *interface;
	if (opened)
		return;
	opened = true;
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

/* Each byte pair of the input that begins a frame of the forbidden type is changed. */
static void forbid_libraries(uint8_t *data, size_t size)
{
	for (size_t at = 4; at + 1 < size; at++)
		if (data[at] == CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY && data[at + 1] == 0)
			data[at] = CBB__FRAME_TYPE__FRAME_INVOKE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t types[] = {CBB__FRAME_TYPE__FRAME_INVOKE, CBB__FRAME_TYPE__FRAME_RETURN,
	                                CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK,
	                                CBB__FRAME_TYPE__FRAME_ABANDON};
	open_library_once();
	uint8_t *bytes = frames_from_input(data, size, types, sizeof types, &size);
	forbid_libraries(bytes, size);
	play(bytes, size);
	free(bytes);
	return 0;
}
