/* SPDX-License-Identifier: MIT */
/*
 * One connection to the broker: requests, their answers, and the news that hosts have ended. Read by whichever
 * thread asks for something; no thread of its own.
 */
#ifndef CBB_CLIENT_SESSION_H
#define CBB_CLIENT_SESSION_H

#include "wire/connection.h"
#include "wire/unpack.h"

#include <pthread.h>

#define TOKEN_BYTES 16

/* Called for each FRAME_HOST_EXITED, with the session locked. */
typedef void session_exited(void *context, const Cbb__HostExited *exited);

struct session {
	pthread_mutex_t lock;
	struct connection connection; /* under lock; fd -1 once broken */
	char *path;                   /* the broker's socket */
	uint64_t timeout_ms;          /* for each answer */
	uint32_t next_request;
	uint8_t token[TOKEN_BYTES];
	session_exited *exited;
	void *context;
};

/*
 * Connects to the socket at `path` and says Hello. 0, -ENOENT, -ECONNREFUSED, STATUS_REFUSED, STATUS_VERSION,
 * STATUS_TIMEOUT, ... with a detail text.
 */
int session_open(struct session *session, const char *path, uint64_t timeout_ms);
/* Harmless for a session of zeros whose connection.fd is -1. */
void session_close(struct session *session);

/* An answer; free with session_answer_free. */
struct session_answer {
	Cbb__FrameType type;
	ProtobufCMessage *message;
	struct unpack_arena arena;
};

/*
 * Sends a request (its `request` field, the first of the message, is set here) and waits for its answer, of type
 * `expected`. A DONE with a negative status becomes that status with its text. The descriptors stay the caller's.
 */
int session_request(struct session *session, Cbb__FrameType type, ProtobufCMessage *message, uint32_t *request_field,
                    const int *fds, unsigned n_fds, uint64_t timeout_ms, Cbb__FrameType expected,
                    struct session_answer *ret_answer);
void session_answer_free(struct session_answer *answer);

/* Reads news until done(context) or the deadline: 0, STATUS_TIMEOUT, STATUS_BROKER_GONE. done is called locked. */
int session_wait(struct session *session, uint64_t deadline_ns, int (*done)(void *context), void *context);

/* What an attach asks for. */
struct session_lane {
	uint64_t host;
	Cbb__LaneKind kind;
	const char *thread_name;    /* LANE_CLIENT_THREAD */
	uint32_t queue;             /* lanes of a queue */
	uint64_t queue_max_events;  /* LANE_EVENTS, as the next three */
	uint64_t queue_max_bytes;
	uint64_t queue_stall_ms;
	uint32_t queue_bit;
};

/*
 * Connects for a lane and waits until the host answers, at most as long as for other answers. The socket, or a negative
 * code with detail: -ECONNRESET if who had the connection let go of it, the broker or the host.
 */
int session_attach(struct session *session, const struct session_lane *lane, uint64_t deadline_ns);

#endif
