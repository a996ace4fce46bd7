/* SPDX-License-Identifier: MIT */
#include "broker/hello.h"

#include "base/descriptor.h"
#include "base/detail.h"
#include "broker/bytes.h"
#include "broker/host.h"
#include "broker/session.h"
#include "wire/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

void hello_free(struct hello *hello)
{
	struct broker *broker = hello->broker;
	DL_DELETE(broker->hellos, hello);
	peer_free(&hello->peer);
	loop_end(&hello->deadline);
	account_give_back(hello->account, CHARGE_PENDING);
	account_leave(&broker->accounts, hello->account);
	free(hello);
}

void hello_reply_init(Cbb__HelloReply *reply, int status)
{
	cbb__hello_reply__init(reply);
	reply->version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	reply->software = bytes_of_text(BROKER_SOFTWARE);
	reply->status = status;
	if (status < 0)
		reply->detail = bytes_of_text(detail_text());
}

void hello_turn_away(int fd, int status, const char *detail)
{
	struct connection connection;
	Cbb__HelloReply reply;
	detail_set(status, "%s", detail);
	hello_reply_init(&reply, status);
	connection_init(&connection, fd, FRAME_HELLO_MAX_BYTES);
	connection_queue(&connection, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &reply.base, NULL, 0);
	connection_flush(&connection);
	connection_discard(&connection);
	connection_free(&connection);
}

/* With the present detail text. The connection ends when the reply is sent. */
static int hello_refuse(struct hello *hello, int status)
{
	Cbb__HelloReply reply;
	hello_reply_init(&reply, status);
	peer_send(&hello->peer, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &reply.base, NULL, 0);
	peer_finish(&hello->peer);
	return 0;
}

static void hello_blame(struct hello *hello)
{
	account_warn(hello->account, "cut off a new connection (pid %d, uid %u, %s): %s", (int)hello->identity.pid,
	             (unsigned)hello->identity.uid, hello->identity.comm, detail_text());
}

/* ---- What it is for ---- */

static int hello_session(struct hello *hello, const Cbb__Hello *message)
{
	(void)message;
	session_open(hello->broker, &hello->identity, peer_take_fd(&hello->peer));
	hello_free(hello);
	return PEER_GONE;
}

static int hello_attach(struct hello *hello, const Cbb__Hello *message)
{
	struct host *host;
	int r = host_find_for_lane(hello->broker, message, &host);
	if (r < 0)
		return hello_refuse(hello, r);
	host_attach(host, message, peer_take_fd(&hello->peer));
	hello_free(hello);
	return PEER_GONE;
}

static const struct {
	Cbb__Purpose purpose;
	int (*handle)(struct hello *hello, const Cbb__Hello *message);
} purposes[] = {
    {CBB__PURPOSE__PURPOSE_SESSION, hello_session},
    {CBB__PURPOSE__PURPOSE_ATTACH, hello_attach},
};

/* ---- Whether it may ---- */

static int hello_check_version(const Cbb__Hello *message)
{
	if (message->version == CBB__PROTOCOL_VERSION__PROTOCOL_VERSION)
		return 0;
	char software[64];
	bytes_to_printable(&message->software, software, sizeof software);
	return detail_set(CBB__STATUS__STATUS_VERSION,
	                  "the broker (%s) speaks protocol version %d, this program (%s) speaks version %u: use the "
	                  "same cbbroker on both sides",
	                  BROKER_SOFTWARE, CBB__PROTOCOL_VERSION__PROTOCOL_VERSION, software[0] ? software : "unnamed",
	                  message->version);
}

static int hello_check_user(const struct hello *hello)
{
	const struct broker *broker = hello->broker;
	uid_t uid = hello->identity.uid;
	if (uid == broker->uid || (uid == 0 && broker->serves_root))
		return 0;
	return detail_set(CBB__STATUS__STATUS_REFUSED,
	                  "this broker serves user %u%s only, and the program runs as user %u: use a broker of that "
	                  "user",
	                  (unsigned)broker->uid, broker->serves_root ? " and root" : "", (unsigned)uid);
}

/*
 * Each host leads a session of its own (spawn.c), in which the processes are that its libraries start. Whoever is in
 * one has no business here: a host is a place to be kept in, not one to open others from.
 */
static int hello_check_place(const struct hello *hello)
{
	struct host *host, *next;
	pid_t leader = hello->identity.pid ? getsid(hello->identity.pid) : -1;
	HASH_ITER (hh, hello->broker->hosts, host, next)
		if (leader > 0 && host->pid == leader && host->state != CBB__HOST_STATE__HOST_ENDED)
			return detail_set(CBB__STATUS__STATUS_REFUSED,
			                  "the program runs inside host h%llu: a hosted library cannot use the broker",
			                  (unsigned long long)host->id);
	return 0;
}

