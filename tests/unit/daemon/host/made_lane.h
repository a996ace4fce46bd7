/* SPDX-License-Identifier: MIT */
/*
 * A lane of this process with no thread that serves it: the test takes the thread's place, and the client's.
 */
#ifndef CBB_TESTS_UNIT_DAEMON_HOST_MADE_LANE_H
#define CBB_TESTS_UNIT_DAEMON_HOST_MADE_LANE_H

#include "base/clock.h"
#include "base/detail.h"
#include "host/call.h"
#include "host/closure_table.h"
#include "host/host.h"
#include "host/host_lane.h"
#include "host/library.h"
#include "host/telemetry.h"
#include "host/thread.h"
#include "interface/parse.h"
#include "support/harness.h"
#include "wire/connection.h"

#include "../../../fixtures/callbacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct made_lane {
	struct host_lane lane;
	struct host_thread thread;
	struct connection client;    /* the other end */
	struct unpack_arena arena;   /* of the last message received */
};

static inline void lane_make(struct made_lane *made)
{
	int pair[2];
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	memset(made, 0, sizeof *made);
	made->lane.thread = &made->thread;
	made->lane.cell = telemetry_lane_claim(1, "test");
	lane_init(&made->lane.lane, pair[0], -1, FRAME_PAYLOAD_DEFAULT_BYTES);
	arena_init(&made->lane.arena, FRAME_PAYLOAD_DEFAULT_BYTES);
	connection_init(&made->client, pair[1], FRAME_PAYLOAD_DEFAULT_BYTES);
}

static inline void lane_end(struct made_lane *made)
{
	telemetry_lane_release(made->lane.cell);
	lane_free(&made->lane.lane);
	arena_free(&made->lane.arena);
	unpack_free(&made->arena);
	connection_free(&made->client);
}

/* The frame as the lane would have received it; its bytes live until the test ends. */
static inline struct frame frame_of(Cbb__FrameType type, const ProtobufCMessage *message)
{
	struct frame frame = {.type = type, .size = protobuf_c_message_get_packed_size(message)};
	uint8_t *bytes = (uint8_t *)harness_format("%*s", (int)frame.size, "");
	protobuf_c_message_pack(message, bytes);
	frame.body = bytes;
	return frame;
}

static inline int serve(struct made_lane *made, Cbb__FrameType type, const ProtobufCMessage *message, uint64_t parent)
{
	struct frame frame = frame_of(type, message);
	return host_lane_serve(&made->lane, &frame, parent);
}

/* What the client received, of this type. */
static inline void *heard(struct made_lane *made, Cbb__FrameType type, const ProtobufCMessageDescriptor *descriptor)
{
	struct frame frame;
	REQUIRE_EQUAL(connection_receive(&made->client, &frame, clock_deadline_ns(5000 * harness_slow())), 1);
	REQUIRE_EQUAL(frame.type, type);
	unpack_free(&made->arena);
	void *message = unpack_frame(&made->arena, descriptor, &frame);
	REQUIRE(message != NULL);
	return message;
}

static inline struct interface *parsed(const char *text)
{
	struct interface *interface = NULL;
	REQUIRE_EQUAL(interface_parse("test", text, strlen(text), NULL, NULL, &interface), 0);
	return interface;
}

static inline Cbb__OpenLibrary an_opening(uint32_t number, struct interface *interface)
{
	Cbb__OpenLibrary message = CBB__OPEN_LIBRARY__INIT;
	message.sequence = 7;
	message.library = number;
	message.interface = interface ? &interface->message : NULL;
	return message;
}

/* Opens it and returns the answer. */
static inline const Cbb__LibraryOpened *open_library(struct made_lane *made, uint32_t number, const char *text)
{
	struct interface *interface = parsed(text);
	Cbb__OpenLibrary message = an_opening(number, interface);
	REQUIRE_EQUAL(serve(made, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &message.base, 0), 0);
	interface_free(interface);
	const Cbb__LibraryOpened *opened =
	    heard(made, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &cbb__library_opened__descriptor);
	EXPECT_EQUAL(opened->sequence, 7);
	return opened;
}

/* The callbacks fixture as library 1. */
static inline void open_callbacks(struct made_lane *made)
{
	const char *text = harness_format("[library(\"%s\")]\n%s", harness_fixture_path("libfixture_callbacks.so"),
	                                  CALLBACKS_TEXT);
	REQUIRE_EQUAL(open_library(made, 1, text)->status, 0);
}

static inline uint32_t number_of(const char *name)
{
	int index = interface_find_function(library_find(1)->interface, name);
	if (index < 0)
		index = interface_find_callback_type(library_find(1)->interface, name);
	REQUIRE(index >= 0);
	return (uint32_t)index;
}

static inline Cbb__OpenCallback a_callback(uint32_t slot, uint32_t generation)
{
	Cbb__OpenCallback message = CBB__OPEN_CALLBACK__INIT;
	message.slot = slot;
	message.generation = generation;
	message.library = 1;
	message.function = number_of("number_fn");
	message.delivery = CBB__DELIVERY__DELIVERY_AUTO;
	return message;
}

#endif
