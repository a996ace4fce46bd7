/* SPDX-License-Identifier: MIT */
#include "broker/session.h"

#include "base/descriptor.h"
#include "base/detail.h"
#include "broker/bytes.h"
#include "broker/hello.h"
#include "broker/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

static void session_end_hosts(struct session *session, const char *why)
{
	struct host *host, *next;
	DL_FOREACH_SAFE2(session->hosts, host, next, session_next)
		host_leave_session(host, why);
}

void session_stop(struct session *session, const char *why)
{
	struct host *host;
	peer_stop_reading(&session->peer);
	DL_FOREACH2(session->hosts, host, session_next)
		host_end(host, why);
}

void session_free(struct session *session, const char *why)
{
	struct broker *broker = session->broker;
	session_end_hosts(session, why);
	DL_DELETE(broker->sessions, session);
	loop_end(&session->client_gone);
	peer_free(&session->peer);
	descriptor_close(session->client_pidfd);
	account_give_back(session->account, CHARGE_SESSION);
	account_leave(&broker->accounts, session->account);
	explicit_bzero(session->token, sizeof session->token);
	free(session);
}

static void session_ended(void *owner, int code)
{
	struct session *session = owner;
	const struct identity *client = &session->identity;
	if (code == -EBADMSG || code == -ETIMEDOUT || code == -ENOBUFS) {
		account_warn(session->account, "cut off the session of pid %d (uid %u, %s): %s", (int)client->pid,
		             (unsigned)client->uid, client->comm, detail_text());
		session_free(session, "its client broke the protocol and was cut off");
		return;
	}
	session_free(session, "its client ended the connection");
}

/* Somebody else may hold the socket open, a forked child for one: the process itself counts. */
static void session_client_gone(void *data)
{
	session_free(data, "its client's process ended");
}

void session_done(struct session *session, uint32_t request, int status)
{
	Cbb__Done done;
	cbb__done__init(&done);
	done.request = request;
	done.status = status;
	if (status < 0)
		done.detail = bytes_of_text(detail_text());
	peer_send(&session->peer, CBB__FRAME_TYPE__FRAME_DONE, &done.base, NULL, 0);
}

/* ---- Opening ---- */

static const struct peer_calls session_calls = {.frame = session_frame, .ended = session_ended};

/* Takes the pidfd, not the socket. */
static int session_new(struct broker *broker, const struct identity *identity, int pidfd, struct session **ret_session)
{
	struct session *session = calloc(1, sizeof *session);
	struct account *account = session ? account_join(&broker->accounts, identity->uid) : NULL;
	int r = account ? account_charge(account, CHARGE_SESSION, &broker->limits)
	                : detail_set(-ENOMEM, "the broker is out of memory");
	if (r < 0) {
		account_leave(&broker->accounts, account);
		descriptor_close(pidfd);
		free(session);
		return r;
	}
	*session = (struct session){.broker = broker, .account = account, .identity = *identity, .client_pidfd = pidfd};
	DL_APPEND(broker->sessions, session);
	*ret_session = session;
	return 0;
}

/* Takes the socket. */
static int session_watch(struct session *session, int fd)
{
	struct broker *broker = session->broker;
	const struct peer_times times = {.partial_ms = broker->limits.partial_ms, .stall_ms = broker->limits.stall_ms};
	int r = peer_open(&session->peer, &broker->loop, fd, FRAME_SESSION_MAX_BYTES, &times, &session_calls, session);
	if (r == 0 && session->client_pidfd >= 0)
		r = loop_readable(&broker->loop, &session->client_gone, session->client_pidfd, session_client_gone,
		                  session);
	if (r == 0 && getrandom(session->token, sizeof session->token, 0) != sizeof session->token)
		r = -EIO;
	return r;
}

static void session_welcome(struct session *session)
{
	Cbb__HelloReply reply;
	hello_reply_init(&reply, 0);
	reply.token = (ProtobufCBinaryData){.len = sizeof session->token, .data = session->token};
	peer_send(&session->peer, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &reply.base, NULL, 0);
}

void session_open(struct broker *broker, const struct identity *identity, int fd)
{
	struct session *session;
	int pidfd = identity_pidfd(fd, identity);
	if (pidfd < 0 && pidfd != -ENOSYS) {
		detail_set(pidfd, "the broker has no descriptors to watch the program: %s", strerror(-pidfd));
		hello_turn_away(fd, CBB__STATUS__STATUS_LIMIT, detail_text());
		return;
	}
	int r = session_new(broker, identity, pidfd < 0 ? -1 : pidfd, &session);
	if (r < 0)
		hello_turn_away(fd, r, detail_text());
	else if (session_watch(session, fd) < 0)
		session_free(session, "the broker is out of memory");
	else
		session_welcome(session);
}