static int hello_decide(struct hello *hello, const Cbb__Hello *message)
{
	int r = hello_check_version(message);
	if (r == 0)
		r = hello_check_user(hello);
	if (r == 0)
		r = hello_check_place(hello);
	if (r == 0 && hello->broker->stopping)
		r = detail_set(CBB__STATUS__STATUS_REFUSED, "the broker is ending");
	if (r < 0) {
		account_warn(hello->account, "turned away pid %d (uid %u, %s): %s", (int)hello->identity.pid,
		             (unsigned)hello->identity.uid, hello->identity.comm, detail_text());
		return hello_refuse(hello, r);
	}
	for (size_t i = 0; i < sizeof purposes / sizeof *purposes; i++)
		if (purposes[i].purpose == message->purpose)
			return purposes[i].handle(hello, message);
	return detail_set(-EBADMSG, "its Hello names purpose %d, which is none", (int)message->purpose);
}

static int hello_frame(void *owner, struct frame *frame)
{
	struct hello *hello = owner;
	UNPACK_ARENA arena = {0};
	if (frame->type != CBB__FRAME_TYPE__FRAME_HELLO)
		return detail_set(-EBADMSG, "its first frame is %s and not HELLO", frame_type_name((int)frame->type));
	if (frame->n_fds)
		return detail_set(-EBADMSG, "its HELLO carries descriptors");
	Cbb__Hello *message = unpack_frame(&arena, &cbb__hello__descriptor, frame);
	return message ? hello_decide(hello, message) : -EBADMSG;
}

/* ---- How it ends ---- */

static void hello_ended(void *owner, int code)
{
	struct hello *hello = owner;
	if (code == -EBADMSG) {
		/* So that whoever writes a client sees what is wrong with it; it may no longer be there. */
		hello_blame(hello);
		hello_turn_away(peer_take_fd(&hello->peer), CBB__STATUS__STATUS_PROTOCOL, detail_text());
	}
	hello_free(hello);
}

/* The deadline is the connection's, from accept to the end of a refusal. */
static void hello_late(void *data)
{
	struct hello *hello = data;
	bool refused = hello->peer.finishing;
	detail_set(CBB__STATUS__STATUS_TIMEOUT,
	           refused ? "it did not read its refusal within %llu ms" : "it did not say HELLO within %llu ms",
	           (unsigned long long)hello->broker->limits.hello_ms);
	hello_blame(hello);
	if (!refused)
		hello_turn_away(peer_take_fd(&hello->peer), CBB__STATUS__STATUS_TIMEOUT, detail_text());
	hello_free(hello);
}

static const struct peer_calls hello_calls = {.frame = hello_frame, .ended = hello_ended};

/* Of someone who has too many connections; or, without an account, without memory for one more. */
static void turn_away_at_once(struct account *account, const struct identity *identity, int fd)
{
	if (!account) {
		descriptor_close(fd);
		return;
	}
	account_warn(account, "turned away pid %d (%s): %s", (int)identity->pid, identity->comm, detail_text());
	hello_turn_away(fd, CBB__STATUS__STATUS_LIMIT, detail_text());
}

static void hello_start(struct hello *hello, int fd)
{
	struct broker *broker = hello->broker;
	const struct peer_times times = {0}; /* one deadline covers everything */
	int r = peer_open(&hello->peer, &broker->loop, fd, FRAME_HELLO_MAX_BYTES, &times, &hello_calls, hello);
	hello->peer.connection.exact = true;
	if (r == 0)
		r = loop_timer(&broker->loop, &hello->deadline, hello_late, hello);
	if (r < 0)
		hello_free(hello);
	else
		loop_arm_ms(&hello->deadline, broker->limits.hello_ms);
}

void hello_open(struct broker *broker, int fd)
{
	struct identity identity;
	struct account *account = NULL;
	struct hello *hello = calloc(1, sizeof *hello);
	if (hello && identity_read(fd, &identity) == 0)
		account = account_join(&broker->accounts, identity.uid);
	if (!account || account_charge(account, CHARGE_PENDING, &broker->limits) < 0) {
		turn_away_at_once(account, &identity, fd);
		account_leave(&broker->accounts, account);
		free(hello);
		return;
	}
	*hello = (struct hello){.broker = broker, .account = account, .identity = identity};
	DL_APPEND(broker->hellos, hello);
	hello_start(hello, fd);
}
