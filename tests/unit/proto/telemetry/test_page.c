/* SPDX-License-Identifier: MIT */
#include "support/harness.h"
#include "telemetry/page.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A page of garbage that ends where memory ends: reading a byte beyond it is a crash. */
static struct telemetry_page *garbage_page(uint64_t seed)
{
	size_t unit = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (sizeof(struct telemetry_page) + unit - 1) / unit * unit;
	char *memory = mmap(NULL, size + unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(memory != MAP_FAILED);
	REQUIRE_EQUAL(mprotect(memory + size, unit, PROT_NONE), 0);
	uint8_t *page = (uint8_t *)memory + size - sizeof(struct telemetry_page);
	uint64_t state = harness_seed(seed);
	for (size_t i = 0; i < sizeof(struct telemetry_page); i++)
		page[i] = (uint8_t)(seed == 0 ? 0xff : harness_random(&state) >> 32);
	return (struct telemetry_page *)page;
}

static void free_garbage(struct telemetry_page *page)
{
	size_t unit = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t)page / unit * unit;
	munmap((void *)begin, (uintptr_t)(page + 1) - begin + unit);
}

static void expect_printable(const char *text, size_t size)
{
	size_t n = strnlen(text, size);
	EXPECT(n < size);
	for (size_t i = 0; i < n; i++)
		EXPECT((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

static void read_everything(const struct telemetry_page *page)
{
	static char notices[PAGE_NOTICES_MAX][PAGE_NOTICE_BYTES];
	static const uint32_t offsets[] = {0, 1, PAGE_NAMES_BYTES - 1, PAGE_NAMES_BYTES, PAGE_NAMES_BYTES + 1, UINT32_MAX};
	char text[PAGE_TEXT_BYTES];
	struct page_lane_view lane;
	struct page_death death;
	unsigned n = page_notices(page, notices);
	EXPECT(n <= PAGE_NOTICES_MAX);
	for (unsigned i = 0; i < n; i++)
		expect_printable(notices[i], sizeof notices[i]);
	EXPECT(page_n_libraries(page) <= PAGE_LIBRARIES_MAX);
	for (unsigned i = 0; i < page_n_libraries(page); i++)
		expect_printable(page_library(page, i, text), sizeof text);
	for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++)
		expect_printable(page_name(page, offsets[i], text), sizeof text);
	for (unsigned i = 0; i < PAGE_LANES_MAX; i++)
		if (page_lane(page, i, &lane)) {
			expect_printable(lane.thread_name, sizeof lane.thread_name);
			expect_printable(lane.function, sizeof lane.function);
			expect_printable(lane.callback, sizeof lane.callback);
		}
	if (page_death(page, &death)) {
		expect_printable(death.thread_name, sizeof death.thread_name);
		expect_printable(death.library, sizeof death.library);
		expect_printable(death.module, sizeof death.module);
		expect_printable(death.function, sizeof death.function);
		expect_printable(death.callback, sizeof death.callback);
	}
	page_calls(page);
	page_callbacks(page);
}

static void given_garbage_when_everything_is_read_then_nothing_beyond_the_page_is(void)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct telemetry_page *page = garbage_page(seed);
		page->names[PAGE_NAMES_BYTES - 1] = 'x';
		page->lanes[0].function = PAGE_NAMES_BYTES - 1;
		read_everything(page);
		free_garbage(page);
	}
}

static void given_a_last_name_without_end_when_read_then_it_ends_with_the_page(void)
{
	struct telemetry_page *page = garbage_page(0);
	char text[PAGE_TEXT_BYTES];
	memset(page->names, 'n', sizeof page->names);
	EXPECT_STRING(page_name(page, PAGE_NAMES_BYTES - 3, text), "nnn");
	EXPECT_EQUAL(strlen(page_name(page, 5, text)), PAGE_TEXT_BYTES - 1);
	EXPECT_STRING(page_name(page, 0, text), "");
	EXPECT_STRING(page_name(page, PAGE_NAMES_BYTES, text), "");
	free_garbage(page);
}

static void given_text_with_control_characters_when_read_then_they_are_question_marks(void)
{
	char text[16];
	EXPECT_STRING(page_text("a\033[2J\nb\x7f\xc3\xa9", 10, text, sizeof text), "a?[2J?b?\xc3\xa9");
	EXPECT_STRING(page_text("\xc2\x9b" "2J\xc2\xb5", 6, text, sizeof text), "\xc2?2J\xc2\xb5");
	EXPECT_STRING(page_text("abcdef", 3, text, sizeof text), "abc");
	EXPECT_STRING(page_text("abcdef", 7, text, 4), "abc");
	EXPECT_STRING(page_text("abcdef", 0, text, sizeof text), "");
}

static void given_a_field_when_text_is_set_then_it_is_cut_and_terminated(void)
{
	char field[4] = "xxx";
	page_set_text(field, sizeof field, "abcdef");
	EXPECT_STRING(field, "abc");
	page_set_text(field, sizeof field, NULL);
	EXPECT_STRING(field, "");
}

/* ---- Notices ---- */

