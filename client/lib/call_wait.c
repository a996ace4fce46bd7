/* SPDX-License-Identifier: MIT */
#include "lib/call_wait.h"

#include "base/clock.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/handler.h"
#include "lib/wait.h"

#include <errno.h>

/* ---- Deadlines: what a late answer leaves behind ---- */

/* Sends Abandon for the whole chain; the lane is busy until its outermost call has been answered. */
static void abandon(struct client_lane *lane)
{
	Cbb__Abandon message = CBB__ABANDON__INIT;
	/* Below the calls on a queue's lane stands what its native thread is in. */
	lane->abandoned = lane->levels[lane->queue_lane && lane->levels[0].sequence == 0 ? 1 : 0].sequence;
	message.sequence = lane->abandoned;
	if (lane->lane.out.size > 0 ||
	    lane_put(&lane->lane, CBB__FRAME_TYPE__FRAME_ABANDON, &message.base) < 0 ||
	    lane_send(&lane->lane, 0) < 0)
		client_lane_kill(lane); /* a half sent frame, or a host that does not read: end of file says the same */
}

/* More can wait there only from a host that goes on sending: it must not hold the caller. */
#define LEFTOVERS_MAX (4 * CBB_DEPTH_MAX)

/* Looks without waiting whether an abandoned chain has ended. 0: the lane is free; STATUS_BUSY; other: it died. */
static int drain_abandoned(struct client_lane *lane)
{
	struct frame frame;
	struct hot hot;
	for (unsigned n = 0; lane->abandoned; n++) {
		int r = n < LEFTOVERS_MAX ? lane_receive(&lane->lane, &frame, 0) : -ETIMEDOUT;
		if (r == -ETIMEDOUT)
			return detail_set(CBB_ERR_BUSY, "an earlier call of this thread timed out and still runs in host h%llu",
			                  (unsigned long long)lane->host->id);
		if (r < 0)
			return r;
		bool known = frame.type == CBB__FRAME_TYPE__FRAME_RETURN || frame.type == CBB__FRAME_TYPE__FRAME_INVOKE ||
		             frame.type == CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED;
		if (!known || hot_read(&hot, &frame) < 0)
			return detail_set(-EBADMSG, "frame %s on a busy lane", frame_type_name((int)frame.type));
		if (frame.type != CBB__FRAME_TYPE__FRAME_INVOKE && hot.sequence == lane->abandoned)
			lane->abandoned = 0;
	}
	return 0;
}

/* ---- Waiting ---- */

int call_lane_failed(struct client_lane *lane, int r, const char *name)
{
	switch (r) {
	case -ETIMEDOUT:
		abandon(lane);
		return detail_set(CBB_ERR_TIMEOUT, "%s did not return within its deadline (host h%llu, pid %d)", name,
		                  (unsigned long long)lane->host->id, (int)lane->host->pid);
	case CBB_ERR_TIMEOUT:
		return detail_set(r, "%s: a call made by a handler under it timed out", name);
	case CBB_ERR_FORKED:
		return fork_check(lane->host->fork_epoch);
	case -EBADMSG:
		client_lane_kill(lane);
		return host_cut_off(lane->host);
	case -ENOMEM: /* this side's lack: the lane has lost its place, the host has not */
		client_lane_kill(lane);
		return detail_set(r, "%s: no memory for what host h%llu sends", name, (unsigned long long)lane->host->id);
	default:
		if (lane->dead && !atomic_load(&lane->host->dead)) /* given up by a deadline, on this side */
			return detail_set(CBB_ERR_TIMEOUT, "%s: host h%llu did not take in time what was sent under it", name,
			                  (unsigned long long)lane->host->id);
		client_lane_kill(lane);
		if (lane->queue_lane && !host_is_dying(lane->host)) /* its native thread has given it up */
			return detail_set(CBB_ERR_TIMEOUT, "%s: the handler that makes this call has passed its deadline", name);
		return host_note_death(lane->host, name);
	}
}

/* Whether an outer call in flight has that sequence number. */
static bool is_outer(const struct client_lane *lane, uint64_t sequence)
{
	for (unsigned i = 0; i < lane->depth; i++)
		if (lane->levels[i].sequence == sequence)
			return true;
	return false;
}

int call_other_return(struct client_lane *lane, uint64_t got, uint64_t awaited)
{
	if (is_outer(lane, got) && got != awaited) {
		lane_unreceive(&lane->lane);
		lane->returned_early = got;
		return detail_set(CBB_ERR_TIMEOUT, "the handler that makes this call has passed its deadline");
	}
	if (got > lane->last_sequence)
		return detail_set(-EBADMSG, "a Return for call %llu, which was never made", (unsigned long long)got);
	return 0;
}

