/* SPDX-License-Identifier: MIT */
#include "host/host.h"
#include "host/telemetry.h"
#include "support/harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct telemetry_page *open_page(void)
{
	struct telemetry_page *page;
	int fd = page_create();
	REQUIRE(fd >= 0);
	REQUIRE_EQUAL(page_map(fd, true, &page), 0);
	close(fd);
	telemetry_open(page);
	return page;
}

static void given_no_page_when_everything_is_used_then_it_goes_nowhere(void)
{
	telemetry_open(NULL);
	EXPECT_EQUAL(telemetry_name("name"), 0);
	telemetry_library_loaded("/lib/libexample.so");
	telemetry_notice("notice %d", 1);
	telemetry_late_call();
	telemetry_callback_opened();
	telemetry_callback_closed();
	struct page_lane *cell = telemetry_lane_claim(1, "thread");
	REQUIRE(cell != NULL);
	cell->calls = 3;
	telemetry_lane_release(cell);
}

static void given_a_page_when_opened_then_it_says_what_it_is(void)
{
	struct telemetry_page *page = open_page();
	EXPECT_EQUAL(page->magic, PAGE_MAGIC);
	EXPECT_EQUAL(page->size_bytes, sizeof *page);
	page_unmap(page);
}

static void given_names_when_added_then_each_is_found_at_its_offset(void)
{
	struct telemetry_page *page = open_page();
	char name[PAGE_TEXT_BYTES];
	uint32_t first = telemetry_name("XML_Parse"), second = telemetry_name("qsort");
	EXPECT_STRING(page_name(page, first, name), "XML_Parse");
	EXPECT_STRING(page_name(page, second, name), "qsort");
	EXPECT_STRING(page_name(page, 0, name), "");
	page_unmap(page);
}

static void given_room_for_one_more_name_when_two_are_added_then_the_second_is_not_shown(void)
{
	struct telemetry_page *page = open_page();
	char *filler = malloc(PAGE_NAMES_BYTES);
	memset(filler, 'f', PAGE_NAMES_BYTES);
	filler[PAGE_NAMES_BYTES - 1 - 5 - 1] = '\0'; /* "" , this and "last" are all there is room for */
	EXPECT_EQUAL(telemetry_name(filler), 1);
	EXPECT_EQUAL(telemetry_name("tooth"), 0);
	uint32_t last = telemetry_name("last");
	EXPECT_EQUAL(last, PAGE_NAMES_BYTES - 5);
	EXPECT_EQUAL(page->names[PAGE_NAMES_BYTES - 1], '\0');
	EXPECT_EQUAL(telemetry_name(""), 0);
	free(filler);
	page_unmap(page);
}

static void given_more_libraries_than_the_page_holds_when_loaded_then_the_first_are_shown(void)
{
	struct telemetry_page *page = open_page();
	char path[64], shown[PAGE_TEXT_BYTES];
	for (int i = 0; i < PAGE_LIBRARIES_MAX + 1; i++) {
		snprintf(path, sizeof path, "/lib/lib%d.so", i);
		telemetry_library_loaded(path);
	}
	EXPECT_EQUAL(page_n_libraries(page), PAGE_LIBRARIES_MAX);
	EXPECT_STRING(page_library(page, 0, shown), "/lib/lib0.so");
	EXPECT_STRING(page_library(page, PAGE_LIBRARIES_MAX - 1, shown), "/lib/lib63.so");
	page_unmap(page);
}

/* ---- Lanes ---- */

static void given_a_lane_when_it_works_then_it_is_shown_and_counts_after_its_end(void)
{
	struct telemetry_page *page = open_page();
	struct page_lane_view view;
	struct page_lane *cell = telemetry_lane_claim(77, "worker");
	cell->calls = 5;
	cell->callbacks = 6;
	cell->depth = 2;
	cell->function = telemetry_name("XML_Parse");
	REQUIRE(page_lane(page, 0, &view));
	EXPECT_EQUAL(view.thread, 77);
	EXPECT_EQUAL(view.depth, 2);
	EXPECT_STRING(view.thread_name, "worker");
	EXPECT_STRING(view.function, "XML_Parse");
	EXPECT_STRING(view.callback, "");
	EXPECT_EQUAL(page_calls(page), 5);
	telemetry_lane_release(cell);
	EXPECT(!page_lane(page, 0, &view));
	EXPECT_EQUAL(page_calls(page), 5);
	EXPECT_EQUAL(page_callbacks(page), 6);
	EXPECT(telemetry_lane_claim(78, "next") == cell);
	EXPECT_EQUAL(cell->function, 0);
	EXPECT_EQUAL(page_calls(page), 5);
	page_unmap(page);
}

