/* SPDX-License-Identifier: MIT */
/*
 * A program's connection to one broker, with its hosts.
 */
#ifndef CBB_CLIENT_CLIENT_H
#define CBB_CLIENT_CLIENT_H

#include "cbbroker.h"
#include "lib/session.h"

#define CLIENT_TIMEOUT_DEFAULT_MS 10000

struct cbb_client {
	unsigned fork_epoch;
	struct session session;
	struct cbb_host *hosts;       /* utlist, under session.lock */
};

#endif
