/* SPDX-License-Identifier: MIT */
/*
 * cbb_host_options -> OpenHost, with the caller's own surroundings as defaults.
 */
#ifndef CBB_CLIENT_HOST_OPTIONS_H
#define CBB_CLIENT_HOST_OPTIONS_H

#include "cbbroker.h"
#include "lib/session.h"

#define CALLBACKS_OPEN_DEFAULT 100000
#define CALLBACKS_CLOSED_DEFAULT 1000000
/* Plain C functions have closures of their own, beside what the options allow: as many as a program may have. */
#define PLAIN_FUNCTIONS_MAX 65536

uint64_t host_options_payload(const cbb_host_options *options);

/* Sends the request and waits for HOST_OPENED. The option struct is complete (options_take). */
int host_options_request(struct session *session, const cbb_host_options *options, uint64_t start_ms,
                         struct session_answer *ret_answer);

#endif
