/* SPDX-License-Identifier: MIT */
/* J04: values, order and thread identity of many threads at once. C13: what is kept for threads that have ended. */
#include "support/foreign.h"

#include <dirent.h>

#define THREADS_MAX 64

/* What the handler saw of each native thread. */
static struct seen {
	int next;       /* the number that comes next */
	pid_t native;
	uint64_t sequence;
} seen[THREADS_MAX];
static _Atomic long n_handled;
static int calls_each;

/* A thread of a crew counts its calls from 0; a thread that lives for one call is always another. */
static int sum_in_order(int thread, int number)
{
	const cbb_invocation *invocation = cbb_invocation_current();
	struct seen *one = &seen[thread % THREADS_MAX];
	pid_t native = cbb_invocation_thread(invocation);
	EXPECT_EQUAL(number, one->next);
	EXPECT(cbb_invocation_sequence(invocation) > one->sequence);
	EXPECT(one->next == 0 || native == one->native);
	if (number % 8 == 0) /* a call of the handler runs on that very thread */
		EXPECT_EQUAL(THREADS(int(void), "thread_here")(), native);
	*one = (struct seen){number + 1, native, cbb_invocation_sequence(invocation)};
	n_handled++;
	return SUM_OF(thread, number);
}

static void expect_identities(struct crew *crew, int n_threads)
{
	for (int i = 0; i < n_threads; i++) {
		EXPECT_EQUAL(seen[i].next, calls_each);
		EXPECT_EQUAL(seen[i].native, THREADS(int(struct crew *, int), "crew_thread")(crew, i));
		for (int k = 0; k < i; k++)
			EXPECT(seen[i].native != seen[k].native);
	}
}

static void expect_right(int n_threads, int n_calls, bool in_dispatch)
{
	given_native_threads();
	calls_each = n_calls;
	struct crew *crew = given_sums(sum_in_order, n_threads, n_calls);
	if (in_dispatch)
		EXPECT(dispatch_until(default_queue, &n_handled, (long)n_threads * n_calls));
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), (long)n_threads * n_calls);
	EXPECT_EQUAL(crew_has(crew, CREW_MADE), (long)n_threads * n_calls);
	expect_identities(crew, n_threads);
	free_crew(crew);
	EXPECT_EQUAL(remote_report().wrong_thread_calls, 0);
	remote_end();
}

static void J04_one_thread_of_the_library_calls_back_while_the_program_waits_in_a_call(void)
{
	expect_right(1, 500, false);
}

static void J04_one_thread_of_the_library_calls_back_while_the_program_dispatches(void)
{
	expect_right(1, 500, true);
}

static void J04_8_threads_at_once_while_the_program_waits_in_a_call(void)
{
	expect_right(8, 100, false);
}

static void J04_8_threads_at_once_while_the_program_dispatches(void)
{
	expect_right(8, 100, true);
}

static void J04_64_threads_at_once_while_the_program_waits_in_a_call(void)
{
	expect_right(64, 30, false);
}

static void J04_64_threads_at_once_while_the_program_dispatches(void)
{
	expect_right(64, 30, true);
}

/* ---- Threads that live for one call ---- */

static int sum_of_a_short_life(int thread, int number)
{
	struct seen *one = &seen[thread % THREADS_MAX];
	EXPECT_EQUAL(number, one->next);
	EXPECT_EQUAL(THREADS(int(void), "thread_here")(), cbb_invocation_thread(cbb_invocation_current()));
	one->next++;
	n_handled++;
	return SUM_OF(thread, number);
}

static struct crew *given_short_lives(sum_fn handler, int n_at_once, int n_calls)
{
	struct crew *crew = THREADS(struct crew *(sum_fn, int, int), "crew_short")(handler, n_at_once, n_calls);
	REQUIRE(crew != NULL);
	return crew;
}

static void J04_threads_that_live_for_one_call(void)
{
	given_native_threads();
	struct crew *crew = given_short_lives(sum_of_a_short_life, 8, 30);
	EXPECT(dispatch_until(default_queue, &n_handled, 100)); /* the rest in the call */
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 240);
	free_crew(crew);
	remote_end();
}

/* ---- C13 ---- */

static int entries_of(pid_t pid, const char *folder)
{
	int n = 0;
	DIR *directory = opendir(harness_format("/proc/%d/%s", (int)pid, folder));
	REQUIRE(directory != NULL);
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
		n += entry->d_name[0] != '.';
	closedir(directory);
	return n;
}

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static void run_short_lives(int n_at_once, int n_calls)
{
	struct crew *crew = given_short_lives(sum, n_at_once, n_calls);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), (long)n_at_once * n_calls);
	free_crew(crew);
}

/* A thread that was joined may stay visible for a moment. */
static bool host_has_as_few_threads(void *n)
{
	return entries_of(cbb_host_pid(remote_host), "task") <= *(int *)n;
}

static void C13_when_native_threads_end_what_was_kept_for_them_is_freed_or_used_again(void)
{
	given_native_threads();
	pid_t host = cbb_host_pid(remote_host);
	int host_threads = entries_of(host, "task"), own_threads = entries_of(getpid(), "task");
	run_short_lives(4, 5);
	int host_fds = entries_of(host, "fd"), own_fds = entries_of(getpid(), "fd");
	run_short_lives(4, 100);
	/* Four at once: four lanes, which pass from thread to thread. One more may be on its way when a thread ends. */
	EXPECT(entries_of(host, "fd") <= host_fds + 4);
	EXPECT(entries_of(getpid(), "fd") <= own_fds + 4);
	EXPECT(harness_wait_until(host_has_as_few_threads, &host_threads, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(entries_of(getpid(), "task"), own_threads);
	remote_end();
}

static void C13_nor_does_memory_stay_for_them(void)
{
	long bound = harness_slow() > 1 ? 64l << 20 : 1l << 20;
	int n_each = harness_slow() > 1 ? 50 : 1000;
	given_native_threads();
	run_short_lives(4, n_each);
	long before = THREADS(long(void), "resident_bytes")();
	run_short_lives(4, n_each);
	long grown = THREADS(long(void), "resident_bytes")() - before;
	printf("     the host grew by %ld KiB with %d threads\n", grown >> 10, 4 * n_each);
	EXPECT(grown < bound);
	remote_end();
}

static const struct test tests[] = {
	TEST(J04_one_thread_of_the_library_calls_back_while_the_program_waits_in_a_call),
	TEST(J04_one_thread_of_the_library_calls_back_while_the_program_dispatches),
	TEST(J04_8_threads_at_once_while_the_program_waits_in_a_call),
	TEST(J04_8_threads_at_once_while_the_program_dispatches),
	TEST(J04_64_threads_at_once_while_the_program_waits_in_a_call),
	TEST(J04_64_threads_at_once_while_the_program_dispatches),
	TEST(J04_threads_that_live_for_one_call),
	TEST(C13_when_native_threads_end_what_was_kept_for_them_is_freed_or_used_again),
	TEST_TIMEOUT(C13_nor_does_memory_stay_for_them, 120),
};
HARNESS_MAIN(tests)
