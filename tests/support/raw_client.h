/* SPDX-License-Identifier: MIT */
/*
 * A client made of frames alone, for tests of the broker: it can say what libcbbroker never would. Header only,
 * because it needs wire/ and the harness does not.
 */
#ifndef CBB_TESTS_SUPPORT_RAW_CLIENT_H
#define CBB_TESTS_SUPPORT_RAW_CLIENT_H

#include "base/clock.h"
#include "support/harness.h"
#include "wire/connection.h"
#include "wire/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RAW_TIMEOUT_MS 20000

struct raw_client {
	struct connection connection;
	struct frame frame;          /* the last one received */
	struct unpack_arena arena;   /* of the last message */
	uint8_t token[16];
	uint32_t request;
};

static inline uint64_t raw_deadline_ns(void)
{
	return clock_deadline_ns((uint64_t)RAW_TIMEOUT_MS * harness_slow());
}

static inline ProtobufCBinaryData raw_bytes(const char *text)
{
	return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

/* A C string that lives until the test ends. */
static inline const char *raw_text(ProtobufCBinaryData bytes)
{
	return harness_format("%.*s", (int)bytes.len, bytes.len ? (const char *)bytes.data : "");
}

/* For harness_wait_until: somebody listens at this path. */
static inline bool raw_is_served(void *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", (const char *)path);
	bool served = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	close(fd);
	return served;
}

static inline int raw_connect_fd(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	REQUIRE_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static inline void raw_open(struct raw_client *client, const char *path)
{
	memset(client, 0, sizeof *client);
	connection_init(&client->connection, raw_connect_fd(path), FRAME_SESSION_MAX_BYTES);
}

static inline void raw_close(struct raw_client *client)
{
	unpack_free(&client->arena);
	connection_free(&client->connection);
}

static inline void raw_send_bytes(struct raw_client *client, const void *bytes, size_t size)
{
	REQUIRE_EQUAL(send(client->connection.fd, bytes, size, MSG_NOSIGNAL), size);
}

static inline void raw_send_fds(struct raw_client *client, Cbb__FrameType type, const ProtobufCMessage *message,
                                const int *fds, unsigned n_fds)
{
	REQUIRE_EQUAL(connection_send(&client->connection, type, message, fds, n_fds, raw_deadline_ns()), 0);
}

static inline void raw_send(struct raw_client *client, Cbb__FrameType type, const ProtobufCMessage *message)
{
	raw_send_fds(client, type, message, NULL, 0);
}

/* The next frame's type; FRAME_NONE at the end of the connection. */
static inline Cbb__FrameType raw_receive(struct raw_client *client)
{
	int r = connection_receive(&client->connection, &client->frame, raw_deadline_ns());
	if (r == 0 || r == -ECONNRESET)
		return CBB__FRAME_TYPE__FRAME_NONE;
	REQUIRE_EQUAL(r, 1);
	return client->frame.type;
}

static inline void *raw_unpack(struct raw_client *client, const ProtobufCMessageDescriptor *descriptor)
{
	unpack_free(&client->arena);
	void *message = unpack_frame(&client->arena, descriptor, &client->frame);
	REQUIRE(message != NULL);
	return message;
}

/* Receives a frame of this type, and nothing else. */
static inline void *raw_expect(struct raw_client *client, Cbb__FrameType type,
                               const ProtobufCMessageDescriptor *descriptor)
{
	REQUIRE_EQUAL(raw_receive(client), type);
	return raw_unpack(client, descriptor);
}

static inline void raw_expect_end(struct raw_client *client)
{
	EXPECT_EQUAL(raw_receive(client), CBB__FRAME_TYPE__FRAME_NONE);
}

/* ---- Hello ---- */

static inline void raw_hello_init(Cbb__Hello *hello, Cbb__Purpose purpose)
{
	cbb__hello__init(hello);
	hello->version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	hello->software = raw_bytes("raw client 0");
	hello->purpose = purpose;
}

static inline const Cbb__HelloReply *raw_hello(struct raw_client *client, const Cbb__Hello *hello)
{
	raw_send(client, CBB__FRAME_TYPE__FRAME_HELLO, &hello->base);
	return raw_expect(client, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &cbb__hello_reply__descriptor);
}

static inline void raw_open_session(struct raw_client *client, const char *path)
{
	Cbb__Hello hello;
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_SESSION);
	raw_open(client, path);
	const Cbb__HelloReply *reply = raw_hello(client, &hello);
	REQUIRE_EQUAL(reply->status, 0);
	REQUIRE_EQUAL(reply->token.len, sizeof client->token);
	memcpy(client->token, reply->token.data, sizeof client->token);
}

/* Asks for a lane; the reply is the host's, or the broker's refusal. */
static inline const Cbb__HelloReply *raw_attach(struct raw_client *lane, const char *path,
                                                const struct raw_client *session, uint64_t host)
{
	Cbb__Hello hello;
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_ATTACH);
	hello.token = (ProtobufCBinaryData){.len = sizeof session->token, .data = (uint8_t *)(uintptr_t)session->token};
	hello.host = host;
	hello.lane = CBB__LANE_KIND__LANE_CLIENT_THREAD;
	raw_open(lane, path);
	return raw_hello(lane, &hello);
}

