/* SPDX-License-Identifier: MIT */
#include "lib/session.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/error.h"
#include "lib/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define SOFTWARE "cbbroker " CBB_VERSION

/* ---- Connecting ---- */

static int connect_path(const char *path, uint64_t deadline_ns)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return detail_set(-ENAMETOOLONG, "%s: longer than a socket's path may be", path);
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return detail_set(-errno, "no socket: %s", strerror(errno));
	/* connect() waits while the broker's backlog is full. */
	int left_ms = clock_left_ms(deadline_ns);
	struct timeval limit = {.tv_sec = left_ms < 0 ? 0 : left_ms / 1000, .tv_usec = left_ms % 1000 * 1000 + 1};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	int r;
	do
		r = connect(fd, (struct sockaddr *)&address, sizeof address);
	while (r < 0 && errno == EINTR && clock_left_ms(deadline_ns) != 0);
	if (r < 0) {
		r = errno == EAGAIN || errno == EINTR ? CBB_ERR_TIMEOUT : -errno;
		detail_set(r, "cannot connect to the broker at %s: %s", path,
		           r == CBB_ERR_TIMEOUT ? "it does not accept" : strerror(errno));
		descriptor_close(fd);
		return r;
	}
	return fd;
}

static int read_refusal(const Cbb__HelloReply *reply)
{
	return detail_set_bytes(reply->status, reply->detail.data, reply->detail.len);
}

static int check_reply(const Cbb__HelloReply *reply)
{
	if (reply->status < 0)
		return read_refusal(reply);
	if (reply->version != CBB__PROTOCOL_VERSION__PROTOCOL_VERSION)
		return detail_set(CBB_ERR_VERSION, "%.*s speaks protocol version %u, %s speaks version %d",
		                  (int)(reply->software.len < 64 ? reply->software.len : 64),
		                  (const char *)reply->software.data, reply->version, SOFTWARE,
		                  CBB__PROTOCOL_VERSION__PROTOCOL_VERSION);
	return 0;
}

static int receive_error(int r)
{
	switch (r) {
	case 0: return detail_set(CBB_ERR_BROKER_GONE, "the other end closed the connection before it answered");
	case -ETIMEDOUT: return detail_set(CBB_ERR_TIMEOUT, "no answer within the time allowed");
	case -EBADMSG: return detail_prefix(CBB_ERR_PROTOCOL, "the answer: ");
	case -EPIPE:
	case -ECONNRESET: return detail_set(CBB_ERR_BROKER_GONE, "the broker is gone");
	default: return detail_set(r, "no answer: %s", strerror(-r));
	}
}

/* Sends Hello, waits for the reply and checks it. *token may be NULL. */
static int greet(struct connection *connection, const Cbb__Hello *hello, uint64_t deadline_ns, uint8_t *token)
{
	int r = connection_send(connection, CBB__FRAME_TYPE__FRAME_HELLO, &hello->base, NULL, 0, deadline_ns);
	/* A refusal may lie in the socket although sending failed. */
	struct frame frame;
	int sent = r;
	r = connection_receive(connection, &frame, deadline_ns);
	if (r <= 0)
		return receive_error(r == 0 && sent < 0 ? sent : r);
	UNPACK_ARENA arena = {0};
	Cbb__HelloReply *reply = NULL;
	Cbb__FrameType type = frame.type;
	if (frame.type == CBB__FRAME_TYPE__FRAME_HELLO_REPLY)
		reply = unpack_frame(&arena, &cbb__hello_reply__descriptor, &frame);
	frame_close_fds(&frame);
	if (!reply)
		return detail_set(CBB_ERR_PROTOCOL, "what answers there is no cbbroker: it sent %s", frame_type_name((int)type));
	r = check_reply(reply);
	if (r == 0 && token) {
		if (reply->token.len != TOKEN_BYTES)
			return detail_set(CBB_ERR_PROTOCOL, "the broker gave no session token");
		memcpy(token, reply->token.data, TOKEN_BYTES);
	}
	return r;
}

static void hello_init(Cbb__Hello *hello, Cbb__Purpose purpose)
{
	cbb__hello__init(hello);
	hello->version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	hello->software.data = (uint8_t *)(uintptr_t)SOFTWARE;
	hello->software.len = strlen(SOFTWARE);
	hello->purpose = purpose;
}

