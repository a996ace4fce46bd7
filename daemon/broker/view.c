/* SPDX-License-Identifier: MIT */
#include "broker/view.h"

#include "base/detail.h"
#include "broker/bytes.h"
#include "broker/session.h"

#include <errno.h>
#include <stdlib.h>

#define READ(counter) atomic_load_explicit(&(counter), memory_order_relaxed)

unsigned view_n_lanes(const struct host *host)
{
	unsigned n = 0;
	for (unsigned i = 0; i < PAGE_LANES_MAX; i++)
		n += READ(host->page->lanes[i].thread) != 0;
	return n;
}

static void view_fill_counters(Cbb__HostInfo *info, const struct telemetry_page *page)
{
	info->calls = page_calls(page);
	info->callbacks = page_callbacks(page);
	info->late_calls = READ(page->late_calls);
	info->wrong_thread_calls = READ(page->wrong_thread_calls);
	info->late_answers = READ(page->late_answers);
	info->late_results = READ(page->late_results);
	info->open_callbacks = READ(page->open_callbacks);
	info->closed_callbacks = READ(page->closed_callbacks);
	info->events = READ(page->events);
	info->lost_events = READ(page->lost_events);
}

static void view_fill_libraries(struct view_info *view, const struct telemetry_page *page, unsigned max)
{
	unsigned n = page_n_libraries(page);
	n = n < max ? n : max;
	for (unsigned i = 0; i < n; i++)
		view->libraries[i] = bytes_of_text(page_library(page, i, view->library_texts[i]));
	view->info.libraries = view->libraries;
	view->info.n_libraries = n;
}

void view_fill(struct view_info *view, const struct host *host, unsigned libraries_max)
{
	Cbb__HostInfo *info = &view->info;
	cbb__host_info__init(info);
	info->host = host->id;
	info->pid = (uint32_t)host->pid;
	info->state = host->state;
	info->name = bytes_of_text(host->name);
	info->client_pid = (uint32_t)host->client.pid;
	info->client_uid = host->client.uid;
	info->client_comm = bytes_of_text(host->client.comm);
	info->uptime_ms = host_uptime_ms(host);
	view_fill_counters(info, host->page);
	view_fill_libraries(view, host->page, libraries_max);
	/* The cells stay as death found them. */
	info->lanes = host->state == CBB__HOST_STATE__HOST_ENDED ? 0 : view_n_lanes(host);
}

/* ---- The list ---- */

struct list {
	Cbb__HostList message;
	size_t size_bytes;
};

static int list_add(struct list *list, const struct host *host)
{
	struct view_info *view = malloc(sizeof *view);
	if (!view)
		return -ENOMEM;
	view_fill(view, host, VIEW_LIST_LIBRARIES);
	list->size_bytes += protobuf_c_message_get_packed_size(&view->info.base);
	if (list->size_bytes > VIEW_LIST_MAX_BYTES)
		free(view);
	else
		list->message.hosts[list->message.n_hosts++] = &view->info;
	return 0;
}

static int list_fill(struct list *list, const struct session *session, bool ended)
{
	const struct host *host = session->broker->hosts;
	int r = 0;
	for (; host && r == 0; host = host->hh.next)
		if (host_visible(host, session) && (host->state == CBB__HOST_STATE__HOST_ENDED) == ended)
			r = list_add(list, host);
	return r;
}

static void list_free(struct list *list)
{
	/* The info is the view's first member: freeing it frees the view. */
	for (size_t i = 0; i < list->message.n_hosts; i++)
		free(list->message.hosts[i]);
	free(list->message.hosts);
}

int view_send_list(struct session *session, uint32_t request)
{
	struct list list = {.message = CBB__HOST_LIST__INIT};
	list.message.request = request;
	list.message.hosts = calloc(HASH_COUNT(session->broker->hosts) + 1, sizeof *list.message.hosts);
	int r = list.message.hosts ? list_fill(&list, session, false) : -ENOMEM;
	if (r == 0)
		r = list_fill(&list, session, true);
	if (r == 0)
		peer_send(&session->peer, CBB__FRAME_TYPE__FRAME_HOST_LIST, &list.message.base, NULL, 0);
	list_free(&list);
	return r == 0 ? 0 : detail_set(r, "the broker is out of memory");
}