static void given_a_notice_that_is_being_written_when_read_then_it_is_left_out(void)
{
	static struct telemetry_page page;
	static char texts[PAGE_NOTICES_MAX][PAGE_NOTICE_BYTES];
	strcpy(page.notices[1].text, "one");
	strcpy(page.notices[2].text, "two");
	page.notices[1].number = 1;
	page.n_notices = 2;
	EXPECT(!page_notice(&page, 2, texts[0]));
	EXPECT(!page_notice(&page, 0, texts[0]));
	EXPECT(!page_notice(&page, 17, texts[0]));
	EXPECT_EQUAL(page_notices(&page, texts), 1);
	EXPECT_STRING(texts[0], "one");
	page.notices[2].number = 2;
	EXPECT_EQUAL(page_notices(&page, texts), 2);
	EXPECT_STRING(texts[1], "two");
}

static void given_the_largest_notice_number_when_read_then_the_walk_ends(void)
{
	static struct telemetry_page page;
	static char texts[PAGE_NOTICES_MAX][PAGE_NOTICE_BYTES];
	page.n_notices = UINT64_MAX;
	EXPECT_EQUAL(page_notices(&page, texts), 0);
	page.notices[UINT64_MAX % PAGE_NOTICES_MAX].number = UINT64_MAX;
	EXPECT_EQUAL(page_notices(&page, texts), 1);
}

/* ---- Lanes and death ---- */

static void given_free_cells_and_indices_beyond_the_end_when_read_then_there_is_no_lane(void)
{
	static struct telemetry_page page;
	struct page_lane_view view;
	EXPECT(!page_lane(&page, 0, &view));
	EXPECT(!page_lane(&page, PAGE_LANES_MAX, &view));
	EXPECT(!page_lane(&page, UINT32_MAX, &view));
	page.lanes[PAGE_LANES_MAX - 1].thread = 9;
	EXPECT(page_lane(&page, PAGE_LANES_MAX - 1, &view));
}

static void given_a_death_record_when_read_then_unfinished_ones_are_given_as_such(void)
{
	static struct telemetry_page page;
	struct page_death death = {.signal = 99};
	EXPECT(!page_death(&page, &death));
	EXPECT_EQUAL(death.signal, 99);
	page.death.state = 1;
	page.death.signal = 11;
	EXPECT(page_death(&page, &death));
	EXPECT_EQUAL(death.state, 1);
	EXPECT_EQUAL(death.signal, 11);
}

/* ---- The shared memory ---- */

static void given_a_page_when_created_then_it_can_neither_shrink_nor_grow(void)
{
	int fd = page_create();
	REQUIRE(fd >= 0);
	EXPECT(ftruncate(fd, 0) < 0);
	EXPECT(ftruncate(fd, 1 << 24) < 0);
	EXPECT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
	EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void given_two_mappings_when_one_writes_then_the_other_reads_it(void)
{
	struct telemetry_page *writer, *reader;
	int fd = page_create();
	REQUIRE_EQUAL(page_map(fd, true, &writer), 0);
	REQUIRE_EQUAL(page_map(fd, false, &reader), 0);
	close(fd);
	EXPECT_EQUAL(page_calls(reader), 0);
	writer->calls = 5;
	EXPECT_EQUAL(page_calls(reader), 5);
	page_unmap(writer);
	page_unmap(reader);
	page_unmap(NULL);
}

static void given_a_file_of_another_size_when_mapped_then_it_is_refused(void)
{
	struct telemetry_page *page = NULL;
	int fd = memfd_create("short", MFD_CLOEXEC), pipes[2];
	REQUIRE_EQUAL(ftruncate(fd, sizeof *page - 1), 0);
	EXPECT_EQUAL(page_map(fd, true, &page), -EBADMSG);
	REQUIRE_EQUAL(ftruncate(fd, sizeof *page + 1), 0);
	EXPECT_EQUAL(page_map(fd, true, &page), -EBADMSG);
	close(fd);
	REQUIRE_EQUAL(pipe2(pipes, O_CLOEXEC), 0);
	EXPECT_EQUAL(page_map(pipes[0], true, &page), -EBADMSG);
	EXPECT_EQUAL(page_map(-1, true, &page), -EBADF);
	EXPECT(page == NULL);
	close(pipes[0]);
	close(pipes[1]);
}

static const struct test tests[] = {
    TEST(given_garbage_when_everything_is_read_then_nothing_beyond_the_page_is),
    TEST(given_a_last_name_without_end_when_read_then_it_ends_with_the_page),
    TEST(given_text_with_control_characters_when_read_then_they_are_question_marks),
    TEST(given_a_field_when_text_is_set_then_it_is_cut_and_terminated),
    TEST(given_a_notice_that_is_being_written_when_read_then_it_is_left_out),
    TEST(given_the_largest_notice_number_when_read_then_the_walk_ends),
    TEST(given_free_cells_and_indices_beyond_the_end_when_read_then_there_is_no_lane),
    TEST(given_a_death_record_when_read_then_unfinished_ones_are_given_as_such),
    TEST(given_a_page_when_created_then_it_can_neither_shrink_nor_grow),
    TEST(given_two_mappings_when_one_writes_then_the_other_reads_it),
    TEST(given_a_file_of_another_size_when_mapped_then_it_is_refused),
};
HARNESS_MAIN(tests)
