/* SPDX-License-Identifier: MIT */
/*
 * A connection that has not yet said what it is for. Its first frame is read exactly, then it becomes a
 * session, is handed to a host, or is refused in words.
 */
#ifndef CBB_BROKER_HELLO_H
#define CBB_BROKER_HELLO_H

#include "broker/broker.h"
#include "broker/identity.h"
#include "broker/peer.h"

struct hello {
	struct broker *broker;
	struct account *account;
	struct identity identity;
	struct peer peer;
	struct loop_watch deadline;
	struct hello *prev, *next;
};

/* Takes the descriptor. What goes wrong is told to the other side, and logged if it is its fault. */
void hello_open(struct broker *broker, int fd);
void hello_free(struct hello *hello);

/* A HelloReply of this broker; a negative status goes with the present detail text. */
void hello_reply_init(Cbb__HelloReply *reply, int status);
/* A HelloReply that says no, sent without waiting on a connection that is closed next. */
void hello_turn_away(int fd, int status, const char *detail);

#endif
