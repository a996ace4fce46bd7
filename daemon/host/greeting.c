/* SPDX-License-Identifier: MIT */
#include "host/greeting.h"

#include "base/detail.h"
#include "wire/lane.h"

#include <string.h>

#define SOFTWARE "cbb-host " CBB_VERSION

int greeting_send(int fd, int status, uint32_t thread, uint64_t deadline_ns)
{
	Cbb__HelloReply reply = CBB__HELLO_REPLY__INIT;
	struct lane lane;
	reply.version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	reply.software.data = (uint8_t *)(uintptr_t)SOFTWARE;
	reply.software.len = strlen(SOFTWARE);
	reply.status = status;
	reply.thread = thread;
	if (status < 0) {
		reply.detail.data = (uint8_t *)(uintptr_t)detail_text();
		reply.detail.len = strlen(detail_text());
	}
	lane_init(&lane, fd, -1, 0);
	int r = lane_put(&lane, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &reply.base);
	if (r == 0)
		r = lane_send(&lane, deadline_ns);
	lane.fd = -1; /* stays the caller's */
	lane_free(&lane);
	return r;
}
