/* SPDX-License-Identifier: MIT */
#include "lib/library_open.h"

#include "base/clock.h"
#include "lib/call.h"
#include "lib/call_wait.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/unwind.h"

#include <errno.h>
#include <string.h>

#define DURING "the opening of a library"

/* The detail text says how the host lied. */
static int cut_off(struct client_lane *lane)
{
	client_lane_kill(lane);
	return host_cut_off(lane->host);
}

static int take_missing(struct cbb_library *library, const Cbb__LibraryOpened *opened)
{
	for (size_t i = 0; i < opened->n_missing; i++) {
		if (opened->missing[i] >= library->interface->message.n_functions)
			return detail_set(-EBADMSG, "OpenLibrary was answered with missing function number %u of %zu",
			                  opened->missing[i], library->interface->message.n_functions);
		library->missing[opened->missing[i]] = true;
	}
	return 0;
}

static int take_answer(struct cbb_library *library, struct client_lane *lane, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__LibraryOpened *opened = NULL;
	if (frame->type == CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED)
		opened = unpack_frame(&arena, &cbb__library_opened__descriptor, frame); /* else with words of its own */
	else
		detail_set(-EBADMSG, "OpenLibrary was answered with %s", frame_type_name((int)frame->type));
	if (!opened)
		return cut_off(lane);
	if (opened->status > 0 || (opened->status < 0 && opened->n_missing)) {
		detail_set(-EBADMSG, "OpenLibrary was answered with status %d and %zu missing functions", opened->status,
		           opened->n_missing);
		return cut_off(lane);
	}
	if (opened->status < 0)
		return opened->detail.len ? detail_set_bytes(opened->status, opened->detail.data, opened->detail.len)
		                          : opened->status;
	return take_missing(library, opened) < 0 ? cut_off(lane) : 0;
}

/* The library's constructors may run for as long as they like: the deadline is that of calls. */
static int open_on_lane(struct cbb_library *library, struct client_lane *lane, uint64_t deadline_ns)
{
	Cbb__OpenLibrary message = CBB__OPEN_LIBRARY__INIT;
	struct frame frame;
	struct hot hot;
	struct call_frame place = {.lane = lane, .sequence = ++lane->last_sequence,
	                           .deadline_ns = deadline_ns};
	message.sequence = place.sequence;
	message.library = library->number;
	message.interface = &library->interface->message;
	int r = lane_put(&lane->lane, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &message.base);
	if (r < 0)
		return r;
	r = lane_send(&lane->lane, deadline_ns);
	if (r < 0) {
		client_lane_kill(lane);
		return r == -ETIMEDOUT ? detail_set(CBB_ERR_TIMEOUT, "host h%llu did not take " DURING " in time",
		                                    (unsigned long long)library->host->id)
		                       : host_note_death(library->host, DURING);
	}
	lane->levels[lane->depth++] = (struct lane_level){
	    .frame = &place, .sequence = place.sequence, .deadline_ns = deadline_ns, .mark = arena_mark(&lane->arena)};
	lane->masks = wait_masks(lane->host->client, thread_self());
	r = call_wait(lane, place.sequence, deadline_ns, DURING, &frame, &hot);
	lane->depth--;
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
	r = unwind_get_lane(host, &lane, deadline_ns, &lane);
	if (r == 0) {
		bool nested = lane->in_use;
		lane->in_use = true;
		r = call_check_lane(lane, DURING);
		if (r == 0)
			r = open_on_lane(library, lane, deadline_ns);
		lane->in_use = nested;
	}
	host_leave(host);
	return r;
}
