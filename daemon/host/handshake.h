/* SPDX-License-Identifier: MIT */
/*
 * The first two frames between host and broker.
 */
#ifndef CBB_HOST_HANDSHAKE_H
#define CBB_HOST_HANDSHAKE_H

#include "host/host.h"
#include "wire/connection.h"

/* A broker that started a host has its answer ready; this is for a broker that hangs. */
#define HANDSHAKE_TIMEOUT_MS 10000

/*
 * Says hello, receives the setup, maps the telemetry page. 0, or a negative code with a detail text; the broker has
 * then been told the same in a second HostHello, as far as it still listens.
 */
int handshake(struct connection *connection, struct host *ret_host);

#endif
