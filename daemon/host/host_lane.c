/* SPDX-License-Identifier: MIT */
#include "host/host_lane.h"

#include "base/clock.h"
#include "base/detail.h"
#include "base/log.h"
#include "host/call.h"
#include "host/closure_table.h"
#include "host/library.h"
#include "host/memory.h"
#include "host/telemetry.h"
#include "host/thread.h"
#include "wire/unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void host_lane_kill(struct host_lane *lane, const char *why)
{
	if (why && !lane->dead)
		log_warning("lane of thread %d is cut off: %s", (int)lane->thread->id, why);
	lane->dead = true;
	shutdown(lane->lane.fd, SHUT_RDWR);
}

int host_lane_send(struct host_lane *lane)
{
	int r = lane->dead ? -ECONNRESET : lane_send(&lane->lane, CLOCK_NEVER);
	if (r < 0)
		host_lane_kill(lane, NULL);
	return r;
}

int host_lane_refuse(struct host_lane *lane, uint64_t sequence, int status)
{
	int r = hot_put_failure(&lane->lane.out, sequence, lane_core(), status);
	return r < 0 ? r : host_lane_send(lane);
}

/* ---- Frames ---- */

static bool is_owed(const struct host_lane *lane, uint64_t sequence)
{
	for (unsigned i = 0; i < lane->n_owed; i++)
		if (lane->owed[i] == sequence)
			return true;
	return false;
}

/* A call: of the handler that is waited for, or of one that is too late. */
static int serve_invoke(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	struct hot invoke;
	int r = hot_read(&invoke, frame);
	if (r < 0)
		return r;
	lane_set_peer_core(&lane->lane, invoke.core);
	if (invoke.parent == parent)
		return call_serve(lane, &invoke);
	if (!is_owed(lane, invoke.parent))
		return detail_set(-EBADMSG, "a call under callback %llu, which is not in flight",
		                  (unsigned long long)invoke.parent);
	detail_set(CBB__STATUS__STATUS_TIMEOUT, "the handler that makes this call has passed its deadline");
	return host_lane_refuse(lane, invoke.sequence, CBB__STATUS__STATUS_TIMEOUT);
}

/* The answer to a callback that native code no longer waits for. */
static int serve_return(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	struct hot answer;
	(void)parent;
	int r = hot_read(&answer, frame);
	for (unsigned i = 0; r == 0 && i < lane->n_owed; i++)
		if (lane->owed[i] == answer.sequence) {
			lane->owed[i] = lane->owed[--lane->n_owed];
			telemetry_late_answer();
			return 0;
		}
	return r < 0 ? r : detail_set(-EBADMSG, "a Return to nothing");
}

static int serve_open_library(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	(void)parent;
	return library_serve_open(lane, frame);
}

static int serve_open_callback(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	UNPACK_ARENA arena = {0};
	(void)lane;
	(void)parent;
	const Cbb__OpenCallback *message = unpack_frame(&arena, &cbb__open_callback__descriptor, frame);
	return message ? closure_table_open(message) : -EBADMSG;
}

static int serve_close_callback(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	UNPACK_ARENA arena = {0};
	(void)lane;
	(void)parent;
	const Cbb__CloseCallback *message = unpack_frame(&arena, &cbb__close_callback__descriptor, frame);
	return message ? closure_table_close(message) : -EBADMSG;
}

/*
 * Only a call in flight can be abandoned. One that is answered returned while this frame was on its way or unread:
 * nobody took its result.
 */
static int serve_abandon(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	UNPACK_ARENA arena = {0};
	(void)parent;
	const Cbb__Abandon *message = unpack_frame(&arena, &cbb__abandon__descriptor, frame);
	if (!message)
		return -EBADMSG;
	lane->n_owed = 0; /* all under that call; what the client had answered before has been read */
	for (const struct native_call *call = lane->top; call; call = call->outer)
		if (call->sequence == message->sequence) {
			lane->abandoned = message->sequence;
			return 0;
		}
	telemetry_late_result();
	return 0;
}

static const struct {
	Cbb__FrameType type;
	int (*serve)(struct host_lane *lane, const struct frame *frame, uint64_t parent);
} frames[] = {
    {CBB__FRAME_TYPE__FRAME_INVOKE, serve_invoke},
    {CBB__FRAME_TYPE__FRAME_RETURN, serve_return},
    {CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, serve_open_callback},
    {CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, serve_close_callback},
    {CBB__FRAME_TYPE__FRAME_ABANDON, serve_abandon},
    {CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, serve_open_library},
    {CBB__FRAME_TYPE__FRAME_READ_MEMORY, memory_serve_read},
    {CBB__FRAME_TYPE__FRAME_WRITE_MEMORY, memory_serve_write},
};

int host_lane_serve(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
		if (frames[i].type == frame->type)
			return frames[i].serve(lane, frame, parent);
	return detail_set(-EBADMSG, "frame %s does not belong on a lane", frame_type_name((int)frame->type));
}