static void given_a_lane_when_another_thread_takes_it_then_that_is_shown_and_the_counters_stay(void)
{
	struct telemetry_page *page = open_page();
	struct page_lane_view view;
	struct page_lane *cell = telemetry_lane_claim(77, "in reserve");
	cell->callbacks = 6;
	telemetry_lane_name(cell, 78, "worker");
	REQUIRE(page_lane(page, 0, &view));
	EXPECT_EQUAL(view.thread, 78);
	EXPECT_STRING(view.thread_name, "worker");
	EXPECT_EQUAL(page_callbacks(page), 6);
	telemetry_lane_release(cell);
	EXPECT(!page_lane(page, 0, &view));
	page_unmap(page);
}

static void given_more_lanes_than_the_page_shows_when_they_end_then_they_are_counted_too(void)
{
	struct telemetry_page *page = open_page();
	static struct page_lane *cells[PAGE_LANES_MAX + 3];
	enum { N = sizeof cells / sizeof *cells };
	for (int i = 0; i < N; i++) {
		cells[i] = telemetry_lane_claim(i + 1, "lane");
		REQUIRE(cells[i] != NULL);
		cells[i]->calls = 1;
	}
	EXPECT_EQUAL(page_calls(page), PAGE_LANES_MAX);
	for (int i = 0; i < N; i++)
		telemetry_lane_release(cells[i]);
	EXPECT_EQUAL(page_calls(page), N);
	page_unmap(page);
}

static void *claim_and_release(void *context)
{
	for (int i = 0; i < 1000; i++) {
		struct page_lane *cell = telemetry_lane_claim(1 + i, "lane");
		atomic_fetch_add(&cell->calls, 1);
		telemetry_lane_release(cell);
		telemetry_name("n");
	}
	return context;
}

