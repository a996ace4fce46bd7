/* SPDX-License-Identifier: MIT */
/*
 * One host in every detail: its process, its lanes, what went wrong lately, and how it ended if it has.
 */
#include "base/descriptor.h"
#include "base/detail.h"
#include "broker/bytes.h"
#include "broker/death.h"
#include "broker/session.h"
#include "broker/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lane_view {
	Cbb__LaneInfo info;
	struct page_lane_view read;
};

struct status_view {
	Cbb__HostStatusReply reply;
	struct view_info info;
	struct death_message death;
	Cbb__LaneInfo *lanes[PAGE_LANES_MAX];
	struct lane_view lane_views[PAGE_LANES_MAX];
	ProtobufCBinaryData notices[PAGE_NOTICES_MAX];
	char notice_texts[PAGE_NOTICES_MAX][PAGE_NOTICE_BYTES];
};

/* ---- The process ---- */

static unsigned long status_number(const char *status, const char *key)
{
	const char *at = strstr(status, key);
	return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

/* Not reaped, so the number is still its own. Anonymous memory is what nobody else shares. */
static void view_process(Cbb__HostStatusReply *reply, const struct host *host)
{
	char path[32], status[4096];
	snprintf(path, sizeof path, "/proc/%d/status", (int)host->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof status - 1);
	descriptor_close(fd);
	if (n <= 0)
		return;
	status[n] = '\0';
	reply->memory_bytes = (uint64_t)status_number(status, "\nRssAnon:") * 1024;
	reply->threads = (uint32_t)status_number(status, "\nThreads:");
}

/* ---- The telemetry page ---- */

static void view_lane(struct lane_view *view)
{
	Cbb__LaneInfo *info = &view->info;
	cbb__lane_info__init(info);
	info->thread = view->read.thread;
	info->depth = view->read.depth;
	info->calls = view->read.calls;
	info->callbacks = view->read.callbacks;
	info->thread_name = bytes_of_text(view->read.thread_name);
	info->function = bytes_of_text(view->read.function);
	info->callback = bytes_of_text(view->read.callback);
}

static void view_lanes(struct status_view *view, const struct telemetry_page *page)
{
	size_t n = 0;
	for (unsigned i = 0; i < PAGE_LANES_MAX; i++) {
		if (!page_lane(page, i, &view->lane_views[n].read))
			continue;
		view_lane(&view->lane_views[n]);
		view->lanes[n] = &view->lane_views[n].info;
		n++;
	}
	view->reply.lanes = view->lanes;
	view->reply.n_lanes = n;
}

static void view_notices(struct status_view *view, const struct telemetry_page *page)
{
	unsigned n = page_notices(page, view->notice_texts);
	for (unsigned i = 0; i < n; i++)
		view->notices[i] = bytes_of_text(view->notice_texts[i]);
	view->reply.notices = view->notices;
	view->reply.n_notices = n;
}

int view_send_status(struct session *session, struct host *host, uint32_t request)
{
	struct status_view *view = calloc(1, sizeof *view);
	if (!view)
		return detail_set(-ENOMEM, "the broker is out of memory");
	cbb__host_status_reply__init(&view->reply);
	view_fill(&view->info, host, PAGE_LIBRARIES_MAX);
	view->reply.request = request;
	view->reply.info = &view->info.info;
	view->reply.why = bytes_of_text(host->why);
	view_notices(view, host->page);
	if (host->state == CBB__HOST_STATE__HOST_ENDED) {
		death_fill(&view->death, host, NULL);
		view->reply.exited = &view->death.exited;
	} else {
		view_process(&view->reply, host);
		view_lanes(view, host->page);
	}
	peer_send(&session->peer, CBB__FRAME_TYPE__FRAME_HOST_STATUS_REPLY, &view->reply.base, NULL, 0);
	free(view);
	return 0;
}
