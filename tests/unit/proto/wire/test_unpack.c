/* SPDX-License-Identifier: MIT */
#include "base/detail.h"
#include "support/harness.h"
#include "wire/unpack.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static struct frame frame_of(Cbb__FrameType type, const void *body, size_t size)
{
	return (struct frame){.type = type, .body = body, .size = size};
}

static void given_a_valid_message_when_unpacked_then_its_fields_are_there(void)
{
	Cbb__Hello hello = CBB__HELLO__INIT;
	hello.version = 1;
	hello.software = (ProtobufCBinaryData){14, (uint8_t *)"cbbroker 0.1.0"};
	hello.host = UINT64_MAX;
	uint8_t body[100];
	struct frame frame = frame_of(CBB__FRAME_TYPE__FRAME_HELLO, body, cbb__hello__pack(&hello, body));
	UNPACK_ARENA arena;
	Cbb__Hello *again = unpack_frame(&arena, &cbb__hello__descriptor, &frame);
	REQUIRE(again != NULL);
	EXPECT_EQUAL(again->version, 1);
	EXPECT_BYTES(again->software.data, again->software.len, "cbbroker 0.1.0", 14);
	EXPECT_EQUAL(again->host, UINT64_MAX);
}

static void given_an_empty_frame_when_unpacked_then_all_is_zero(void)
{
	struct frame frame = frame_of(CBB__FRAME_TYPE__FRAME_HELLO, (const uint8_t *)"", 0);
	UNPACK_ARENA arena;
	Cbb__Hello *hello = unpack_frame(&arena, &cbb__hello__descriptor, &frame);
	REQUIRE(hello != NULL);
	EXPECT_EQUAL(hello->version, 0);
}

static void given_garbage_when_unpacked_then_it_fails_in_words(void)
{
	struct frame frame = frame_of(CBB__FRAME_TYPE__FRAME_HELLO, "\xff\xff\xff\xff\xff\xff", 6);
	UNPACK_ARENA arena;
	EXPECT_EQUAL(unpack_frame(&arena, &cbb__hello__descriptor, &frame), NULL);
	EXPECT_CONTAINS(detail_text(), "HELLO");
	EXPECT_CONTAINS(detail_text(), "valid");
}

static void given_every_truncation_when_unpacked_then_nothing_is_read_beyond_it(void)
{
	Cbb__HelloReply reply = CBB__HELLO_REPLY__INIT;
	reply.version = 300;
	reply.status = -4101;
	reply.detail = (ProtobufCBinaryData){5, (uint8_t *)"words"};
	uint8_t body[100];
	size_t size = cbb__hello_reply__pack(&reply, body);
	for (size_t n = 0; n <= size; n++) {
		uint8_t *exact = malloc(n ? n : 1); /* its end is watched by a sanitizer */
		memcpy(exact, body, n);
		struct frame frame = frame_of(CBB__FRAME_TYPE__FRAME_HELLO_REPLY, exact, n);
		UNPACK_ARENA arena;
		unpack_frame(&arena, &cbb__hello_reply__descriptor, &frame);
		free(exact);
	}
}

/* HostList.hosts of no bytes, again and again. */
static uint8_t *empty_messages(size_t size)
{
	uint8_t *body = malloc(size);
	REQUIRE(body != NULL);
	for (size_t i = 0; i < size; i += 2) {
		body[i] = 2 << 3 | 2;
		body[i + 1] = 0;
	}
	return body;
}

static void given_a_small_bomb_when_unpacked_then_its_memory_is_in_proportion(void)
{
	size_t size = 65536;
	uint8_t *body = empty_messages(size);
	struct frame frame = frame_of(CBB__FRAME_TYPE__FRAME_HOST_LIST, body, size);
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	UNPACK_ARENA arena;
	EXPECT_EQUAL(unpack_frame(&arena, &cbb__host_list__descriptor, &frame), NULL);
	EXPECT(mallinfo2().uordblks + mallinfo2().hblkhd - before < 64 * size);
	free(body);
}

/* 16 MiB of empty sub-messages: 576 MiB if unpacked with malloc. */
static void given_millions_of_empty_messages_when_unpacked_then_it_fails_with_bounded_memory(void)
{
	size_t size = 16u << 20;
	uint8_t *body = empty_messages(size);
	struct frame frame = frame_of(CBB__FRAME_TYPE__FRAME_HOST_LIST, body, size);
	UNPACK_ARENA arena;
	EXPECT_EQUAL(unpack_frame(&arena, &cbb__host_list__descriptor, &frame), NULL);
	EXPECT_CONTAINS(detail_text(), "HOST_LIST");
	EXPECT(mallinfo2().uordblks + mallinfo2().hblkhd < 200u << 20);
	free(body);
}