static void given_many_threads_when_they_claim_and_release_then_nothing_is_lost(void)
{
	struct telemetry_page *page = open_page();
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		REQUIRE_EQUAL(pthread_create(&threads[i], NULL, claim_and_release, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQUAL(page_calls(page), 4000);
	EXPECT_EQUAL(atomic_load(&page->names_used), 1 + 4000 * 2);
	page_unmap(page);
}

/* ---- Notices and counters ---- */

static void given_notices_when_more_than_the_page_keeps_then_the_last_are_read_in_order(void)
{
	struct telemetry_page *page = open_page();
	static char texts[PAGE_NOTICES_MAX][PAGE_NOTICE_BYTES];
	EXPECT_EQUAL(page_notices(page, texts), 0);
	telemetry_notice("notice %d", 1);
	EXPECT_EQUAL(page_notices(page, texts), 1);
	EXPECT_STRING(texts[0], "notice 1");
	for (int i = 2; i <= 40; i++)
		telemetry_notice("notice %d", i);
	EXPECT_EQUAL(page_notices(page, texts), PAGE_NOTICES_MAX);
	EXPECT_STRING(texts[0], "notice 25");
	EXPECT_STRING(texts[15], "notice 40");
	page_unmap(page);
}

static void given_a_notice_that_is_too_long_when_written_then_it_is_cut(void)
{
	struct telemetry_page *page = open_page();
	char text[PAGE_NOTICE_BYTES];
	telemetry_notice("%0*d", 2 * PAGE_NOTICE_BYTES, 7);
	REQUIRE(page_notice(page, 1, text));
	EXPECT_EQUAL(strlen(text), PAGE_NOTICE_BYTES - 1);
	page_unmap(page);
}

static void *write_notices(void *context)
{
	char letter = *(char *)context, text[200];
	memset(text, letter, sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < 5000; i++)
		telemetry_notice("%s", text);
	return NULL;
}

/* All of one letter: not a mixture of two notices. */
static void expect_whole(const char *text)
{
	size_t n = strlen(text);
	EXPECT_EQUAL(n, 199);
	for (size_t i = 1; i < n; i++)
		if (text[i] != text[0]) {
			FAIL("a mixture: %s", text);
			return;
		}
}

static void given_four_writers_when_notices_are_read_meanwhile_then_each_is_whole(void)
{
	struct telemetry_page *page = open_page();
	char letters[] = "abcd";
	pthread_t threads[4];
	static char texts[PAGE_NOTICES_MAX][PAGE_NOTICE_BYTES];
	for (int i = 0; i < 4; i++)
		REQUIRE_EQUAL(pthread_create(&threads[i], NULL, write_notices, &letters[i]), 0);
	while (atomic_load(&page->n_notices) < 20000) {
		unsigned n = page_notices(page, texts);
		for (unsigned i = 0; i < n; i++)
			expect_whole(texts[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQUAL(page_notices(page, texts), PAGE_NOTICES_MAX);
	page_unmap(page);
}

static void given_counters_when_counted_then_each_is_its_own(void)
{
	struct telemetry_page *page = open_page();
	telemetry_late_call();
	for (int i = 0; i < 2; i++)
		telemetry_wrong_thread_call();
	for (int i = 0; i < 3; i++)
		telemetry_late_answer();
	for (int i = 0; i < 4; i++)
		telemetry_late_result();
	for (int i = 0; i < 7; i++)
		telemetry_callback_opened();
	for (int i = 0; i < 2; i++)
		telemetry_callback_closed();
	for (int i = 0; i < 8; i++)
		telemetry_event();
	for (int i = 0; i < 3; i++)
		telemetry_lost_events(3);
	EXPECT_EQUAL(page->events, 8);
	EXPECT_EQUAL(page->lost_events, 9);
	EXPECT_EQUAL(page->late_calls, 1);
	EXPECT_EQUAL(page->wrong_thread_calls, 2);
	EXPECT_EQUAL(page->late_answers, 3);
	EXPECT_EQUAL(page->late_results, 4);
	EXPECT_EQUAL(page->open_callbacks, 5);
	EXPECT_EQUAL(page->closed_callbacks, 2);
	page_unmap(page);
}

static void given_a_forked_child_when_it_writes_then_the_page_stays_as_it_is(void)
{
	struct telemetry_page *page = open_page();
	atomic_store(&host_forked_child, true);
	telemetry_late_call();
	telemetry_notice("not ours");
	EXPECT_EQUAL(telemetry_name("name"), 0);
	atomic_store(&host_forked_child, false);
	EXPECT_EQUAL(page->late_calls, 0);
	EXPECT_EQUAL(page->n_notices, 0);
	page_unmap(page);
}

static const struct test tests[] = {
    TEST(given_no_page_when_everything_is_used_then_it_goes_nowhere),
    TEST(given_a_page_when_opened_then_it_says_what_it_is),
    TEST(given_names_when_added_then_each_is_found_at_its_offset),
    TEST(given_room_for_one_more_name_when_two_are_added_then_the_second_is_not_shown),
    TEST(given_more_libraries_than_the_page_holds_when_loaded_then_the_first_are_shown),
    TEST(given_a_lane_when_it_works_then_it_is_shown_and_counts_after_its_end),
    TEST(given_a_lane_when_another_thread_takes_it_then_that_is_shown_and_the_counters_stay),
    TEST(given_more_lanes_than_the_page_shows_when_they_end_then_they_are_counted_too),
    TEST(given_many_threads_when_they_claim_and_release_then_nothing_is_lost),
    TEST(given_notices_when_more_than_the_page_keeps_then_the_last_are_read_in_order),
    TEST(given_a_notice_that_is_too_long_when_written_then_it_is_cut),
    TEST(given_four_writers_when_notices_are_read_meanwhile_then_each_is_whole),
    TEST(given_counters_when_counted_then_each_is_its_own),
    TEST(given_a_forked_child_when_it_writes_then_the_page_stays_as_it_is),
};
HARNESS_MAIN(tests)
