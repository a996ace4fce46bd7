/* SPDX-License-Identifier: MIT */
#include "lib/library_open.h"

#include "base/clock.h"
#include "lib/call.h"
#include "lib/client.h"
#include "lib/error.h"

#include <errno.h>
#include <string.h>

static int take_answer(struct cbb_library *library, struct client_lane *lane, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__LibraryOpened *opened = NULL;
	if (frame->type == CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED)
		opened = unpack_frame(&arena, &cbb__library_opened__descriptor, frame);
	if (!opened) {
		detail_set(-EBADMSG, "OpenLibrary was answered with %s", frame_type_name((int)frame->type));
		client_lane_kill(lane);
		return host_cut_off(library->host);
	}
	if (opened->status < 0)
		return detail_set_bytes(opened->status, opened->detail.data, opened->detail.len);
	for (size_t i = 0; i < opened->n_missing; i++)
		if (opened->missing[i] < library->interface->message.n_functions)
			library->missing[opened->missing[i]] = true;
	return 0;
}

/* The library's constructors may run for as long as they like: the deadline is that of calls. */
static int open_on_lane(struct cbb_library *library, struct client_lane *lane, uint64_t deadline_ns)
{
	Cbb__OpenLibrary message = CBB__OPEN_LIBRARY__INIT;
	struct frame frame;
	struct hot hot;
	struct call_frame place = {.lane = lane, .outer = lane->top, .sequence = ++lane->last_sequence,
	                           .deadline_ns = deadline_ns};
	message.sequence = place.sequence;
	message.library = library->number;
	message.interface = &library->interface->message;
	int r = lane_put(&lane->lane, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &message.base);
	if (r < 0)
		return r;
	if (lane_send(&lane->lane, deadline_ns) < 0) {
		client_lane_kill(lane);
		return host_note_death(library->host, "the opening of a library");
	}
	lane->top = &place;
	lane->depth++;
	r = call_wait(lane, place.sequence, deadline_ns, "the opening of a library", &frame, &hot);
	lane->depth--;
	lane->top = place.outer;
	return r < 0 ? r : take_answer(library, lane, &frame);
}

int library_open_in_host(struct cbb_library *library)
{
	struct cbb_host *host = library->host;
	struct client_lane *lane = NULL;
	uint64_t deadline_ns = host->call_timeout_ms ? clock_deadline_ns(host->call_timeout_ms) : CLOCK_NEVER;
	int r = host_enter(host);
	if (r < 0)
		return r;
	r = client_lane_get(host, deadline_ns, &lane);
	if (r == 0 && (lane->abandoned || lane->returned_early || lane->depth == CBB_DEPTH_MAX))
		r = detail_set(CBB_ERR_BUSY, "a call of this thread timed out and still runs in the host");
	if (r == 0) {
		bool nested = lane->in_use;
		lane->in_use = true;
		r = open_on_lane(library, lane, deadline_ns);
		lane->in_use = nested;
	}
	host_leave(host);
	return r;
}
