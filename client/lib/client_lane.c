/* SPDX-License-Identifier: MIT */
#include "lib/client_lane.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/callback.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <utlist.h>

/* ---- Beginning and end ---- */

static void host_link(struct cbb_host *host, struct client_lane *lane)
{
	registry_lock();
	lane->host = host;
	DL_APPEND2(host->lanes, lane, host_prev, host_next);
	registry_unlock();
}

void client_lane_init(struct client_lane *lane, struct cbb_host *host, int fd)
{
	lane_init(&lane->lane, fd, host->pidfd, host->max_payload_bytes);
	arena_init(&lane->arena, 2 * (host->max_payload_bytes + FRAME_OVERHEAD_BYTES));
	host_link(host, lane);
}

void client_lane_end(struct client_lane *lane)
{
	registry_lock();
	if (lane->host)
		DL_DELETE2(lane->host->lanes, lane, host_prev, host_next);
	lane->host = NULL;
	registry_unlock();
	client_lane_kill(lane);
	lane_free(&lane->lane);
	arena_free(&lane->arena);
}

static void lane_free_all(struct client_lane *lane)
{
	client_lane_end(lane);
	free(lane);
}

void client_lane_kill(struct client_lane *lane)
{
	lane->dead = true;
	registry_lock(); /* another thread may shut it down at this moment */
	int fd = lane->lane.fd;
	lane->lane.fd = -1;
	lane_free(&lane->lane);
	registry_unlock();
	if (fd < 0)
		return;
	shutdown(fd, SHUT_RDWR);
	fork_unregister(fd);
	descriptor_close(fd);
}

void client_lanes_detach(struct cbb_host *host)
{
	registry_lock();
	while (host->lanes) {
		struct client_lane *lane = host->lanes;
		int fd = lane->lane.fd;
		DL_DELETE2(host->lanes, lane, host_prev, host_next);
		lane->lane.fd = -1;
		lane->host = NULL;
		registry_unlock(); /* from here on its thread may free it */
		if (fd >= 0 && host->fork_epoch == fork_epoch()) {
			fork_unregister(fd);
			descriptor_close(fd);
		}
		registry_lock();
	}
	registry_unlock();
}

void client_lane_disown(struct client_lane *lane)
{
	lane->lane.fd = -1;
	lane->dead = true;
}

/* Once after a fork, in the thread that goes on in the child. */
static void lanes_disown(struct client_thread *thread)
{
	if (thread->fork_epoch == fork_epoch())
		return;
	struct client_lane *lane;
	LL_FOREACH2 (thread->lanes, lane, thread_next)
		client_lane_disown(lane);
	thread->fork_epoch = fork_epoch();
}

static struct client_lane *lane_forget(struct client_thread *thread, struct client_lane *lane)
{
	struct client_lane *next = lane->thread_next;
	LL_DELETE2(thread->lanes, lane, thread_next);
	if (!lane->queue_lane) /* that one's queue will */
		lane_free_all(lane);
	return next;
}

void client_lane_leave(struct client_lane *lane)
{
	struct cbb_host *host = lane->host;
	unsigned bottom = lane->queue_lane ? 1 : 0;
	unsigned depth = lane->depth;
	for (unsigned i = bottom; host && i < depth; i++) {
		if (lane->levels[i].running)
			callback_end(lane->levels[i].running);
		free(lane->levels[i].fails_text);
	}
	if (depth > bottom)
		lane->depth = bottom;
	/* From the last of these on the host may be freed. */
	for (unsigned i = bottom; host && i < depth; i++)
		host_leave(host);
}

void client_lanes_free(struct client_thread *thread)
{
	lanes_disown(thread);
	while (thread->lanes) {
		client_lane_leave(thread->lanes);
		lane_forget(thread, thread->lanes);
	}
}

/* ---- Attaching ---- */

/* A host that dies closes its sockets a moment before its process is gone; on a busy machine a long one. */
#define DYING_MS 200
#define DYING_ATTACHED_MS 2000

static bool host_dies_within(const struct cbb_host *host, uint64_t ms)
{
	return descriptor_process_gone(host->pidfd) ||
	       (host->pidfd >= 0 && descriptor_wait_readable(host->pidfd, clock_deadline_ns(ms)) == 1);
}