/* Small sub-messages with many fields are the costliest honest thing there is. */
static void given_an_honest_list_when_unpacked_then_it_fits(void)
{
	enum { HOSTS = 1000 };
	static Cbb__HostInfo infos[HOSTS];
	static Cbb__HostInfo *pointers[HOSTS];
	for (unsigned i = 0; i < HOSTS; i++) {
		cbb__host_info__init(&infos[i]);
		infos[i].host = i;
		pointers[i] = &infos[i];
	}
	Cbb__HostList list = CBB__HOST_LIST__INIT;
	list.n_hosts = HOSTS;
	list.hosts = pointers;
	static uint8_t body[HOSTS * 20];
	struct frame frame = frame_of(CBB__FRAME_TYPE__FRAME_HOST_LIST, body, cbb__host_list__pack(&list, body));
	UNPACK_ARENA arena;
	Cbb__HostList *again = unpack_frame(&arena, &cbb__host_list__descriptor, &frame);
	REQUIRE(again != NULL);
	REQUIRE_EQUAL(again->n_hosts, HOSTS);
	EXPECT_EQUAL(again->hosts[HOSTS - 1]->host, HOSTS - 1);
}

/* No message type contains itself: nesting deeper than the types do is a plain unknown field or garbage. */
static void given_deep_nesting_when_unpacked_then_the_stack_does_not_grow(void)
{
	enum { DEPTH = 10000 };
	size_t capacity = DEPTH * 4 + 16, at = capacity;
	uint8_t *body = malloc(capacity);
	REQUIRE(body != NULL);
	for (size_t i = 0; i < DEPTH; i++) {
		size_t size = capacity - at;
		if (size >= 1u << 14)
			body[--at] = (uint8_t)(size >> 14);
		if (size >= 1u << 7)
			body[--at] = (uint8_t)((size >> 7 & 0x7f) | (size >= 1u << 14 ? 0x80 : 0));
		body[--at] = (uint8_t)((size & 0x7f) | (size >= 1u << 7 ? 0x80 : 0));
		body[--at] = 2 << 3 | 2;
		if (at < 8)
			break;
	}
	struct frame frame = frame_of(CBB__FRAME_TYPE__FRAME_HOST_LIST, body + at, capacity - at);
	UNPACK_ARENA arena;
	unpack_frame(&arena, &cbb__host_list__descriptor, &frame);
	free(body);
}

static bool contains_itself(const ProtobufCMessageDescriptor *type, const ProtobufCMessageDescriptor *wanted,
                            unsigned depth)
{
	if (depth > 20)
		return true;
	for (unsigned i = 0; i < type->n_fields; i++) {
		if (type->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		const ProtobufCMessageDescriptor *inner = type->fields[i].descriptor;
		if (inner == wanted || contains_itself(inner, wanted, depth + 1))
			return true;
	}
	return false;
}

static void given_every_message_type_when_looked_at_then_none_contains_itself(void)
{
	static const ProtobufCMessageDescriptor *const types[] = {
	    &cbb__hello__descriptor,         &cbb__hello_reply__descriptor,  &cbb__open_host__descriptor,
	    &cbb__close_host__descriptor,    &cbb__list_hosts__descriptor,   &cbb__host_status__descriptor,
	    &cbb__done__descriptor,          &cbb__host_opened__descriptor,  &cbb__host_list__descriptor,
	    &cbb__host_status_reply__descriptor, &cbb__host_exited__descriptor, &cbb__host_hello__descriptor,
	    &cbb__host_setup__descriptor,    &cbb__host_attach__descriptor,  &cbb__host_end__descriptor,
	    &cbb__invoke__descriptor,        &cbb__return__descriptor,       &cbb__open_library__descriptor,
	    &cbb__library_opened__descriptor, &cbb__close_callback__descriptor, &cbb__abandon__descriptor,
	};
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
		if (contains_itself(types[i], types[i], 0))
			FAIL("%s contains itself", types[i]->name);
}

static const struct test tests[] = {
    TEST(given_a_valid_message_when_unpacked_then_its_fields_are_there),
    TEST(given_an_empty_frame_when_unpacked_then_all_is_zero),
    TEST(given_garbage_when_unpacked_then_it_fails_in_words),
    TEST(given_every_truncation_when_unpacked_then_nothing_is_read_beyond_it),
    TEST(given_a_small_bomb_when_unpacked_then_its_memory_is_in_proportion),
    TEST(given_millions_of_empty_messages_when_unpacked_then_it_fails_with_bounded_memory),
    TEST(given_an_honest_list_when_unpacked_then_it_fits),
    TEST(given_deep_nesting_when_unpacked_then_the_stack_does_not_grow),
    TEST(given_every_message_type_when_looked_at_then_none_contains_itself),
};
HARNESS_MAIN(tests)
