/* SPDX-License-Identifier: MIT */
#include "host/interpose.h"
#include "host/thread.h"
#include "support/harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

static pid_t thread_id(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static bool has_alternate_stack(void)
{
	stack_t present;
	return sigaltstack(NULL, &present) == 0 && !(present.ss_flags & SS_DISABLE) &&
	       present.ss_size >= (size_t)sysconf(_SC_SIGSTKSZ) + (32u << 10);
}

/* ---- Entering and leaving ---- */

static void given_a_thread_that_never_entered_when_asked_then_it_has_no_record(void)
{
	EXPECT(host_thread_current() == NULL);
	host_thread_leave();
	EXPECT(host_thread_current() == NULL);
}

static void given_a_thread_when_it_enters_then_it_has_its_name_number_and_stack(void)
{
	EXPECT_EQUAL(host_thread_enter("a name that is too long"), 0);
	struct host_thread *self = host_thread_current();
	REQUIRE(self != NULL);
	EXPECT_EQUAL(self->id, thread_id());
	EXPECT_STRING(self->name, "a name that is ");
	EXPECT(self->function == NULL);
	EXPECT(has_alternate_stack());
	host_thread_leave();
	EXPECT(host_thread_current() == NULL);
}

static void given_a_thread_when_it_enters_twice_then_only_its_name_changes(void)
{
	host_thread_enter("first");
	void *stack = host_thread_current()->alternate_stack;
	EXPECT_EQUAL(host_thread_enter("second"), 0);
	EXPECT(host_thread_current()->alternate_stack == stack);
	EXPECT_STRING(host_thread_current()->name, "second");
	host_thread_leave();
}

static void given_a_thread_with_a_stack_of_its_own_when_it_leaves_then_it_has_that_again(void)
{
	static char own[65536];
	stack_t before, after, mine = {.ss_sp = own, .ss_size = sizeof own};
	sigaltstack(NULL, &before);
	REQUIRE_EQUAL(sigaltstack(&mine, NULL), 0);
	host_thread_enter("name");
	host_thread_leave();
	REQUIRE_EQUAL(sigaltstack(NULL, &after), 0);
	EXPECT(after.ss_sp == own);
	sigaltstack(&before, NULL);
}

static void given_a_library_that_replaces_the_stack_when_the_thread_leaves_then_its_stack_stays(void)
{
	static char own[65536];
	stack_t before, after, mine = {.ss_sp = own, .ss_size = sizeof own};
	sigaltstack(NULL, &before);
	host_thread_enter("name");
	REQUIRE_EQUAL(sigaltstack(&mine, NULL), 0);
	host_thread_leave();
	REQUIRE_EQUAL(sigaltstack(NULL, &after), 0);
	EXPECT(after.ss_sp == own);
	sigaltstack(&before, NULL);
}

/* ---- Threads of a library ---- */

struct seen {
	struct host_thread record;
	bool entered, has_stack;
	sigset_t mask;
};

static void *look(void *context)
{
	struct seen *seen = context;
	struct host_thread *self = host_thread_current();
	seen->entered = self != NULL;
	if (self)
		seen->record = *self;
	seen->has_stack = has_alternate_stack();
	return context;
}

static int look_c11(void *context)
{
	look(context);
	return 42;
}

static void given_pthread_create_when_a_thread_starts_then_it_has_record_and_stack_and_its_result_arrives(void)
{
	struct seen seen = {0};
	pthread_t thread;
	void *result = NULL;
	interpose_install();
	REQUIRE_EQUAL(pthread_create(&thread, NULL, look, &seen), 0);
	pthread_join(thread, &result);
	EXPECT(result == &seen);
	EXPECT(seen.entered);
	EXPECT(seen.has_stack);
	EXPECT(seen.record.id != 0 && seen.record.id != thread_id());
	EXPECT(strlen(seen.record.name) > 0);
}

static void given_thrd_create_when_a_thread_starts_then_it_has_record_and_stack_and_its_result_arrives(void)
{
	struct seen seen = {0};
	thrd_t thread;
	int result = 0;
#if defined(__SANITIZE_THREAD__)
	SKIP("ThreadSanitizer does not know thrd_join");
#endif
	REQUIRE_EQUAL(thrd_create(&thread, look_c11, &seen), thrd_success);
	EXPECT_EQUAL(thrd_join(thread, &result), thrd_success);
	EXPECT_EQUAL(result, 42);
	EXPECT(seen.entered);
	EXPECT(seen.has_stack);
}

static void *exit_thread(void *context)
{
	pthread_exit(context);
}

static void *wait_to_be_cancelled(void *context)
{
	for (;;)
		pause();
	return context;
}

static pthread_key_t late_key;
static _Atomic int had_stack_in_destructor;

static void destroy_late(void *context)
{
	(void)context;
	had_stack_in_destructor = has_alternate_stack();
}

static void *set_late_key(void *context)
{
	pthread_setspecific(late_key, context);
	return NULL;
}

static void given_a_key_destructor_of_a_library_when_it_runs_then_the_stack_is_still_there(void)
{
	pthread_t thread;
	interpose_install();
	REQUIRE_EQUAL(pthread_key_create(&late_key, destroy_late), 0);
	REQUIRE_EQUAL(pthread_create(&thread, NULL, set_late_key, &late_key), 0);
	pthread_join(thread, NULL);
	EXPECT(had_stack_in_destructor);
}

static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int n = 0;
	for (int c; (c = getc(maps)) != EOF;)
		n += c == '\n';
	fclose(maps);
	return n;
}

