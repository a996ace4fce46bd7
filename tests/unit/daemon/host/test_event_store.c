/* SPDX-License-Identifier: MIT */
/* Events that wait in the host: their order, what is lost among them, and what is counted. */
#include "host/event_store.h"
#include "support/harness.h"

#include <stdio.h>
#include <string.h>

static struct event_store store;
static uint64_t last_sequence;

static struct entry *add_with(struct listener *listener, uint64_t key, size_t size)
{
	static const uint8_t frame[64];
	struct event event = {.listener = listener, .sequence = ++last_sequence, .key = key, .frame = frame, .size = size};
	struct entry *entry = event_store_add(&store, &event);
	REQUIRE(entry != NULL);
	return entry;
}

static struct entry *add(struct listener *listener)
{
	return add_with(listener, 0, 10);
}

/* The numbers of what may leave, oldest first. */
static const char *present(void)
{
	char text[256] = "";
	for (const struct entry *entry = store.entries; entry; entry = entry->next)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u", *text ? " " : "", (unsigned)entry->sequence);
	return harness_format("%s", text);
}

static void expect_loss(const struct loss *loss, uint64_t count, uint64_t first, uint64_t last, Cbb__Loss why)
{
	EXPECT_EQUAL(loss->count, count);
	EXPECT_EQUAL(loss->first, first);
	EXPECT_EQUAL(loss->last, last);
	EXPECT_EQUAL(loss->why, why);
}

static void finish(void)
{
	event_store_free(&store);
	EXPECT(store.entries == NULL);
	EXPECT(store.paused == NULL);
	EXPECT_EQUAL(store.n_events, 0);
}

static void given_two_listeners_when_one_is_paused_then_only_the_others_events_may_leave(void)
{
	struct listener a = {0}, b = {0};
	add(&a), add(&b), add(&a), add(&b);
	event_store_pause(&store, &a);
	event_store_pause(&store, &a);
	EXPECT_STRING(present(), "2 4");
	add(&a), add(&b);
	EXPECT_STRING(present(), "2 4 6");
	EXPECT_EQUAL(store.n_events, 6);
	EXPECT_EQUAL(a.n_entries, 3);
	finish();
}

static void given_a_paused_listener_when_resumed_then_its_events_stand_where_they_came(void)
{
	struct listener a = {0}, b = {0}, c = {.paused = true};
	add(&c), add(&a), add(&b), add(&c), add(&a);
	event_store_pause(&store, &a);
	add(&b), add(&c);
	event_store_resume(&store, &c);
	EXPECT_STRING(present(), "1 3 4 6 7");
	event_store_resume(&store, &a);
	event_store_resume(&store, &a);
	EXPECT_STRING(present(), "1 2 3 4 5 6 7");
	EXPECT(store.paused == NULL);
	finish();
}

static void given_events_when_some_are_lost_then_the_loss_stands_in_front_of_the_next(void)
{
	struct listener a = {0}, b = {0};
	struct entry *first = add(&a);
	add(&b);
	struct entry *second = add(&a), *third = add(&a), *last = add(&a);
	event_store_lose(&store, second, CBB__LOSS__LOSS_REPLACED);
	expect_loss(&third->before, 1, 3, 3, CBB__LOSS__LOSS_REPLACED);
	event_store_lose(&store, third, CBB__LOSS__LOSS_DROPPED);
	expect_loss(&last->before, 2, 3, 4, CBB__LOSS__LOSS_DROPPED);
	EXPECT_STRING(present(), "1 2 5");
	event_store_lose(&store, last, CBB__LOSS__LOSS_REPLACED);
	expect_loss(&a.tail, 3, 3, 5, CBB__LOSS__LOSS_REPLACED);
	event_store_lose(&store, first, CBB__LOSS__LOSS_DROPPED); /* before all of them */
	expect_loss(&a.tail, 4, 1, 5, CBB__LOSS__LOSS_REPLACED);
	EXPECT_EQUAL(b.tail.count, 0);
	EXPECT_EQUAL(store.n_events, 1);
	EXPECT_EQUAL(store.n_bytes, 10);
	finish();
}

static void given_a_loss_behind_all_events_when_another_comes_then_it_stands_in_front_of_that(void)
{
	struct listener a = {0};
	add(&a);
	loss_append(&a.tail, 7, CBB__LOSS__LOSS_REJECTED);
	loss_append(&a.tail, 9, CBB__LOSS__LOSS_RATE);
	struct entry *next = add(&a);
	expect_loss(&next->before, 2, 7, 9, CBB__LOSS__LOSS_RATE);
	EXPECT_EQUAL(a.tail.count, 0);
	finish();
}

static void given_keys_when_asked_for_then_each_finds_its_own_event(void)
{
	struct listener a = {.overflow = CBB__OVERFLOW__OVERFLOW_COALESCE};
	struct entry *entries[100];
	for (uint64_t key = 0; key < 100; key++)
		entries[key] = add_with(&a, key << 32, 10);
	for (uint64_t key = 0; key < 100; key++)
		EXPECT(event_store_by_key(&a, key << 32) == entries[key]);
	EXPECT(event_store_by_key(&a, 1) == NULL);
	event_store_lose(&store, entries[50], CBB__LOSS__LOSS_REPLACED);
	EXPECT(event_store_by_key(&a, 50ull << 32) == NULL);
	finish();
}

static void given_an_entry_that_leaves_when_it_is_done_with_then_it_counts_until_then(void)
{
	struct listener a = {.paused = true};
	struct entry *entry = add_with(&a, 0, 30);
	add_with(&a, 0, 12);
	event_store_remove(&store, entry);
	EXPECT_EQUAL(a.n_entries, 1);
	EXPECT_EQUAL(store.n_events, 2);
	EXPECT_EQUAL(store.n_bytes, 42);
	event_store_uncount(&store, entry->size);
	free(entry);
	EXPECT_EQUAL(store.n_events, 1);
	EXPECT_EQUAL(store.n_bytes, 12);
	finish();
}

static void given_threads_that_do_not_come_in_the_order_of_their_numbers_when_they_lose_then_the_loss_spans_all(void)
{
	struct loss loss = {0}, earlier = {0};
	loss_append(&loss, 6, CBB__LOSS__LOSS_REJECTED);
	loss_append(&loss, 5, CBB__LOSS__LOSS_RATE);
	expect_loss(&loss, 2, 5, 6, CBB__LOSS__LOSS_RATE);
	loss_append(&earlier, 9, CBB__LOSS__LOSS_DROPPED);
	loss_append(&earlier, 4, CBB__LOSS__LOSS_DROPPED);
	loss_prepend(&loss, &earlier);
	expect_loss(&loss, 4, 4, 9, CBB__LOSS__LOSS_RATE);
}

static const struct test tests[] = {
    TEST(given_threads_that_do_not_come_in_the_order_of_their_numbers_when_they_lose_then_the_loss_spans_all),
    TEST(given_two_listeners_when_one_is_paused_then_only_the_others_events_may_leave),
    TEST(given_a_paused_listener_when_resumed_then_its_events_stand_where_they_came),
    TEST(given_events_when_some_are_lost_then_the_loss_stands_in_front_of_the_next),
    TEST(given_a_loss_behind_all_events_when_another_comes_then_it_stands_in_front_of_that),
    TEST(given_keys_when_asked_for_then_each_finds_its_own_event),
    TEST(given_an_entry_that_leaves_when_it_is_done_with_then_it_counts_until_then),
};
HARNESS_MAIN(tests)
