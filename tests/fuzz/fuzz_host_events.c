/* SPDX-License-Identifier: MIT */
/*
 * A queue's event lane in a host: frames of a hostile client, between events of a listener that this thread calls
 * itself.
 */
#include "base/log.h"
#include "frames.h"
#include "host/closure_table.h"
#include "host/host_lane.h"
#include "host/lane_thread.h"
#include "host/listener.h"
#include "host/native_thread.h"
#include "host/queue.h"
#include "host/queue_service.h"
#include "host/telemetry.h"
#include "host/thread.h"
#include "interface/parse.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 6 /* more than the queue takes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of no library that anybody could miss: only the type is used. */
static const char text[] = "[library(\"libc.so.6\")]\n"
                           "[listener] typedef void (*notice)([key] int value, const char *words);\n"
                           "int abs(int value);\n";

typedef void notice_fn(int value, const char *words);

static struct event_base *base;
static notice_fn *notices[5]; /* one for each rule */

static void serve(struct host_lane *lane, Cbb__FrameType type, const ProtobufCMessage *message)
{
	struct frame frame = {.type = type, .size = protobuf_c_message_get_packed_size(message)};
	uint8_t *body = malloc(frame.size + 1);
	protobuf_c_message_pack(message, body);
	frame.body = body;
	if (host_lane_serve(lane, &frame, 0) < 0)
		abort();
	free(body);
}

static notice_fn *open_listener(struct host_lane *lane, uint32_t slot, uint32_t type)
{
	Cbb__OpenCallback message = CBB__OPEN_CALLBACK__INIT;
	notice_fn *function;
	message.slot = slot;
	message.generation = 1;
	message.library = 1;
	message.function = type;
	message.delivery = CBB__DELIVERY__DELIVERY_LISTENER;
	message.queue = 1;
	message.overflow = (Cbb__Overflow)slot;
	message.max_queued = 3;
	serve(lane, CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, &message.base);
	memcpy(&function, &closure_table_find(slot, 1)->code, sizeof function);
	return function;
}

static void open_once(void)
{
	static struct host_lane lane;
	struct interface *interface;
	int pair[2];
	if (base)
		return;
	log_open("fuzz", LOG_LEAST_ERROR);
	base = event_base_new();
	host_thread_enter("fuzz");
	native_thread_get()->nonblocking = true;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    interface_parse("fuzz", text, sizeof text - 1, NULL, NULL, &interface) < 0)
		abort();
	lane.thread = host_thread_current();
	lane.cell = telemetry_lane_claim(1, "fuzz");
	lane_init(&lane.lane, pair[0], -1, FRAME_PAYLOAD_DEFAULT_BYTES);
	Cbb__OpenLibrary message = CBB__OPEN_LIBRARY__INIT;
	message.sequence = message.library = 1;
	message.interface = &interface->message;
	serve(&lane, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &message.base);
	for (uint32_t i = 0; i < 5; i++)
		notices[i] = open_listener(&lane, i, (uint32_t)interface_find_callback_type(&interface->message, "notice"));
	interface_free(interface);
}

static int attach(void)
{
	Cbb__HostAttach attach = CBB__HOST_ATTACH__INIT;
	int pair[2];
	attach.lane = CBB__LANE_KIND__LANE_EVENTS;
	attach.queue = attach.queue_bit = 1;
	attach.queue_max_events = 8;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    queue_service_attach(base, &attach, pair[0]) < 0)
		abort();
	return pair[1];
}

/* As if the last input had closed none. */
static void open_again(void)
{
	for (uint32_t i = 0; i < 5; i++) {
		struct closure *closure = closure_table_find(i, 1);
		atomic_store(&closure->closed, false);
		atomic_store(&closure->ended, false);
		closure->listener->paused = false;
	}
}

static void make_events(void)
{
	for (int i = 0; i < EVENTS; i++)
		for (int k = 0; k < 5; k++)
			notices[k](i % 2, "words");
}

static void look(void)
{
	queue_service_look();
	event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t types[] = {CBB__FRAME_TYPE__FRAME_EVENTS_TAKEN, CBB__FRAME_TYPE__FRAME_PAUSE_CALLBACK,
	                                CBB__FRAME_TYPE__FRAME_EVENTS_TAKEN, CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK};
	open_once();
	open_again();
	int client = attach();
	uint8_t *bytes = frames_from_input(data, size, types, sizeof types, &size);
	make_events();
	if (send(client, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		look();
		make_events();
		look();
	}
	close(client);
	while (lane_thread_count())
		event_base_loop(base, EVLOOP_ONCE);
	free(bytes);
	return 0;
}