static void run_thread(void *(*function)(void *), bool cancel)
{
	pthread_t thread;
	REQUIRE_EQUAL(pthread_create(&thread, NULL, function, &late_key), 0);
	if (cancel)
		pthread_cancel(thread);
	pthread_join(thread, NULL);
}

static void given_threads_when_they_end_in_any_way_then_their_stacks_are_freed(void)
{
	struct seen seen;
	if (harness_slow() > 1)
		SKIP("sanitizers keep mappings of their own for each thread");
	interpose_install();
	run_thread(exit_thread, false);
	run_thread(wait_to_be_cancelled, true);
	int before = count_mappings();
	for (int i = 0; i < 100; i++) {
		pthread_t thread;
		REQUIRE_EQUAL(pthread_create(&thread, NULL, look, &seen), 0);
		pthread_join(thread, NULL);
		run_thread(exit_thread, false);
		run_thread(wait_to_be_cancelled, true);
	}
	EXPECT(count_mappings() < before + 20);
}

/* ---- Signal masks ---- */

static void given_a_mask_of_everything_when_set_then_faults_stay_unblocked(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	sigset_t all, now;
	sigfillset(&all);
	interpose_install();
	for (int how = 0; how < 2; how++) {
		EXPECT_EQUAL(how ? sigprocmask(SIG_BLOCK, &all, NULL) : pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
		pthread_sigmask(SIG_SETMASK, NULL, &now);
		for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
			EXPECT(!sigismember(&now, faults[i]));
		EXPECT(sigismember(&now, SIGUSR1));
		EXPECT(sigismember(&now, SIGABRT));
		EXPECT_EQUAL(sigprocmask(SIG_UNBLOCK, &all, NULL), 0);
		pthread_sigmask(SIG_SETMASK, NULL, &now);
		EXPECT(!sigismember(&now, SIGUSR1));
	}
}

static void *block_and_look(void *context)
{
	struct seen *seen = context;
	host_thread_block_signals();
	pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
	return NULL;
}

static void given_a_thread_of_ours_when_it_blocks_signals_then_abort_and_faults_are_not_among_them(void)
{
	struct seen seen;
	pthread_t thread;
	REQUIRE_EQUAL(pthread_create(&thread, NULL, block_and_look, &seen), 0);
	pthread_join(thread, NULL);
	EXPECT(sigismember(&seen.mask, SIGTERM));
	EXPECT(sigismember(&seen.mask, SIGPIPE));
	EXPECT(!sigismember(&seen.mask, SIGABRT));
	EXPECT(!sigismember(&seen.mask, SIGSEGV));
}

static const struct test tests[] = {
    TEST(given_a_thread_that_never_entered_when_asked_then_it_has_no_record),
    TEST(given_a_thread_when_it_enters_then_it_has_its_name_number_and_stack),
    TEST(given_a_thread_when_it_enters_twice_then_only_its_name_changes),
    TEST(given_a_thread_with_a_stack_of_its_own_when_it_leaves_then_it_has_that_again),
    TEST(given_a_library_that_replaces_the_stack_when_the_thread_leaves_then_its_stack_stays),
    TEST(given_pthread_create_when_a_thread_starts_then_it_has_record_and_stack_and_its_result_arrives),
    TEST(given_thrd_create_when_a_thread_starts_then_it_has_record_and_stack_and_its_result_arrives),
    TEST(given_a_key_destructor_of_a_library_when_it_runs_then_the_stack_is_still_there),
    TEST(given_threads_when_they_end_in_any_way_then_their_stacks_are_freed),
    TEST(given_a_mask_of_everything_when_set_then_faults_stay_unblocked),
    TEST(given_a_thread_of_ours_when_it_blocks_signals_then_abort_and_faults_are_not_among_them),
};
HARNESS_MAIN(tests)
