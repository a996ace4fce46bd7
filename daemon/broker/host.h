/* SPDX-License-Identifier: MIT */
/*
 * A host process, from the wish for it to what is left to say when it is gone. Nobody trusts what it sends.
 *
 *     STARTING -> RUNNING -> ENDING -> ENDED        any state may go on to ENDED: processes die
 *
 * It belongs to a session. When that ends the host is on its own until it is reaped, and then freed.
 */
#ifndef CBB_BROKER_HOST_H
#define CBB_BROKER_HOST_H

#include "broker/broker.h"
#include "broker/identity.h"
#include "broker/peer.h"
#include "telemetry/page.h"

#define HOST_WHY_BYTES 512
/* CloseHost requests that wait for the end of one host. A client has no use for more than one per thread that asks. */
#define HOST_CLOSERS_MAX 64

struct host {
	struct broker *broker;
	struct session *session;       /* NULL: gone */
	struct account *account;
	struct identity client;        /* stays when the session is gone */
	uint64_t id;
	char name[HOST_NAME_MAX_BYTES + 1];
	Cbb__HostState state;
	pid_t pid;                     /* not reaped before ENDED: the number stays ours until then */
	int pidfd;                     /* -1: SIGCHLD tells */
	struct loop_watch gone;
	struct peer peer;
	struct loop_watch start_deadline, grace;

	uint64_t started_ns, ended_ns;
	int page_fd, client_pidfd;     /* until the host has them */
	struct telemetry_page *page;   /* mapped read-only; the host writes */
	uint64_t max_payload_bytes, stack_bytes, max_closures;

	uint32_t open_request;         /* to be answered while `opening` */
	bool opening;
	uint32_t closers[HOST_CLOSERS_MAX];
	unsigned n_closers;

	bool blamed;                   /* cut off; `why` says what for */
	bool asked;                    /* ended because the client or the broker wanted it */
	int start_status;              /* why it did not start */
	int wait_status;
	char why[HOST_WHY_BYTES];      /* of the present state, in words */

	struct host *session_prev, *session_next;
	UT_hash_handle hh;
};

/*
 * Starts a host for a session; the request is answered when it runs or has failed. `stdio` holds the
 * descriptors that the message announces and stays the caller's.
 * 0, or a status with words: then nothing was started and the caller answers.
 */
int host_open(struct session *session, const Cbb__OpenHost *message, const int *stdio);

/* Whether it is of the session's user, or that is root. */
bool host_visible(const struct host *host, const struct session *session);
/* A host that this session may see. 0, or -ENOENT with words. */
int host_find(const struct session *session, uint64_t id, struct host **ret_host);

/* CloseHost: answered when the host is reaped. 0, or a status with words; then the caller answers. */
int host_close(struct session *session, struct host *host, uint32_t request);

/* The host of an attach, if everything in it is right: 0, or a status with words. */
int host_find_for_lane(struct broker *broker, const Cbb__Hello *message, struct host **ret_host);
/* Hands the connection to the host. Takes the descriptor. */
void host_attach(struct host *host, const Cbb__Hello *message, int fd);

/* Asks it to end, and kills it if it does not at once. `why` completes "it ended because". */
void host_end(struct host *host, const char *why);
/* Kills it: it broke the protocol or did not start. The words are the present detail text. */
void host_blame(struct host *host);
/* Its session ends. */
void host_leave_session(struct host *host, const char *why);

/* Reaps it if it has ended: true; it may be freed, and an older ended one of its session as well. */
bool host_check(struct host *host);
/* Kills and forgets it, whatever state it is in. */
void host_free(struct host *host);

void host_set_state(struct host *host, Cbb__HostState state, const char *why);
uint64_t host_uptime_ms(const struct host *host);

/* Calls of its watches and of its peer. */
void host_grace_over(void *data);
int host_frame(void *owner, struct frame *frame);
void host_peer_ended(void *owner, int code);

#endif