int session_open(struct session *session, const char *path, uint64_t timeout_ms)
{
	uint64_t deadline_ns = clock_deadline_ns(timeout_ms);
	int fd = connect_path(path, deadline_ns);
	if (fd < 0)
		return fd;
	connection_init(&session->connection, fd, FRAME_SESSION_MAX_BYTES);
	Cbb__Hello hello;
	hello_init(&hello, CBB__PURPOSE__PURPOSE_SESSION);
	int r = greet(&session->connection, &hello, deadline_ns, session->token);
	if (r == 0) {
		session->path = strdup(path);
		r = session->path ? fork_register(fd) : -ENOMEM;
	}
	if (r < 0) {
		free(session->path);
		session->path = NULL;
		connection_free(&session->connection);
		return r;
	}
	pthread_mutex_init(&session->lock, NULL);
	session->timeout_ms = timeout_ms;
	session->next_request = 1;
	return 0;
}

static void session_break(struct session *session)
{
	if (session->connection.fd >= 0)
		fork_unregister(session->connection.fd);
	connection_free(&session->connection);
}

void session_close(struct session *session)
{
	if (!session->path)
		return;
	session_break(session);
	pthread_mutex_destroy(&session->lock);
	free(session->path);
	session->path = NULL;
}

/* ---- Requests ---- */

static const struct {
	Cbb__FrameType type;
	const ProtobufCMessageDescriptor *descriptor;
} answers[] = {
    {CBB__FRAME_TYPE__FRAME_DONE, &cbb__done__descriptor},
    {CBB__FRAME_TYPE__FRAME_HOST_OPENED, &cbb__host_opened__descriptor},
    {CBB__FRAME_TYPE__FRAME_HOST_LIST, &cbb__host_list__descriptor},
    {CBB__FRAME_TYPE__FRAME_HOST_STATUS_REPLY, &cbb__host_status_reply__descriptor},
    {CBB__FRAME_TYPE__FRAME_HOST_EXITED, &cbb__host_exited__descriptor},
};

/* Each answer begins with its request number, at the same place in the struct. */
static uint32_t answer_request(const ProtobufCMessage *message)
{
	return ((const Cbb__Done *)message)->request;
}

/* The next frame, unpacked: 1, or a negative code. The session is broken after a failure that is not a timeout. */
static int next_answer(struct session *session, uint64_t deadline_ns, struct session_answer *answer)
{
	struct frame frame;
	if (session->connection.fd < 0)
		return detail_set(CBB_ERR_BROKER_GONE, "the connection to the broker at %s is broken", session->path);
	int r = connection_receive(&session->connection, &frame, deadline_ns);
	if (r <= 0) {
		r = receive_error(r);
		if (r != CBB_ERR_TIMEOUT)
			session_break(session);
		return r;
	}
	frame_close_fds(&frame);
	answer->type = frame.type;
	answer->message = NULL;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		if (answers[i].type == frame.type)
			answer->message = unpack_frame(&answer->arena, answers[i].descriptor, &frame);
	if (answer->message)
		return 1;
	session_answer_free(answer);
	session_break(session);
	return detail_set(CBB_ERR_PROTOCOL, "unexpected frame %s from the broker", frame_type_name((int)frame.type));
}

/* Whether it was news and is dealt with. */
static bool take_news(struct session *session, struct session_answer *answer)
{
	if (answer->type != CBB__FRAME_TYPE__FRAME_HOST_EXITED)
		return false;
	if (session->exited)
		session->exited(session->context, (const Cbb__HostExited *)answer->message);
	return true;
}

static int wait_answer(struct session *session, uint32_t request, uint64_t deadline_ns, struct session_answer *answer)
{
	for (;;) {
		memset(answer, 0, sizeof *answer);
		int r = next_answer(session, deadline_ns, answer);
		if (r < 0)
			return r;
		/* What is neither news nor the answer belongs to a request that timed out. */
		if (!take_news(session, answer) && answer_request(answer->message) == request)
			return 0;
		session_answer_free(answer);
	}
}

static int check_answer(struct session_answer *answer, Cbb__FrameType expected)
{
	int r = 0;
	if (answer->type == CBB__FRAME_TYPE__FRAME_DONE) {
		const Cbb__Done *done = (const Cbb__Done *)answer->message;
		if (done->status < 0)
			r = detail_set_bytes(done->status, done->detail.data, done->detail.len);
	}
	if (r == 0 && answer->type != expected)
		r = detail_set(CBB_ERR_PROTOCOL, "the broker answered with %s", frame_type_name((int)answer->type));
	if (r < 0)
		session_answer_free(answer);
	return r;
}

static int mutex_lock_until(pthread_mutex_t *mutex, uint64_t deadline_ns)
{
	if (deadline_ns == CLOCK_NEVER)
		return pthread_mutex_lock(mutex);
#if defined(__SANITIZE_THREAD__)
	/* gcc 12's ThreadSanitizer does not know pthread_mutex_clocklock, and takes the mutex for unlocked. */
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	uint64_t left_ms = (uint64_t)clock_left_ms(deadline_ns);
	until.tv_sec += (time_t)(left_ms / 1000 + 1);
	return pthread_mutex_timedlock(mutex, &until);
#else
	struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
	                         .tv_nsec = (long)(deadline_ns % 1000000000u)};
	return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