/*
 * The native thread no longer waits for the handler that makes this call, and said so before it read of the call: that
 * is refused.
 */
static bool is_word_of_lateness(const struct client_lane *lane, const struct frame *frame, const struct hot *hot)
{
	return frame->type == CBB__FRAME_TYPE__FRAME_ABANDON && lane->queue_lane && lane->levels[0].serving &&
	       hot->sequence == lane->levels[0].serving;
}

/* A handler that ran while this thread waited may have ended the host; or it returns in a child of fork(), too. */
static int check_after_serving(struct client_lane *lane)
{
	if (lane->host->fork_epoch != fork_epoch()) {
		client_lane_disown(lane);
		return CBB_ERR_FORKED;
	}
	return lane->dead ? -ECONNRESET : 0;
}

/* The next frame; meanwhile this thread serves what native threads wait for that it dispatches. */
static int receive(struct client_lane *lane, struct wait_masks *masks, uint64_t deadline_ns, struct frame *ret_frame)
{
	struct cbb_client *client = lane->host->client;
	int fds[WAIT_WATCH_MAX], r;
	do {
		lane->lane.watch_fds = fds;
		lane->lane.n_watch = wait_watch(client, masks->watches, fds);
		r = lane_receive(&lane->lane, ret_frame, deadline_ns);
		lane->lane.n_watch = 0;
		if (r == 0) {
			wait_serve(client, masks, &client);
			r = check_after_serving(lane);
			/* Native threads that always have one more to ask would never let the wait see its deadline. */
			if (r == 0 && deadline_ns != CLOCK_NEVER && clock_left_ms(deadline_ns) == 0)
				r = lane_receive(&lane->lane, ret_frame, 0);
		}
	} while (r == 0);
	return r;
}

int call_wait(struct client_lane *lane, uint64_t sequence, uint64_t deadline_ns, const char *name,
              struct frame *ret_frame, struct hot *ret_hot)
{
	struct wait_masks masks = lane->masks;
	/* Whoever dispatches may have read of native threads that wait, which no socket shows any more. */
	if (masks.watches && thread_self()->dispatches)
		wait_serve(lane->host->client, &masks, &masks);
	for (;;) {
		int r = receive(lane, &masks, deadline_ns, ret_frame);
		if (r < 0)
			return call_lane_failed(lane, r, name);
		r = hot_read(ret_hot, ret_frame);
		if (r == 0)
			lane_set_peer_core(&lane->lane, ret_hot->core);
		if (r == 0 && ret_frame->type == CBB__FRAME_TYPE__FRAME_INVOKE) {
			r = handler_serve(lane, ret_hot);
		} else if (r == 0 && (ret_frame->type == CBB__FRAME_TYPE__FRAME_RETURN ||
		                      ret_frame->type == CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED)) {
			if (ret_hot->sequence == sequence)
				return 1;
			r = call_other_return(lane, ret_hot->sequence, sequence);
			if (r == CBB_ERR_TIMEOUT)
				return r;
		} else if (r == 0 && !is_word_of_lateness(lane, ret_frame, ret_hot)) {
			r = detail_set(-EBADMSG, "frame %s out of turn", frame_type_name((int)ret_frame->type));
		}
		/* A host that always has one more to say would never let the wait see its deadline. */
		if (r == 0 && deadline_ns != CLOCK_NEVER && clock_left_ms(deadline_ns) == 0)
			r = -ETIMEDOUT;
		if (r < 0)
			return call_lane_failed(lane, r, name);
	}
}

/* ---- Before a call ---- */

int call_check_lane(struct client_lane *lane, const char *name)
{
	if (lane->abandoned && lane->depth)
		return detail_set(CBB_ERR_TIMEOUT, "%s: a call made earlier by this handler timed out", name);
	if (lane->returned_early)
		return detail_set(CBB_ERR_TIMEOUT, "%s: the handler that makes this call has passed its deadline", name);
	const struct lane_level *top = client_lane_top(lane);
	if (top && !top->serving)
		return detail_set(CBB_ERR_WOULD_DEADLOCK, "%s: this thread waits in a call into host h%llu, which is not the call "
		                  "that its handler runs under; call from another thread, or after that call", name,
		                  (unsigned long long)lane->host->id);
	if (lane->depth - lane->queue_lane >= CBB_DEPTH_MAX)
		return detail_set(CBB_ERR_DEPTH, "%s would be call %u of %d nested on this thread", name, lane->depth + 1,
		                  CBB_DEPTH_MAX);
	int r = lane->abandoned ? drain_abandoned(lane) : 0;
	if (r == 0 || r == CBB_ERR_BUSY)
		return r;
	return call_lane_failed(lane, r == -ETIMEDOUT ? -ECONNRESET : r, name);
}
