/* SPDX-License-Identifier: MIT */
/*
 * Every limit of the broker, each with its reason. One struct, so that a test can lower one of them.
 */
#ifndef CBB_BROKER_LIMITS_H
#define CBB_BROKER_LIMITS_H

#include <stdint.h>

struct broker_limits {
	unsigned pending_per_uid;    /* connections that have not finished their Hello */
	unsigned sessions_per_uid;
	unsigned hosts_per_uid;      /* alive, from fork to reaping */
	unsigned lanes_per_host;
	unsigned ended_per_session;  /* ended hosts that are kept, so that the last crash can be looked at */
	uint64_t hello_ms;           /* from accept to the whole Hello, and to the end of a refusal */
	uint64_t partial_ms;         /* a frame that has begun is complete after this */
	uint64_t stall_ms;           /* a peer that is owed bytes takes some within this */
	uint64_t start_ms;           /* fork to HostHello, unless the client says otherwise */
	uint64_t start_max_ms;       /* what the client may say */
	uint64_t grace_ms;           /* HostEnd to SIGKILL */
	uint64_t stop_ms;            /* SIGTERM to exit, whatever happens */
};

#define BROKER_LIMITS_DEFAULT                                                                                          \
	{                                                                                                              \
		/* 64 threads of several programs open their lanes at once; each waits microseconds. */                \
		.pending_per_uid = 512,                                                                                \
		/* Two descriptors each; a thousand programs of one user are more than a desktop runs. */              \
		.sessions_per_uid = 1024,                                                                              \
		/* The design's number. Two descriptors and one process each. */                                       \
		.hosts_per_uid = 1024,                                                                                 \
		/* One thread in the host per lane. */                                                                 \
		.lanes_per_host = 1024,                                                                                \
		/* A telemetry page each. */                                                                           \
		.ended_per_session = 16,                                                                               \
		/* An honest client sends its Hello right after connect(2). */                                         \
		.hello_ms = 5000,                                                                                      \
		.partial_ms = 5000,                                                                                    \
		/* A stopped program (debugger) is not cut off before its socket buffer is full as well. */            \
		.stall_ms = 30000,                                                                                     \
		.start_ms = 10000,                                                                                     \
		.start_max_ms = 600000,                                                                                \
		/* Time for the host's last counters; native code is never waited for. */                              \
		.grace_ms = 200,                                                                                       \
		.stop_ms = 5000,                                                                                       \
	}

/* Asked of the client, checked before anything is started. */
#define HOST_NAME_MAX_BYTES 64
#define HOST_STACK_MIN_BYTES (64u << 10)
#define HOST_STACK_MAX_BYTES (1u << 30)
#define HOST_ENVIRONMENT_MAX 65536 /* variables; their bytes are bounded by the frame, and by execve(2) */

#define SESSION_TOKEN_BYTES 16

#endif