#endif
}

static int lock_until(struct session *session, uint64_t deadline_ns)
{
	return mutex_lock_until(&session->lock, deadline_ns) == 0
	           ? 0
	           : detail_set(CBB_ERR_TIMEOUT, "another thread waits for the broker");
}

static int copy_fds(int *copies, const int *fds, unsigned n_fds)
{
	for (unsigned i = 0; i < n_fds; i++) {
		copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (copies[i] >= 0)
			continue;
		int r = detail_set(-errno, "descriptor %d cannot be passed: %s", fds[i], strerror(errno));
		while (i > 0)
			descriptor_close(copies[--i]);
		return r;
	}
	return 0;
}

/* Takes the descriptors. */
static int send_request(struct session *session, Cbb__FrameType type, ProtobufCMessage *message, const int *fds,
                        unsigned n_fds, uint64_t deadline_ns)
{
	int r = connection_send(&session->connection, type, message, fds, n_fds, deadline_ns);
	if (r == 0)
		return 0;
	r = receive_error(r);
	session_break(session); /* a part may be sent */
	return r;
}

int session_request(struct session *session, Cbb__FrameType type, ProtobufCMessage *message, uint32_t *request_field,
                    const int *fds, unsigned n_fds, uint64_t timeout_ms, Cbb__FrameType expected,
                    struct session_answer *ret_answer)
{
	uint64_t deadline_ns = clock_deadline_ns(timeout_ms);
	int r = lock_until(session, deadline_ns);
	if (r < 0)
		return r;
	uint32_t request = session->next_request++;
	*request_field = request;
	if (session->connection.fd < 0)
		r = detail_set(CBB_ERR_BROKER_GONE, "the connection to the broker at %s is broken", session->path);
	int copies[FRAME_FDS_MAX];
	if (r == 0)
		r = copy_fds(copies, fds, n_fds);
	if (r == 0)
		r = send_request(session, type, message, copies, n_fds, deadline_ns);
	if (r == 0)
		r = wait_answer(session, request, deadline_ns, ret_answer);
	pthread_mutex_unlock(&session->lock);
	return r < 0 ? r : check_answer(ret_answer, expected);
}

void session_answer_free(struct session_answer *answer)
{
	unpack_free(&answer->arena);
	answer->message = NULL;
}

int session_wait(struct session *session, uint64_t deadline_ns, int (*done)(void *context), void *context)
{
	int r = lock_until(session, deadline_ns);
	if (r < 0)
		return r;
	while (r >= 0 && !done(context)) {
		struct session_answer answer = {0};
		r = next_answer(session, deadline_ns, &answer);
		if (r > 0) {
			take_news(session, &answer);
			session_answer_free(&answer);
		}
	}
	pthread_mutex_unlock(&session->lock);
	return r < 0 ? r : 0;
}

/* ---- Lanes ---- */

int session_attach(struct session *session, const struct session_lane *lane, uint64_t deadline_ns)
{
	uint64_t limit_ns = clock_deadline_ns(session->timeout_ms);
	if (limit_ns < deadline_ns)
		deadline_ns = limit_ns;
	int fd = connect_path(session->path, deadline_ns);
	if (fd < 0)
		return fd == CBB_ERR_TIMEOUT ? fd : detail_set(CBB_ERR_BROKER_GONE, "no new lane: %s", detail_text());
	struct connection connection;
	connection_init(&connection, fd, FRAME_HELLO_MAX_BYTES);
	connection.exact = true;
	Cbb__Hello hello;
	hello_init(&hello, CBB__PURPOSE__PURPOSE_ATTACH);
	hello.token.data = session->token;
	hello.token.len = TOKEN_BYTES;
	hello.host = lane->host;
	hello.lane = lane->kind;
	hello.thread_name.data = (uint8_t *)(uintptr_t)lane->thread_name;
	hello.thread_name.len = lane->thread_name ? strlen(lane->thread_name) : 0;
	hello.queue = lane->queue;
	hello.queue_max_events = lane->queue_max_events;
	hello.queue_max_bytes = lane->queue_max_bytes;
	hello.queue_stall_ms = lane->queue_stall_ms;
	hello.queue_bit = lane->queue_bit;
	int r = greet(&connection, &hello, deadline_ns, NULL);
	fd = r == 0 ? connection_take_fd(&connection) : r == CBB_ERR_BROKER_GONE ? -ECONNRESET : r;
	connection_free(&connection);
	return fd;
}
