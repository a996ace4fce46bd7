/* SPDX-License-Identifier: MIT */
#include "ctl/ask.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SOFTWARE "cbbctl " CBB_VERSION
#define SYSTEM_SOCKET "/run/cbbroker/broker.sock"

/* ---- The connection ---- */

static int socket_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return detail_set(-ENAMETOOLONG, "%s is too long for a socket's path", path);
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* connect(2) waits while the backlog is full; a send timeout bounds that too. */
	const struct timeval timeout = {.tv_sec = ASK_TIMEOUT_MS / 1000};
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		int error = errno;
		descriptor_close(fd);
		return detail_set(-error, "no broker at %s: %s", path, strerror(error));
	}
	return fd;
}

static int hello_check(const Cbb__HelloReply *reply)
{
	if (reply->status < 0)
		return detail_set_bytes(reply->status, reply->detail.data, reply->detail.len);
	if (reply->version != CBB__PROTOCOL_VERSION__PROTOCOL_VERSION)
		return detail_set(CBB__STATUS__STATUS_VERSION,
		                  "%s speaks protocol version %d, the broker (%.*s) version %u",
		                  SOFTWARE, CBB__PROTOCOL_VERSION__PROTOCOL_VERSION,
		                  (int)(reply->software.len < 64 ? reply->software.len : 64),
		                  (const char *)reply->software.data, reply->version);
	return 0;
}

static int answer_receive(struct ask *ask, struct frame *frame)
{
	int r = connection_receive(&ask->connection, frame, clock_deadline_ns(ASK_TIMEOUT_MS));
	if (r == 0)
		return detail_set(CBB__STATUS__STATUS_BROKER_GONE, "the broker closed the connection");
	if (r == -ETIMEDOUT)
		return detail_set(CBB__STATUS__STATUS_TIMEOUT, "the broker did not answer within %d ms",
		                  ASK_TIMEOUT_MS);
	if (r < 0 && r != -EBADMSG)
		return detail_set(r, "receiving from the broker: %s", strerror(-r));
	return r < 0 ? CBB__STATUS__STATUS_PROTOCOL : 0;
}

static void *answer_unpack(struct ask *ask, struct frame *frame, const ProtobufCMessageDescriptor *descriptor)
{
	frame_close_fds(frame);
	unpack_free(&ask->arena);
	return unpack_frame(&ask->arena, descriptor, frame);
}

static int hello(struct ask *ask)
{
	Cbb__Hello message = CBB__HELLO__INIT;
	struct frame frame;
	message.version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	message.software = (ProtobufCBinaryData){.len = strlen(SOFTWARE), .data = (uint8_t *)(uintptr_t)SOFTWARE};
	message.purpose = CBB__PURPOSE__PURPOSE_SESSION;
	/* A broker that refuses at once may have closed already: its words are there all the same. */
	connection_send(&ask->connection, CBB__FRAME_TYPE__FRAME_HELLO, &message.base, NULL, 0,
	                clock_deadline_ns(ASK_TIMEOUT_MS));
	int r = answer_receive(ask, &frame);
	if (r < 0)
		return r;
	const Cbb__HelloReply *reply = frame.type == CBB__FRAME_TYPE__FRAME_HELLO_REPLY
	                                   ? answer_unpack(ask, &frame, &cbb__hello_reply__descriptor)
	                                   : NULL;
	return reply ? hello_check(reply) : detail_set(CBB__STATUS__STATUS_PROTOCOL, "that is no broker");
}

static int open_path(struct ask *ask, const char *path)
{
	int fd = socket_connect(path);
	if (fd < 0)
		return fd;
	connection_free(&ask->connection);
	connection_init(&ask->connection, fd, FRAME_SESSION_MAX_BYTES);
	return hello(ask);
}

static int open_user(struct ask *ask)
{
	char path[sizeof(struct sockaddr_un)];
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	if (!runtime || runtime[0] != '/')
		return detail_set(-ENOENT, "XDG_RUNTIME_DIR is not set, so there is no broker of the user");
	int n = snprintf(path, sizeof path, "%s/cbbroker/broker.sock", runtime);
	if (n < 0 || (size_t)n >= sizeof path)
		return detail_set(-ENAMETOOLONG, "XDG_RUNTIME_DIR is too long for a socket's path");
	return open_path(ask, path);
}

static int open_address(struct ask *ask, const char *address)
{
	if (strcmp(address, "user:") == 0)
		return open_user(ask);
	if (strcmp(address, "system:") == 0)
		return open_path(ask, SYSTEM_SOCKET);
	if (strncmp(address, "unix:", 5) == 0)
		return open_path(ask, address + 5);
	return detail_set(-EINVAL, "address \"%s\": unix:PATH, user: and system: are understood", address);
}

int ask_open(struct ask *ask, const struct ctl_options *options)
{
	const char *address = options->address;
	*ask = (struct ask){.connection.fd = -1};
	if (options->user)
		return open_user(ask);
	if (options->system)
		return open_path(ask, SYSTEM_SOCKET);
	if (!address)
		address = secure_getenv("CBB_ADDRESS");
	if (address)
		return open_address(ask, address);
	int r = open_user(ask);
	if (r == 0)
		return 0;
	char words[DETAIL_SIZE];
	snprintf(words, sizeof words, "%s", detail_text());
	r = open_path(ask, SYSTEM_SOCKET);
	return r == 0 ? 0 : detail_prefix(r, "%s; ", words);
}

void ask_close(struct ask *ask)
{
	unpack_free(&ask->arena);
	connection_free(&ask->connection);
}

/* ---- Questions ---- */

static int done_status(struct ask *ask, struct frame *frame)
{
	const Cbb__Done *done = answer_unpack(ask, frame, &cbb__done__descriptor);
	if (!done || done->status >= 0)
		return detail_set(CBB__STATUS__STATUS_PROTOCOL, "the broker answers with nothing");
	return detail_set_bytes(done->status, done->detail.data, done->detail.len);
}

int ask_request(struct ask *ask, Cbb__FrameType type, const ProtobufCMessage *request, Cbb__FrameType wanted,
                const ProtobufCMessageDescriptor *descriptor, void *ret_answer)
{
	struct frame frame;
	int r = connection_send(&ask->connection, type, request, NULL, 0, clock_deadline_ns(ASK_TIMEOUT_MS));
	if (r < 0)
		return detail_set(r, "sending to the broker: %s", strerror(-r));
	r = answer_receive(ask, &frame);
	if (r < 0)
		return r;
	if (frame.type == CBB__FRAME_TYPE__FRAME_DONE)
		return done_status(ask, &frame);
	if (frame.type != wanted) {
		frame_close_fds(&frame);
		return detail_set(CBB__STATUS__STATUS_PROTOCOL, "the broker answers with %s",
		                  frame_type_name((int)frame.type));
	}
	void *answer = answer_unpack(ask, &frame, descriptor);
	if (!answer)
		return CBB__STATUS__STATUS_PROTOCOL;
	*(void **)ret_answer = answer;
	return 0;
}
