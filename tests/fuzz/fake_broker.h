/* SPDX-License-Identifier: MIT */
/*
 * A broker and a host in one thread of this process, for a client of the public interface: hosts open, libraries open,
 * calls give 1. What the lanes of a queue say is the input's.
 */
#ifndef CBB_FUZZ_FAKE_BROKER_H
#define CBB_FUZZ_FAKE_BROKER_H

#include "base/clock.h"
#include "wire/connection.h"
#include "wire/unpack.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS_MAX 128
#define FAKE_PATIENCE_MS 1000

enum peer_kind { PEER_NEW, PEER_SESSION, PEER_LANE, PEER_QUEUE };

struct peer {
	struct connection connection;
	enum peer_kind kind;
};

/* What is said on a lane right after its beginning; read while no lane begins. */
struct speech {
	const uint8_t *bytes;
	size_t size;
	bool ends;  /* and then its end */
};

static struct {
	char path[64];
	int fd;
	pid_t host;   /* a process that does nothing */
	pthread_mutex_t lock;
	struct speech events, thread;
	struct peer peers[PEERS_MAX];
	unsigned n_peers;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void fake_say(struct peer *peer, Cbb__FrameType type, const ProtobufCMessage *message)
{
	connection_send(&peer->connection, type, message, NULL, 0, clock_deadline_ns(FAKE_PATIENCE_MS));
}

/* Reply and speech in one piece: who has the reply has it all. */
static void fake_begin_lane(struct peer *peer, const Cbb__HelloReply *reply, const struct speech *speech)
{
	size_t size = cbb__hello_reply__get_packed_size(reply);
	uint8_t *bytes = malloc(FRAME_HEADER_BYTES + size + speech->size);
	frame_write_header(bytes, (uint32_t)size, CBB__FRAME_TYPE__FRAME_HELLO_REPLY);
	cbb__hello_reply__pack(reply, bytes + FRAME_HEADER_BYTES);
	if (speech->size)
		memcpy(bytes + FRAME_HEADER_BYTES + size, speech->bytes, speech->size);
	send(peer->connection.fd, bytes, FRAME_HEADER_BYTES + size + speech->size, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(bytes);
	if (speech->ends)
		shutdown(peer->connection.fd, SHUT_WR);
}

static void fake_greet(struct peer *peer, const Cbb__Hello *hello)
{
	static uint8_t token[16];
	Cbb__HelloReply reply = CBB__HELLO_REPLY__INIT;
	reply.version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	reply.thread = 77;
	peer->kind = PEER_LANE;
	if (hello->purpose == CBB__PURPOSE__PURPOSE_SESSION) {
		reply.token = (ProtobufCBinaryData){.len = sizeof token, .data = token};
		peer->kind = PEER_SESSION;
	}
	if (hello->lane <= CBB__LANE_KIND__LANE_CLIENT_THREAD) {
		fake_say(peer, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &reply.base);
		return;
	}
	peer->kind = PEER_QUEUE;
	pthread_mutex_lock(&fake.lock);
	fake_begin_lane(peer, &reply, hello->lane == CBB__LANE_KIND__LANE_EVENTS ? &fake.events : &fake.thread);
	pthread_mutex_unlock(&fake.lock);
}

static void fake_serve_session(struct peer *peer, const struct frame *frame)
{
	static uint64_t last_host;
	UNPACK_ARENA arena = {0};
	if (frame->type == CBB__FRAME_TYPE__FRAME_OPEN_HOST) {
		const Cbb__OpenHost *message = unpack_frame(&arena, &cbb__open_host__descriptor, frame);
		Cbb__HostOpened opened = CBB__HOST_OPENED__INIT;
		opened.request = message ? message->request : 0;
		opened.host = ++last_host;
		opened.pid = (uint32_t)fake.host;
		fake_say(peer, CBB__FRAME_TYPE__FRAME_HOST_OPENED, &opened.base);
	} else if (frame->type == CBB__FRAME_TYPE__FRAME_CLOSE_HOST) {
		const Cbb__CloseHost *message = unpack_frame(&arena, &cbb__close_host__descriptor, frame);
		Cbb__HostExited exited = CBB__HOST_EXITED__INIT;
		Cbb__Done done = CBB__DONE__INIT;
		done.request = message ? message->request : 0;
		exited.host = message ? message->host : 0;
		exited.asked = true;
		fake_say(peer, CBB__FRAME_TYPE__FRAME_HOST_EXITED, &exited.base);
		fake_say(peer, CBB__FRAME_TYPE__FRAME_DONE, &done.base);
	}
}

static void fake_serve_lane(struct peer *peer, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	if (frame->type == CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY) {
		const Cbb__OpenLibrary *message = unpack_frame(&arena, &cbb__open_library__descriptor, frame);
		Cbb__LibraryOpened opened = CBB__LIBRARY_OPENED__INIT;
		opened.sequence = message ? message->sequence : 0;
		fake_say(peer, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &opened.base);
	} else if (frame->type == CBB__FRAME_TYPE__FRAME_INVOKE) {
		uint64_t word = 1;
		const Cbb__Invoke *message = unpack_frame(&arena, &cbb__invoke__descriptor, frame);
		Cbb__Return answer = CBB__RETURN__INIT;
		answer.sequence = message ? message->sequence : 0;
		answer.words = &word;
		answer.n_words = 1;
		fake_say(peer, CBB__FRAME_TYPE__FRAME_RETURN, &answer.base);
	}
}

static void fake_serve(struct peer *peer, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	if (peer->kind == PEER_SESSION) {
		fake_serve_session(peer, frame);
	} else if (peer->kind == PEER_LANE) {
		fake_serve_lane(peer, frame);
	} else if (peer->kind == PEER_NEW && frame->type == CBB__FRAME_TYPE__FRAME_HELLO) {
		const Cbb__Hello *hello = unpack_frame(&arena, &cbb__hello__descriptor, frame);
		if (hello)
			fake_greet(peer, hello);
	}
}

/* False: it has ended. */
static bool fake_read(struct peer *peer)
{
	struct frame frame;
	int r = connection_fill(&peer->connection);
	if (r <= 0)
		return r == -EAGAIN;
	while ((r = connection_next(&peer->connection, &frame)) > 0) {
		fake_serve(peer, &frame);
		frame_close_fds(&frame);
	}
	return r == 0;
}

static void fake_accept(void)
{
	int fd = accept4(fake.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0 && fake.n_peers == PEERS_MAX)
		close(fd);
	else if (fd >= 0)
		connection_init(&fake.peers[fake.n_peers++].connection, fd, FRAME_PAYLOAD_DEFAULT_BYTES);
}

static void *fake_main(void *unused)
{
	struct pollfd pollers[PEERS_MAX + 1];
	for (;;) {
		unsigned n = fake.n_peers;
		pollers[n] = (struct pollfd){.fd = fake.fd, .events = POLLIN};
		for (unsigned i = 0; i < n; i++)
			pollers[i] = (struct pollfd){.fd = fake.peers[i].connection.fd, .events = POLLIN};
		if (poll(pollers, n + 1, -1) < 0)
			continue;
		for (unsigned i = n; i-- > 0;) {
			if (!pollers[i].revents || fake_read(&fake.peers[i]))
				continue;
			connection_free(&fake.peers[i].connection);
			fake.peers[i] = fake.peers[--fake.n_peers];
			memset(&fake.peers[fake.n_peers], 0, sizeof *fake.peers);
		}
		if (pollers[n].revents)
			fake_accept();
	}
	return unused;
}

/* The address for cbb_connect. */
static const char *fake_start(void)
{
	static char address[80];
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	pthread_t thread;
	fake.host = fork();
	if (fake.host == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(fake.path, sizeof fake.path, "/tmp/fuzz-broker-%d", (int)getpid());
	snprintf(name.sun_path, sizeof name.sun_path, "%s", fake.path);
	snprintf(address, sizeof address, "unix:%s", fake.path);
	unlink(fake.path);
	fake.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fake.fd < 0 || bind(fake.fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fake.fd, 128) < 0 ||
	    pthread_create(&thread, NULL, fake_main, NULL) != 0)
		abort();
	return address;
}

static inline void fake_will_say(struct speech events, struct speech thread)
{
	pthread_mutex_lock(&fake.lock);
	fake.events = events;
	fake.thread = thread;
	pthread_mutex_unlock(&fake.lock);
}

#endif
