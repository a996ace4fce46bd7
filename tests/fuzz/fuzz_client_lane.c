/* SPDX-License-Identifier: MIT */
/*
 * A client's lane: frames of a hostile host over a real socket while a real call with callbacks waits for its result.
 */
#include "frames.h"
#include "interface/parse.h"
#include "lib/call.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/port.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "[library(\"libfuzz.so\")]\n"
    "struct pair { int a; const char *name; double values[3]; };\n"
    "typedef struct thing thing;\n"
    "typedef int (*visit)([userdata] void *user, const char *name, [string, zero] const char **list,\n"
    "                     const struct pair *pair, [out, size(3)] int *numbers, [bytes(call.size)] const void *raw);\n"
    "[nullable] const struct pair *walk(thing *where, [inout, size(size)] char *raw, unsigned long size, visit each,\n"
    "    [userdata(each)] void *user, [out, string] char **message, [out, size(4), filled(*raw > 0)] long *out);\n";

struct pair;

static int each(void *user, const char *name, const char **list, const struct pair *pair, int *numbers, const void *raw)
{
	(void)user;
	(void)pair;
	numbers[0] = raw != NULL;
	return list && list[0] && name ? (int)strlen(name) : -1;
}

struct world {
	struct cbb_client client;
	struct cbb_host *host;
	struct cbb_library library;
};

static struct cbb_host *host_made(struct cbb_client *client)
{
	struct cbb_host *host = calloc(1, sizeof *host);
	host->client = client;
	host->id = 1;
	host->pidfd = -1;
	host->max_payload_bytes = 1 << 20;
	host->call_timeout_ms = 5000;
	pthread_mutex_init(&host->lock, NULL);
	pthread_mutex_init(&host->ports_lock, NULL);
	callback_table_init(&host->callbacks, 0, 0);
	token_table_init(&host->tokens);
	handle_table_init(&host->handles);
	return host;
}

/* The default queue's meeting with the host, whose event lane has ended: the input speaks on the thread's lane only. */
static void port_made(struct cbb_host *host)
{
	struct port *port = calloc(1, sizeof *port);
	port->queue = host->client->default_queue;
	port->host = host;
	port->lane.fd = -1;
	port->ended = true;
	DL_APPEND2(host->ports, port, host_prev, host_next);
}

/* Made once: host and library as after an opening, with no broker behind. */
static struct world *world_get(void)
{
	static struct world world;
	if (world.host)
		return &world;
	world.client.session.connection.fd = -1;
	world.client.session.path = strdup("nowhere");
	world.client.session.timeout_ms = 1000;
	pthread_mutex_init(&world.client.session.lock, NULL);
	pthread_mutex_init(&world.client.queues_lock, NULL);
	pthread_mutex_init(&world.client.hook_lock, NULL);
	if (queue_default_open(&world.client) < 0)
		abort();
	world.host = host_made(&world.client);
	port_made(world.host);
	world.library.host = world.host;
	world.library.number = 1;
	pthread_mutex_init(&world.library.lock, NULL);
	if (interface_parse("fuzz", text, sizeof text - 1, NULL, NULL, &world.library.interface) < 0) {
		fprintf(stderr, "%s\n", detail_text());
		abort();
	}
	world.library.functions = calloc(world.library.interface->message.n_functions, sizeof *world.library.functions);
	world.library.missing = calloc(world.library.interface->message.n_functions, sizeof(bool));
	DL_APPEND(world.host->libraries, &world.library);
	return &world;
}

/* This thread's lane is a socket whose other end the input speaks for. */
static int lane_made(struct cbb_host *host)
{
	int pair[2];
	struct client_lane *lane = calloc(1, sizeof *lane);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	lane_init(&lane->lane, pair[0], -1, host->max_payload_bytes);
	arena_init(&lane->arena, 2 * host->max_payload_bytes);
	fork_register(pair[0]);
	registry_lock();
	lane->host = host;
	DL_APPEND2(host->lanes, lane, host_prev, host_next);
	registry_unlock();
	LL_PREPEND2(thread_self()->lanes, lane, thread_next);
	return pair[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *world = world_get();
	cbb_function *walk = NULL;
	char raw[24] = "raw";
	unsigned long raw_bytes = sizeof raw;
	void *where = raw, *user = raw, *result = NULL; /* a handle is any address */
	char *message = NULL, **to_message = &message;
	long out[4], *to_out = out;
	void *to_raw = raw;
	int (*handler)(void *, const char *, const char **, const struct pair *, int *, const void *) = each;
	void *arguments[] = {&where, &to_raw, &raw_bytes, &handler, &user, &to_message, &to_out};
	atomic_store(&world->host->dead, false);
	if (size > 100000 || cbb_function_find(&world->library, "walk", &walk) < 0)
		return 0;
	static const uint8_t types[] = {CBB__FRAME_TYPE__FRAME_INVOKE, CBB__FRAME_TYPE__FRAME_RETURN,
	                                CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED};
	uint8_t *bytes = frames_from_input(data, size, types, sizeof types, &size);
	int fd = lane_made(world->host);
	send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(bytes);
	shutdown(fd, SHUT_WR);
	cbb_call(walk, &result, arguments);
	client_lanes_free(thread_self());
	close(fd);
	return 0;
}
