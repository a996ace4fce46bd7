/* SPDX-License-Identifier: MIT */
#include "marshal/arena.h"

#include "support/harness.h"

#include <string.h>

static void given_pieces_when_taken_then_they_are_aligned_and_apart(void)
{
	struct arena arena;
	arena_init(&arena, 1 << 20);
	char *before = NULL;
	for (size_t size = 1; size < 400; size++) {
		char *at = arena_take(&arena, size);
		REQUIRE(at != NULL);
		EXPECT_EQUAL((uintptr_t)at % _Alignof(max_align_t), 0);
		memset(at, (int)size, size);
		if (before)
			EXPECT_EQUAL(before[0], (char)(size - 1));
		before = at;
	}
	arena_free(&arena);
}

static void given_a_limit_when_reached_then_the_next_piece_is_refused(void)
{
	struct arena arena;
	arena_init(&arena, 100 * 64);
	unsigned n = 0;
	while (arena_take(&arena, 48))
		n++;
	EXPECT(n >= 100 && n <= 134);
	EXPECT(arena.taken_bytes <= arena.limit_bytes);
	EXPECT_EQUAL(arena_take(&arena, SIZE_MAX), NULL);
	EXPECT_EQUAL(arena_take(&arena, SIZE_MAX - 8), NULL);
	arena_free(&arena);
	EXPECT_EQUAL(arena.taken_bytes, 0);
}

static void given_exactly_the_limit_when_taken_then_it_fits_and_one_more_does_not(void)
{
#ifndef __SANITIZE_ADDRESS__
	struct arena arena;
	arena_init(&arena, 1 << 20);
	EXPECT(arena_take(&arena, 1 << 20) != NULL);
	EXPECT_EQUAL(arena_take(&arena, 1), NULL);
	arena_free(&arena);
	arena_init(&arena, 1 << 20);
	EXPECT_EQUAL(arena_take(&arena, (1 << 20) + 1), NULL);
	arena_free(&arena);
#else
	SKIP("under ASan pieces have gaps between them");
#endif
}

static void given_nothing_when_taken_then_it_is_not_null(void)
{
	struct arena arena;
	arena_init(&arena, 1 << 20);
	EXPECT(arena_take(&arena, 0) != NULL);
	arena_free(&arena);
}

static void given_nested_marks_when_released_then_memory_is_used_again(void)
{
	struct arena arena;
	arena_init(&arena, 10 << 20);
	char *kept = arena_take(&arena, 100);
	memset(kept, 7, 100);
	struct arena_mark outer = arena_mark(&arena);
	REQUIRE(arena_take(&arena, 5000) != NULL);
	for (int round = 0; round < 1000; round++) {
		struct arena_mark inner = arena_mark(&arena);
		for (int i = 0; i < 50; i++)
			REQUIRE(arena_take(&arena, 3000) != NULL);
		REQUIRE(arena_take(&arena, 1 << 20) != NULL);
		arena_release(&arena, inner);
	}
	arena_release(&arena, outer);
	EXPECT_EQUAL(arena.taken_bytes, outer.taken_bytes);
	EXPECT_EQUAL(kept[99], 7);
	EXPECT(arena_take(&arena, 5000) != NULL);
	arena_free(&arena);
}

static void given_an_empty_mark_when_released_then_the_next_use_allocates_nothing(void)
{
	struct arena arena;
	arena_init(&arena, 1 << 20);
	void *first = arena_take(&arena, 64);
	for (int i = 0; i < 10; i++) {
		struct arena_mark none = {0};
		arena_release(&arena, none);
		EXPECT_EQUAL(arena.taken_bytes, 0);
		EXPECT_EQUAL(arena_take(&arena, 64), first);
	}
	arena_free(&arena);
}

static const struct test tests[] = {
	TEST(given_pieces_when_taken_then_they_are_aligned_and_apart),
	TEST(given_a_limit_when_reached_then_the_next_piece_is_refused),
	TEST(given_exactly_the_limit_when_taken_then_it_fits_and_one_more_does_not),
	TEST(given_nothing_when_taken_then_it_is_not_null),
	TEST(given_nested_marks_when_released_then_memory_is_used_again),
	TEST(given_an_empty_mark_when_released_then_the_next_use_allocates_nothing),
};
HARNESS_MAIN(tests)