bool host_is_dying(const struct cbb_host *host)
{
	return host_dies_within(host, DYING_MS);
}

/* A host that has much to do takes no more connections for a moment. */
#define BUSY_MS 5

static int attach_in_the_end(struct cbb_host *host, const struct session_lane *wanted, uint64_t deadline_ns)
{
	uint64_t limit_ns = clock_deadline_ns(host->client->session.timeout_ms);
	if (limit_ns < deadline_ns)
		deadline_ns = limit_ns;
	int fd = session_attach(&host->client->session, wanted, deadline_ns);
	while (fd == CBB_ERR_BUSY && clock_left_ms(deadline_ns) != 0) {
		host_dies_within(host, BUSY_MS);
		fd = session_attach(&host->client->session, wanted, deadline_ns);
	}
	return fd;
}

int host_attach(struct cbb_host *host, const struct session_lane *wanted, uint64_t deadline_ns)
{
	int fd = attach_in_the_end(host, wanted, deadline_ns);
	bool let_go = fd == -ECONNRESET;
	if (let_go)
		fd = CBB_ERR_BROKER_GONE;
	if (fd == CBB_ERR_BROKER_GONE && host_dies_within(host, let_go ? DYING_ATTACHED_MS : DYING_MS))
		return host_note_death(host, NULL);
	if (fd < 0)
		return detail_prefix(fd, "no lane into host h%llu (pid %d): ", (unsigned long long)host->id, (int)host->pid);
	return fd;
}

static int lane_attach(struct cbb_host *host, uint64_t deadline_ns, struct client_lane **ret_lane)
{
	struct client_lane *lane = calloc(1, sizeof *lane);
	if (!lane)
		return -ENOMEM;
	prctl(PR_GET_NAME, lane->name);
	const struct session_lane wanted = {.host = host->id, .kind = CBB__LANE_KIND__LANE_CLIENT_THREAD,
	                                    .thread_name = lane->name};
	int fd = host_attach(host, &wanted, deadline_ns);
	if (fd < 0) {
		free(lane);
		return fd;
	}
	client_lane_init(lane, host, fd);
	int r = fork_register(fd);
	if (r < 0) {
		lane_free_all(lane);
		return r;
	}
	*ret_lane = lane;
	return 0;
}

/* Lanes of hosts that were freed, or opened before a fork, are dropped on the way. */
struct client_lane *client_lane_find(struct client_thread *thread, const struct cbb_host *host)
{
	lanes_disown(thread);
	struct client_lane *lane = thread->lanes;
	while (lane) {
		if (lane->host == host && !lane->dead)
			return lane;
		if (!lane->in_use && (!lane->host || lane->dead))
			lane = lane_forget(thread, lane);
		else
			lane = lane->thread_next;
	}
	return NULL;
}

int client_lane_get(struct cbb_host *host, uint64_t deadline_ns, struct client_lane **ret_lane)
{
	struct client_thread *thread = thread_self();
	if (!thread)
		return -ENOMEM;
	*ret_lane = client_lane_find(thread, host);
	if (*ret_lane)
		return 0;
	int r = lane_attach(host, deadline_ns, ret_lane);
	if (r == 0)
		LL_PREPEND2(thread->lanes, *ret_lane, thread_next);
	return r;
}

/* ---- One-way frames ---- */

void client_lane_close_callback(struct cbb_callback *callback, const Cbb__CloseCallback *message, bool attach)
{
	struct cbb_host *host = callback->host;
	struct client_thread *thread = thread_self();
	if (!thread || host_enter(host) < 0)
		return;
	uint64_t deadline_ns = clock_deadline_ns(host->client->session.timeout_ms);
	struct client_lane *lane = client_lane_find(thread, host);
	if (!lane && attach && client_lane_get(host, deadline_ns, &lane) < 0)
		lane = NULL;
	if (lane && lane->lane.out.size == 0 &&
	    lane_put(&lane->lane, CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, &message->base) == 0 &&
	    lane_send(&lane->lane, deadline_ns) < 0)
		client_lane_kill(lane);
	host_leave(host);
}
