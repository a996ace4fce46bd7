/* SPDX-License-Identifier: MIT */
/*
 * What a client may ask of the broker on its session: a table of frame types and their handlers. A request that
 * fails is answered with words; a frame that is no request ends the session.
 */
#include "base/detail.h"
#include "broker/host.h"
#include "broker/session.h"
#include "broker/view.h"
#include "wire/unpack.h"

#include <errno.h>

static int request_open_host(struct session *session, const void *message, struct frame *frame)
{
	const Cbb__OpenHost *open = message;
	unsigned announced = (unsigned)!!open->has_stdin + (unsigned)!!open->has_stdout + (unsigned)!!open->has_stderr;
	if (frame->lost_fds) {
		session_done(session, open->request,
		             detail_set(CBB__STATUS__STATUS_LIMIT,
		                        "the broker has no descriptors left for the host's: end something first"));
		return 0;
	}
	if (announced != frame->n_fds)
		return detail_set(-EBADMSG, "its OPEN_HOST announces %u descriptors and carries %u", announced,
		                  frame->n_fds);
	int r = host_open(session, open, frame->fds);
	if (r < 0)
		session_done(session, open->request, r);
	return 0;
}

static int request_close_host(struct session *session, const void *message, struct frame *frame)
{
	const Cbb__CloseHost *close_host = message;
	struct host *host;
	(void)frame;
	int r = host_find(session, close_host->host, &host);
	if (r == 0)
		r = host_close(session, host, close_host->request);
	if (r < 0)
		session_done(session, close_host->request, r);
	return 0;
}

static int request_list_hosts(struct session *session, const void *message, struct frame *frame)
{
	const Cbb__ListHosts *list = message;
	(void)frame;
	int r = view_send_list(session, list->request);
	if (r < 0)
		session_done(session, list->request, r);
	return 0;
}

static int request_host_status(struct session *session, const void *message, struct frame *frame)
{
	const Cbb__HostStatus *status = message;
	struct host *host;
	(void)frame;
	int r = host_find(session, status->host, &host);
	if (r == 0)
		r = view_send_status(session, host, status->request);
	if (r < 0)
		session_done(session, status->request, r);
	return 0;
}

static const struct request {
	Cbb__FrameType type;
	const ProtobufCMessageDescriptor *descriptor;
	int (*handle)(struct session *session, const void *message, struct frame *frame);
	bool with_descriptors;
} requests[] = {
    {CBB__FRAME_TYPE__FRAME_OPEN_HOST, &cbb__open_host__descriptor, request_open_host, true},
    {CBB__FRAME_TYPE__FRAME_CLOSE_HOST, &cbb__close_host__descriptor, request_close_host, false},
    {CBB__FRAME_TYPE__FRAME_LIST_HOSTS, &cbb__list_hosts__descriptor, request_list_hosts, false},
    {CBB__FRAME_TYPE__FRAME_HOST_STATUS, &cbb__host_status__descriptor, request_host_status, false},
};

static int request_handle(struct session *session, const struct request *request, struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	if (frame->n_fds && !request->with_descriptors)
		return detail_set(-EBADMSG, "its %s carries descriptors", frame_type_name((int)frame->type));
	const void *message = unpack_frame(&arena, request->descriptor, frame);
	return message ? request->handle(session, message, frame) : -EBADMSG;
}

int session_frame(void *owner, struct frame *frame)
{
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (requests[i].type == frame->type)
			return request_handle(owner, &requests[i], frame);
	return detail_set(-EBADMSG, "frame %s is no request of a session", frame_type_name((int)frame->type));
}
