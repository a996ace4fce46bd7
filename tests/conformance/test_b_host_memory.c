/* SPDX-License-Identifier: MIT */
/* B: memory of the library, which the program reads and writes without having it. */
#include "support/remote.h"

#include "../fixtures/prints.h"

#include <errno.h>

#define SIZE 100000

static cbb_library *library;
static struct area *area;

static void given_an_area(size_t size)
{
	library = remote_library("prints", PRINTS_TEXT);
	area = REMOTE(library, struct area *(size_t), "area_open")(size);
	EXPECT_CALL_OK();
}

static void *memory_of_area(void)
{
	void *memory = REMOTE(library, void *(struct area *), "area_memory")(area);
	EXPECT_CALL_OK();
	return memory;
}

static int sum_in_host(void)
{
	return REMOTE(library, int(struct area *), "area_sum")(area);
}

static void what_is_written_is_there_and_is_read_again(void)
{
	static unsigned char bytes[SIZE], again[SIZE];
	given_a_host();
	given_an_area(SIZE);
	int sum = 0;
	for (int i = 0; i < SIZE; i++)
		sum += bytes[i] = (unsigned char)(i * 31 + i / 256);
	unsigned char *memory = memory_of_area();
	REMOTE_OK(cbb_write(remote_host, memory, bytes, SIZE));
	EXPECT_EQUAL(sum_in_host(), sum);
	REMOTE_OK(cbb_read(remote_host, memory, again, SIZE));
	EXPECT(memcmp(bytes, again, SIZE) == 0);
	REMOTE_OK(cbb_read(remote_host, memory + 77, again, 1));
	EXPECT_EQUAL(again[0], bytes[77]);
	REMOTE_OK(cbb_read(remote_host, NULL, NULL, 0));
	void *looked = NULL;
	size_t size = 0;
	EXPECT_EQUAL(REMOTE(library, int(struct area *, void **, size_t *), "area_look")(area, &looked, &size), 0);
	EXPECT(looked == memory);
	EXPECT_EQUAL(size, SIZE);
	remote_end();
}

static void memory_that_is_not_there_is_an_error_and_no_crash(void)
{
	unsigned char bytes[64] = {1};
	given_a_host();
	given_an_area(64);
	EXPECT_EQUAL(cbb_read(remote_host, (const void *)16, bytes, sizeof bytes), -EFAULT);
	EXPECT_ERROR(-EFAULT, "64 bytes at 0x10 in the host cannot be read");
	EXPECT_EQUAL(cbb_write(remote_host, (void *)16, bytes, sizeof bytes), -EFAULT);
	EXPECT_ERROR(-EFAULT, "cannot be written");
	EXPECT_EQUAL(cbb_read(remote_host, NULL, bytes, 1), -EINVAL);
	EXPECT_EQUAL(cbb_read(NULL, bytes, bytes, 1), -EINVAL);
	EXPECT_EQUAL(cbb_write(remote_host, bytes, NULL, 1), -EINVAL);
	EXPECT_EQUAL(sum_in_host(), 0);
	EXPECT_CALL_OK();
	remote_end();
}

static void more_than_a_message_holds_is_refused_in_words(void)
{
	static unsigned char bytes[SIZE];
	given_a_host_with(&(cbb_host_options){.size = sizeof(cbb_host_options), .max_payload_bytes = 65536});
	given_an_area(SIZE);
	void *memory = memory_of_area();
	EXPECT_EQUAL(cbb_read(remote_host, memory, bytes, SIZE), CBB_ERR_LIMIT);
	EXPECT_ERROR(CBB_ERR_LIMIT, "max_payload_bytes");
	EXPECT_EQUAL(cbb_write(remote_host, memory, bytes, SIZE), CBB_ERR_LIMIT);
	REMOTE_OK(cbb_write(remote_host, memory, bytes, 65536));
	REMOTE_OK(cbb_read(remote_host, memory, bytes, 65536));
	EXPECT_EQUAL(cbb_read(remote_host, memory, bytes, SIZE_MAX), CBB_ERR_LIMIT);
	EXPECT_EQUAL(sum_in_host(), 0);
	remote_end();
}

static int fill(void *memory, size_t size)
{
	unsigned char bytes[64];
	REQUIRE(size == sizeof bytes);
	REMOTE_OK(cbb_read(remote_host, memory, bytes, size));
	EXPECT_EQUAL(bytes[63], 0);
	memset(bytes, 2, sizeof bytes);
	REMOTE_OK(cbb_write(remote_host, memory, bytes, size));
	return sum_in_host();
}

static void a_handler_reads_and_writes_it_under_its_call(void)
{
	given_a_host();
	given_an_area(64);
	EXPECT_EQUAL(REMOTE(library, int(struct area *, int (*)(void *, size_t)), "area_fill")(area, fill), 128);
	EXPECT_CALL_OK();
	remote_end();
}

static void a_host_that_is_gone_says_so(void)
{
	unsigned char byte = 0;
	given_a_host();
	given_an_area(64);
	void *memory = memory_of_area();
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT_EQUAL(cbb_read(remote_host, memory, &byte, 1), CBB_ERR_HOST_DIED);
	EXPECT_EQUAL(cbb_write(remote_host, memory, &byte, 1), CBB_ERR_HOST_DIED);
	remote_end();
}

static int n_elements;

static void on_start(void *user, const char *name, const char **attributes)
{
	EXPECT(user == &n_elements);
	EXPECT_EQUAL(attributes[0] == NULL, strcmp(name, "feed") == 0);
	n_elements++;
}

static void expat_parses_what_was_written_to_its_own_buffer(void)
{
	typedef struct parser *parser;
	static const char *const pieces[] = {"<feed><item id='1'/><it", "em id='2'>text</item></feed>"};
	cbb_library *expat = NULL;
	given_a_host();
	REMOTE_OK(cbb_library_open(remote_host, "expat", &expat));
	parser p = REMOTE(expat, parser(const char *), "XML_ParserCreate")(NULL);
	REMOTE(expat, void(parser, void *), "XML_SetUserData")(p, &n_elements);
	REMOTE(expat, void(parser, void (*)(void *, const char *, const char **)), "XML_SetStartElementHandler")(p, on_start);
	for (int i = 0; i < 2; i++) {
		int length = (int)strlen(pieces[i]);
		void *buffer = REMOTE(expat, void *(parser, int), "XML_GetBuffer")(p, length);
		EXPECT_CALL_OK();
		REMOTE_OK(cbb_write(remote_host, buffer, pieces[i], (size_t)length));
		EXPECT_EQUAL(REMOTE(expat, int(parser, int, int), "XML_ParseBuffer")(p, length, i == 1), 1);
		EXPECT_CALL_OK();
	}
	EXPECT_EQUAL(n_elements, 3);
	REMOTE(expat, void(parser), "XML_ParserFree")(p);
	remote_end();
}

static const struct test tests[] = {
    TEST(what_is_written_is_there_and_is_read_again),
    TEST(memory_that_is_not_there_is_an_error_and_no_crash),
    TEST(more_than_a_message_holds_is_refused_in_words),
    TEST(a_handler_reads_and_writes_it_under_its_call),
    TEST(a_host_that_is_gone_says_so),
    TEST(expat_parses_what_was_written_to_its_own_buffer),
};
HARNESS_MAIN(tests)
