/* SPDX-License-Identifier: MIT */
/*
 * Handing a client's connection to its host: the broker checks who asks and passes the descriptor on. It has read
 * the Hello and not a byte more, so everything else is between the two ends.
 */
#include "base/descriptor.h"
#include "base/detail.h"
#include "broker/bytes.h"
#include "broker/host.h"
#include "broker/session.h"
#include "broker/view.h"

#include <errno.h>
#include <inttypes.h>

#define THREAD_NAME_MAX_BYTES 15

/* One answer for a host that does not exist and for a wrong token: a guess learns nothing. */
static int find_by_token(struct broker *broker, const Cbb__Hello *message, struct host **ret_host)
{
	struct host *host = NULL;
	HASH_FIND(hh, broker->hosts, &message->host, sizeof message->host, host);
	if (!host || !host->session ||
	    !bytes_equal_secret(&message->token, host->session->token, sizeof host->session->token))
		return detail_set(CBB__STATUS__STATUS_REFUSED,
		                  "no host h%" PRIu64 " in a session with this token (the session may have ended)",
		                  message->host);
	*ret_host = host;
	return 0;
}

static int check_state(const struct host *host)
{
	switch (host->state) {
	case CBB__HOST_STATE__HOST_RUNNING:
		return 0;
	case CBB__HOST_STATE__HOST_STARTING:
		return detail_set(CBB__STATUS__STATUS_BUSY, "host h%" PRIu64 " has not started yet", host->id);
	default:
		return detail_set(CBB__STATUS__STATUS_HOST_DIED, "host h%" PRIu64 " has ended: %s", host->id,
		                  host->why);
	}
}

static int check_room(const struct host *host)
{
	unsigned n_lanes = view_n_lanes(host);
	if (n_lanes >= host->broker->limits.lanes_per_host)
		return detail_set(CBB__STATUS__STATUS_LIMIT,
		                  "host h%" PRIu64 " has %u lanes, which is the broker's limit: end some threads first",
		                  host->id, n_lanes);
	if (peer_is_over(&host->peer)) /* its process is next */
		return detail_set(CBB__STATUS__STATUS_HOST_DIED, "host h%" PRIu64 " has closed its connection", host->id);
	if (!peer_has_room(&host->peer))
		return detail_set(CBB__STATUS__STATUS_BUSY, "host h%" PRIu64 " does not take connections at the moment",
		                  host->id);
	return 0;
}

/* Whether there is such a queue, the host knows. */
static int check_kind(const Cbb__Hello *message)
{
	switch (message->lane) {
	case CBB__LANE_KIND__LANE_CLIENT_THREAD:
		return 0;
	case CBB__LANE_KIND__LANE_EVENTS:
	case CBB__LANE_KIND__LANE_NATIVE_THREAD:
		return message->queue ? 0 : detail_set(-EINVAL, "a lane of queue 0: queues count from 1");
	default:
		return detail_set(CBB__STATUS__STATUS_UNSUPPORTED, "lanes of kind %d are not offered", (int)message->lane);
	}
}

int host_find_for_lane(struct broker *broker, const Cbb__Hello *message, struct host **ret_host)
{
	struct host *host = NULL;
	int r = find_by_token(broker, message, &host);
	if (r == 0)
		r = check_state(host);
	if (r == 0)
		r = check_kind(message);
	if (r == 0 && message->thread_name.len > THREAD_NAME_MAX_BYTES)
		r = detail_set(-EINVAL, "a thread name of %zu bytes, at most %d are allowed", message->thread_name.len,
		               THREAD_NAME_MAX_BYTES);
	if (r == 0)
		r = check_room(host);
	if (r == 0)
		*ret_host = host;
	return r;
}

void host_attach(struct host *host, const Cbb__Hello *message, int fd)
{
	Cbb__HostAttach attach;
	cbb__host_attach__init(&attach);
	attach.lane = message->lane;
	attach.thread_name = message->thread_name;
	attach.queue = message->queue;
	attach.queue_max_events = message->queue_max_events;
	attach.queue_max_bytes = message->queue_max_bytes;
	attach.queue_stall_ms = message->queue_stall_ms;
	attach.queue_bit = message->queue_bit;
	peer_send(&host->peer, CBB__FRAME_TYPE__FRAME_HOST_ATTACH, &attach.base, &fd, 1);
}
