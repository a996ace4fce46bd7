/* SPDX-License-Identifier: MIT */
/* Memory of the host that an interface calls `host`: read and written through the caller's lane, in its turn. */
#include "cbbroker.h"

#include "base/clock.h"
#include "lib/call.h"
#include "lib/call_wait.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/unwind.h"

#include <errno.h>
#include <string.h>

#define DURING "an access to memory of the host"

struct access {
	cbb_host *host;
	uint64_t deadline_ns;
	Cbb__FrameType type;
	union {
		ProtobufCMessage base;
		Cbb__ReadMemory read;
		Cbb__WriteMemory write;
	} message;
	uint64_t *sequence; /* in the message */
	void *buffer;       /* of a read; NULL */
	size_t bytes;
};

static int fail_lie(struct client_lane *lane, const struct access *access, const char *how)
{
	int r = detail_set(-EBADMSG, DURING " of %zu bytes was answered with %s", access->bytes, how);
	return call_lane_failed(lane, r, DURING);
}

static int take_answer(struct client_lane *lane, const struct access *access, const struct frame *frame,
                       struct hot *answer)
{
	const uint8_t *data = NULL;
	size_t size = 0;
	bool has_block = hot_next_block(answer, &data, &size);
	if (frame->type != CBB__FRAME_TYPE__FRAME_RETURN || answer->status > 0 || answer->n_words)
		return fail_lie(lane, access, "something else");
	if (answer->status < 0)
		return has_block            ? fail_lie(lane, access, "memory beside a failure")
		       : answer->detail_size ? detail_set_bytes(answer->status, answer->detail, answer->detail_size)
		                             : answer->status;
	if (has_block != (access->buffer != NULL) || (has_block && size != access->bytes))
		return fail_lie(lane, access, "other memory than was asked for");
	if (has_block && hot_next_block(answer, &(const uint8_t *){NULL}, &(size_t){0}))
		return fail_lie(lane, access, "more memory than was asked for");
	if (has_block && size > 0)
		memcpy(access->buffer, data, size);
	return 0;
}

static int access_on_lane(struct client_lane *lane, const struct access *access)
{
	struct frame frame;
	struct hot hot;
	struct call_frame place = {.lane = lane, .sequence = ++lane->last_sequence, .deadline_ns = access->deadline_ns};
	*access->sequence = place.sequence;
	int r = lane_put(&lane->lane, access->type, &access->message.base);
	if (r < 0)
		return r;
	r = lane_send(&lane->lane, access->deadline_ns);
	if (r == -ETIMEDOUT) {
		client_lane_kill(lane); /* half sent */
		return detail_set(CBB_ERR_TIMEOUT, "host h%llu did not take " DURING " in time",
		                  (unsigned long long)access->host->id);
	}
	if (r < 0)
		return call_lane_failed(lane, r, DURING);
	lane->levels[lane->depth++] = (struct lane_level){.frame = &place, .sequence = place.sequence,
	                                                  .deadline_ns = access->deadline_ns, .mark = arena_mark(&lane->arena)};
	lane->masks = wait_masks(lane->host->client, thread_self());
	r = call_wait(lane, place.sequence, access->deadline_ns, DURING, &frame, &hot);
	lane->depth--;
	if (r < 0)
		return r;
	if (lane->returned_early == place.sequence)
		lane->returned_early = 0;
	return take_answer(lane, access, &frame, &hot);
}

static int access_run(struct access *access)
{
	struct cbb_host *host = access->host;
	struct client_lane *lane = NULL;
	if (access->bytes > host->max_payload_bytes)
		return detail_set(CBB_ERR_LIMIT,
		                  DURING ": %zu bytes are more than the %llu of a message (option max_payload_bytes)",
		                  access->bytes, (unsigned long long)host->max_payload_bytes);
	int r = host_enter(host);
	if (r < 0)
		return r;
	access->deadline_ns = host->call_timeout_ms ? clock_deadline_ns(host->call_timeout_ms) : CLOCK_NEVER;
	r = unwind_get_lane(host, &lane, access->deadline_ns, &lane);
	if (r == 0) {
		const struct lane_level *outer = client_lane_top(lane);
		bool nested = lane->in_use;
		if (outer && outer->deadline_ns < access->deadline_ns)
			access->deadline_ns = outer->deadline_ns;
		lane->in_use = true;
		r = call_check_lane(lane, DURING);
		if (r == 0)
			r = access_on_lane(lane, access);
		lane->in_use = nested;
	}
	host_leave(host);
	return r;
}

int cbb_read(cbb_host *host, const void *address, void *buffer, size_t bytes)
{
	error_begin();
	if (!host || (bytes > 0 && (!address || !buffer)))
		return error_end(detail_set(-EINVAL, "cbb_read: an argument is NULL"));
	if (bytes == 0)
		return 0;
	struct access access = {.host = host, .type = CBB__FRAME_TYPE__FRAME_READ_MEMORY, .buffer = buffer, .bytes = bytes};
	cbb__read_memory__init(&access.message.read);
	access.message.read.address = (uintptr_t)address;
	access.message.read.bytes = bytes;
	access.sequence = &access.message.read.sequence;
	return error_end(access_run(&access));
}

int cbb_write(cbb_host *host, void *address, const void *buffer, size_t bytes)
{
	error_begin();
	if (!host || (bytes > 0 && (!address || !buffer)))
		return error_end(detail_set(-EINVAL, "cbb_write: an argument is NULL"));
	if (bytes == 0)
		return 0;
	struct access access = {.host = host, .type = CBB__FRAME_TYPE__FRAME_WRITE_MEMORY, .bytes = bytes};
	cbb__write_memory__init(&access.message.write);
	access.message.write.address = (uintptr_t)address;
	access.message.write.data.data = (uint8_t *)(uintptr_t)buffer;
	access.message.write.data.len = bytes;
	access.sequence = &access.message.write.sequence;
	return error_end(access_run(&access));
}
