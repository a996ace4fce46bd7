/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "support/harness.h"

#include <limits.h>
#include <poll.h>

static void given_the_clock_when_read_twice_then_it_does_not_go_back(void)
{
	uint64_t before_ns = clock_now_ns();
	poll(NULL, 0, 5);
	uint64_t after_ns = clock_now_ns();
	EXPECT(after_ns >= before_ns + 5000000);
}

static void given_the_coarse_clock_when_read_then_it_is_late_and_follows(void)
{
	uint64_t before_ns = clock_now_ns();
	EXPECT(clock_coarse_ns() <= clock_now_ns());
	while (clock_coarse_ns() <= before_ns && clock_now_ns() < before_ns + 1000000000u)
		poll(NULL, 0, 1);
	EXPECT(clock_coarse_ns() > before_ns);
}

static void given_a_time_out_when_made_a_deadline_then_it_lies_that_far_ahead(void)
{
	uint64_t before_ns = clock_now_ns();
	uint64_t deadline_ns = clock_deadline_ns(1000);
	EXPECT(deadline_ns >= before_ns + 1000000000u);
	EXPECT(deadline_ns <= clock_now_ns() + 1000000000u);
	EXPECT(clock_deadline_ns(0) <= clock_now_ns());
}

static void given_no_end_or_one_beyond_the_clock_when_made_a_deadline_then_it_is_never(void)
{
	EXPECT_EQUAL(clock_deadline_ns(UINT64_MAX), CLOCK_NEVER);
	EXPECT_EQUAL(clock_deadline_ns(UINT64_MAX / 1000000), CLOCK_NEVER);
	EXPECT_EQUAL(clock_deadline_ns(UINT64_MAX / 1000), CLOCK_NEVER);
	uint64_t far_ms = (CLOCK_NEVER - clock_now_ns()) / 1000000 - 1000;
	EXPECT(clock_deadline_ns(far_ms) < CLOCK_NEVER);
	EXPECT(clock_deadline_ns(far_ms) > clock_now_ns());
}

static void given_a_deadline_when_asked_what_is_left_then_it_is_rounded_up(void)
{
	EXPECT_EQUAL(clock_left_ms(CLOCK_NEVER), -1);
	EXPECT_EQUAL(clock_left_ms(0), 0);
	EXPECT_EQUAL(clock_left_ms(clock_now_ns()), 0);
	int left_ms = clock_left_ms(clock_now_ns() + 10000000000u);
	EXPECT(left_ms > 9000 && left_ms <= 10000);
	/* A deadline 1 ns ahead must not become a poll without waiting, again and again. */
	EXPECT_EQUAL(clock_left_ms(clock_now_ns() + 900000), 1);
	EXPECT_EQUAL(clock_left_ms(CLOCK_NEVER - 1), INT_MAX);
}

static const struct test tests[] = {
    TEST(given_the_clock_when_read_twice_then_it_does_not_go_back),
    TEST(given_the_coarse_clock_when_read_then_it_is_late_and_follows),
    TEST(given_a_time_out_when_made_a_deadline_then_it_lies_that_far_ahead),
    TEST(given_no_end_or_one_beyond_the_clock_when_made_a_deadline_then_it_is_never),
    TEST(given_a_deadline_when_asked_what_is_left_then_it_is_rounded_up),
};
HARNESS_MAIN(tests)
