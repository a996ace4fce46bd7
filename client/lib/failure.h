/* SPDX-License-Identifier: MIT */
/*
 * The failure hook of a client.
 */
#ifndef CBB_CLIENT_FAILURE_H
#define CBB_CLIENT_FAILURE_H

#include "cbbroker.h"

#include <stdbool.h>

struct cbb_invocation;

/* What a program gives as a code is a failure, however it is spelled. */
static inline int failure_code(int code)
{
	return code == 0 ? CBB_ERR_ARGUMENT : code > 0 ? -code : code;
}

/* What is known of an invocation's failure; the words are the detail text. `text` has room for it. */
void failure_describe(cbb_failure *failure, const struct cbb_invocation *invocation, int code, char *text, size_t size);

/* Calls the hook: true, if there is one. No lock is held. Keeps this thread's errno. */
bool failure_tell(cbb_client *client, const cbb_failure *failure);

#endif
