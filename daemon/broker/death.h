/* SPDX-License-Identifier: MIT */
/*
 * How a host ended, in one sentence and as a message: what the kernel says of the process, and what it wrote itself.
 */
#ifndef CBB_BROKER_DEATH_H
#define CBB_BROKER_DEATH_H

#include "broker/host.h"

/* Of a host that has just been reaped: sets state and sentence. */
void death_explain(struct host *host);

/* It has written how it dies: by a crash or an exit() whose end may take its time. */
bool death_recorded(const struct host *host);

void death_send(struct session *session, const struct host *host);

/* A HostExited and all it refers to. Filled by death_fill; not to be copied. */
struct death_message {
	Cbb__HostExited exited;
	struct page_death record;
	char notice[PAGE_NOTICE_BYTES];
};

/* `info` may be NULL; else it outlives the message. */
void death_fill(struct death_message *message, const struct host *host, Cbb__HostInfo *info);

#endif
