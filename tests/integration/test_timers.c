/* SPDX-License-Identifier: MIT */
/*
 * glibc's timers with SIGEV_THREAD through libc's interface: each tick comes on a thread that lives for that one call.
 */
#include "support/remote.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#define LIBC(name) REMOTE(library, name, #name)
#define TICKS 5

static cbb_library *library;
static int n_ticks;
static pid_t last_thread;

static void on_tick(union sigval value)
{
	EXPECT(value.sival_ptr == &n_ticks);
	last_thread = cbb_invocation_thread(cbb_invocation_current());
	if (++n_ticks == TICKS)
		cbb_queue_stop(cbb_queue_default(remote_client));
}

static void given_a_timer_when_it_ticks_then_the_handler_gets_its_own_pointer(void)
{
	timer_t timer = NULL;
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_tick, .sigev_value.sival_ptr = &n_ticks};
	struct itimerspec every = {.it_interval.tv_nsec = 2000000, .it_value.tv_nsec = 2000000}, left = {0};
#if defined(__SANITIZE_THREAD__)
	SKIP("glibc makes these threads by itself, and ThreadSanitizer does not know them");
#endif
	given_a_host();
	REMOTE_OK(cbb_library_open(remote_host, "libc", &library));
	EXPECT_EQUAL(LIBC(timer_create)(CLOCK_MONOTONIC, &event, &timer), 0);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(LIBC(timer_settime)(timer, 0, &every, NULL), 0);
	while (n_ticks < TICKS)
		REMOTE_OK(cbb_queue_dispatch(cbb_queue_default(remote_client), 10000, 0));
	EXPECT(last_thread != getpid() && last_thread != cbb_host_pid(remote_host));
	EXPECT_EQUAL(LIBC(timer_gettime)(timer, &left), 0);
	EXPECT_EQUAL(left.it_interval.tv_nsec, 2000000);
	EXPECT_EQUAL(LIBC(timer_delete)(timer), 0);
	EXPECT_CALL_OK();
	remote_end();
}

static void given_no_such_clock_when_a_timer_is_made_then_errno_says_so(void)
{
	timer_t timer = NULL;
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	given_a_host();
	REMOTE_OK(cbb_library_open(remote_host, "libc", &library));
	EXPECT_EQUAL(LIBC(timer_create)(12345, &event, &timer), -1);
	EXPECT_EQUAL(errno, EINVAL);
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
	TEST(given_a_timer_when_it_ticks_then_the_handler_gets_its_own_pointer),
	TEST(given_no_such_clock_when_a_timer_is_made_then_errno_says_so),
};
HARNESS_MAIN(tests)
