/* SPDX-License-Identifier: MIT */
/* Memory of the host for a client that may lie about where it is. */
#include "made_lane.h"

#include "host/memory.h"

#include <sys/mman.h>
#include <unistd.h>

static struct made_lane made;

static const Cbb__Return *read_at(uint64_t address, uint64_t bytes)
{
	Cbb__ReadMemory message = CBB__READ_MEMORY__INIT;
	message.sequence = 5;
	message.address = address;
	message.bytes = bytes;
	EXPECT_EQUAL(serve(&made, CBB__FRAME_TYPE__FRAME_READ_MEMORY, &message.base, 0), 0);
	return heard(&made, CBB__FRAME_TYPE__FRAME_RETURN, &cbb__return__descriptor);
}

static const Cbb__Return *write_at(uint64_t address, const void *data, size_t bytes)
{
	Cbb__WriteMemory message = CBB__WRITE_MEMORY__INIT;
	message.sequence = 6;
	message.address = address;
	message.data = (ProtobufCBinaryData){.len = bytes, .data = (uint8_t *)(uintptr_t)data};
	EXPECT_EQUAL(serve(&made, CBB__FRAME_TYPE__FRAME_WRITE_MEMORY, &message.base, 0), 0);
	return heard(&made, CBB__FRAME_TYPE__FRAME_RETURN, &cbb__return__descriptor);
}

static void expect_refused(const Cbb__Return *answer, int status, const char *words)
{
	EXPECT_EQUAL(answer->status, status);
	EXPECT_EQUAL(answer->n_blocks, 0);
	EXPECT_CONTAINS(harness_format("%.*s", (int)answer->detail.len, (const char *)answer->detail.data), words);
}

static void given_memory_that_is_there_when_asked_for_then_it_is_read_and_written(void)
{
	char text[] = "memory";
	lane_make(&made);
	const Cbb__Return *answer = read_at((uintptr_t)text, sizeof text);
	EXPECT_EQUAL(answer->sequence, 5);
	EXPECT_EQUAL(answer->status, 0);
	REQUIRE_EQUAL(answer->n_blocks, 1);
	EXPECT_EQUAL(answer->blocks[0].len, sizeof text);
	EXPECT_STRING((const char *)answer->blocks[0].data, "memory");
	answer = write_at((uintptr_t)text, "MEM", 3);
	EXPECT_EQUAL(answer->sequence, 6);
	EXPECT_EQUAL(answer->status, 0);
	EXPECT_EQUAL(answer->n_blocks, 0);
	EXPECT_STRING(text, "MEMory");
	answer = read_at((uintptr_t)text, 0);
	EXPECT_EQUAL(answer->status, 0);
	lane_end(&made);
}

static void given_memory_that_is_not_there_when_asked_for_then_it_is_refused(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(pages != MAP_FAILED);
	REQUIRE_EQUAL(mprotect(pages + page, (size_t)page, PROT_NONE), 0);
	lane_make(&made);
	expect_refused(read_at(0, 1), -EFAULT, "1 bytes at 0");
	expect_refused(read_at(UINT64_MAX - 3, 64), -EFAULT, "cannot be read");
	expect_refused(read_at((uintptr_t)pages + (uint64_t)page - 4, 8), -EFAULT, "8 bytes"); /* half of it is there */
	expect_refused(write_at((uintptr_t)pages + (uint64_t)page - 4, "12345678", 8), -EFAULT, "cannot be written");
	REQUIRE_EQUAL(mprotect(pages, (size_t)page, PROT_READ), 0);
	EXPECT_EQUAL(read_at((uintptr_t)pages, 8)->status, 0);
	expect_refused(write_at((uintptr_t)pages, "1", 1), -EFAULT, "cannot be written");
	munmap(pages, (size_t)page * 2);
	lane_end(&made);
}

static void given_more_than_a_message_holds_when_asked_for_then_it_is_refused(void)
{
	lane_make(&made);
	expect_refused(read_at((uintptr_t)&made, UINT64_MAX), CBB__STATUS__STATUS_LIMIT, "max_payload_bytes");
	expect_refused(read_at((uintptr_t)&made, 1ull << 40), CBB__STATUS__STATUS_LIMIT, "max_payload_bytes");
	EXPECT_EQUAL(read_at((uintptr_t)&made, 4)->status, 0);
	lane_end(&made);
}

static void given_garbage_when_it_comes_then_the_lane_is_lost(void)
{
	lane_make(&made);
	struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_READ_MEMORY, .body = (const uint8_t *)"\x08", .size = 1};
	EXPECT_EQUAL(memory_serve_read(&made.lane, &frame, 0), -EBADMSG);
	frame.type = CBB__FRAME_TYPE__FRAME_WRITE_MEMORY;
	EXPECT_EQUAL(memory_serve_write(&made.lane, &frame, 0), -EBADMSG);
	lane_end(&made);
}

static const struct test tests[] = {
    TEST(given_memory_that_is_there_when_asked_for_then_it_is_read_and_written),
    TEST(given_memory_that_is_not_there_when_asked_for_then_it_is_refused),
    TEST(given_more_than_a_message_holds_when_asked_for_then_it_is_refused),
    TEST(given_garbage_when_it_comes_then_the_lane_is_lost),
};
HARNESS_MAIN(tests)