/* ---- Session ---- */

static inline void raw_open_host_init(Cbb__OpenHost *message, struct raw_client *client)
{
	cbb__open_host__init(message);
	message->request = ++client->request;
	message->name = raw_bytes("a test");
	message->umask = 022;
}

/* Sends it and waits for the answer: the host's number, or 0 and DONE is the last frame. */
static inline uint64_t raw_open_host(struct raw_client *client, const Cbb__OpenHost *message, const int *fds,
                                     unsigned n_fds, uint32_t *ret_pid)
{
	raw_send_fds(client, CBB__FRAME_TYPE__FRAME_OPEN_HOST, &message->base, fds, n_fds);
	Cbb__FrameType type = raw_receive(client);
	if (type == CBB__FRAME_TYPE__FRAME_DONE)
		return 0;
	REQUIRE_EQUAL(type, CBB__FRAME_TYPE__FRAME_HOST_OPENED);
	const Cbb__HostOpened *opened = raw_unpack(client, &cbb__host_opened__descriptor);
	EXPECT_EQUAL(opened->request, message->request);
	if (ret_pid)
		*ret_pid = opened->pid;
	return opened->host;
}

/* The status of the DONE that is the last frame, or that comes next. */
static inline int raw_done(struct raw_client *client, const char **ret_detail)
{
	const Cbb__Done *done = client->frame.type == CBB__FRAME_TYPE__FRAME_DONE
	                            ? raw_unpack(client, &cbb__done__descriptor)
	                            : raw_expect(client, CBB__FRAME_TYPE__FRAME_DONE, &cbb__done__descriptor);
	client->frame.type = CBB__FRAME_TYPE__FRAME_NONE;
	EXPECT_EQUAL(done->request, client->request);
	if (ret_detail)
		*ret_detail = raw_text(done->detail);
	return done->status;
}

static inline void raw_send_close_host(struct raw_client *client, uint64_t host)
{
	Cbb__CloseHost message = CBB__CLOSE_HOST__INIT;
	message.request = ++client->request;
	message.host = host;
	raw_send(client, CBB__FRAME_TYPE__FRAME_CLOSE_HOST, &message.base);
}

static inline const Cbb__HostExited *raw_exited(struct raw_client *client)
{
	return raw_expect(client, CBB__FRAME_TYPE__FRAME_HOST_EXITED, &cbb__host_exited__descriptor);
}

static inline const Cbb__HostList *raw_list(struct raw_client *client)
{
	Cbb__ListHosts message = CBB__LIST_HOSTS__INIT;
	message.request = ++client->request;
	raw_send(client, CBB__FRAME_TYPE__FRAME_LIST_HOSTS, &message.base);
	return raw_expect(client, CBB__FRAME_TYPE__FRAME_HOST_LIST, &cbb__host_list__descriptor);
}

/* NULL: DONE is the last frame. */
static inline const Cbb__HostStatusReply *raw_status(struct raw_client *client, uint64_t host)
{
	Cbb__HostStatus message = CBB__HOST_STATUS__INIT;
	message.request = ++client->request;
	message.host = host;
	raw_send(client, CBB__FRAME_TYPE__FRAME_HOST_STATUS, &message.base);
	Cbb__FrameType type = raw_receive(client);
	if (type == CBB__FRAME_TYPE__FRAME_DONE)
		return NULL;
	REQUIRE_EQUAL(type, CBB__FRAME_TYPE__FRAME_HOST_STATUS_REPLY);
	return raw_unpack(client, &cbb__host_status_reply__descriptor);
}

#endif
