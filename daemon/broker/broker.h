/* SPDX-License-Identifier: MIT */
/*
 * The broker: what its sessions and hosts share. One thread; nothing here waits.
 */
#ifndef CBB_BROKER_BROKER_H
#define CBB_BROKER_BROKER_H

#include "broker/account.h"
#include "broker/limits.h"
#include "broker/loop.h"

#include <stdbool.h>
#include <sys/resource.h>

struct hello;
struct session;
struct host;

struct broker {
	struct loop loop;
	struct broker_limits limits;
	struct accounts accounts;
	struct hello *hellos;
	struct session *sessions;
	struct host *hosts;           /* hash by id, ended ones of living sessions included */
	unsigned n_alive;             /* hosts whose process is not reaped */
	uint64_t last_host_id;
	uid_t uid;
	bool serves_root;             /* as well as its own user */
	const char *host_program;     /* absolute path of cbb-host; lives as long as the broker */
	struct rlimit files;          /* the caller's, which the hosts get back */
	struct loop_watch child;      /* SIGCHLD: for hosts without a pidfd */
	struct loop_watch stop_deadline;
	bool stopping;
};

/* limits may be NULL: the defaults. 0 or -errno with a detail text. */
int broker_open(struct broker *broker, const char *host_program, const struct broker_limits *limits);
/* Frees everything. Hosts that are still alive are killed, not waited for. */
void broker_close(struct broker *broker);

/* A fresh connection: takes the descriptor. */
void broker_accepted(struct broker *broker, int fd);

/* Ends all hosts and tells their sessions; the loop stops when the last host is reaped, or after limits.stop_ms. */
void broker_stop(struct broker *broker, const char *why);
/* A host has been reaped. */
void broker_host_gone(struct broker *broker);

/* "cbbroker 0.1.0" */
#define BROKER_SOFTWARE "cbbroker " CBB_VERSION

#endif
