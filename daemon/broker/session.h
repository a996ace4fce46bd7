/* SPDX-License-Identifier: MIT */
/*
 * A client's control connection. It owns its hosts: they end with it, and it ends at end of file or when the
 * client's process is gone, whichever is seen first.
 */
#ifndef CBB_BROKER_SESSION_H
#define CBB_BROKER_SESSION_H

#include "broker/broker.h"
#include "broker/identity.h"
#include "broker/peer.h"

struct session {
	struct broker *broker;
	struct account *account;
	struct identity identity;
	uint8_t token[SESSION_TOKEN_BYTES];
	struct peer peer;
	int client_pidfd;             /* -1: there is none to have */
	struct loop_watch client_gone;
	struct host *hosts;           /* in the order of opening; ended ones are kept for a while */
	unsigned n_ended;
	struct session *prev, *next;
};

/* Takes the descriptor; answers its Hello, with a refusal if there can be no session. */
void session_open(struct broker *broker, const struct identity *identity, int fd);
/* Ends its hosts and serves no more requests: what is left is to tell it how they ended. */
void session_stop(struct session *session, const char *why);
/* Its hosts are ended, `why` is what is said of them. */
void session_free(struct session *session, const char *why);

/* Answers a request; a negative status goes with the present detail text. */
void session_done(struct session *session, uint32_t request, int status);

/* For peer_calls. */
int session_frame(void *owner, struct frame *frame);

#endif
