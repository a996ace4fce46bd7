/* SPDX-License-Identifier: MIT */
/*
 * What the broker shows of its hosts: lists and states, for clients and cbbctl.
 */
#ifndef CBB_BROKER_VIEW_H
#define CBB_BROKER_VIEW_H

#include "broker/host.h"

/* In a list each host names this many libraries; its status names all. */
#define VIEW_LIST_LIBRARIES 8
/* A list that would not fit a frame ends early, ended hosts first. */
#define VIEW_LIST_MAX_BYTES (3u << 20)

/* A HostInfo and all it refers to. Filled by view_fill; not to be copied. */
struct view_info {
	Cbb__HostInfo info;
	ProtobufCBinaryData libraries[PAGE_LIBRARIES_MAX];
	char library_texts[PAGE_LIBRARIES_MAX][PAGE_TEXT_BYTES];
};

/* Attached now, by the host's word. */
unsigned view_n_lanes(const struct host *host);

void view_fill(struct view_info *view, const struct host *host, unsigned libraries_max);

/* Answers the request: 0, or -ENOMEM with words; then the caller answers. */
int view_send_list(struct session *session, uint32_t request);
int view_send_status(struct session *session, struct host *host, uint32_t request);

#endif
