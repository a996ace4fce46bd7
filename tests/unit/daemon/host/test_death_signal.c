/* SPDX-License-Identifier: MIT */
#include "host/death.h"
#include "host/fork.h"
#include "host/host.h"
#include "host/interpose.h"
#include "host/thread.h"
#include "support/harness.h"
#include "telemetry/page.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#define FAULTY __attribute__((noinline, no_sanitize("undefined"), no_sanitize("address"), no_sanitize("thread")))
#define ENDS_MS 10000

static struct telemetry_page *page;

/* A host process in all but its service thread: what the record says of it is read through the shared page. */
struct dying {
	void (*die)(void);
	int lane;     /* -1: none */
};

static void become_host(void)
{
	interpose_install();
	host_thread_enter("dying");
	REQUIRE_EQUAL(death_install(page), 0);
	REQUIRE_EQUAL(fork_install(), 0);
}

static void run_dying(void *context)
{
	struct dying *dying = context;
	become_host();
	if (dying->lane >= 0)
		REQUIRE_EQUAL(death_add_lane(dying->lane), 0);
	dying->die();
	death_expected();
}

static void make_page(void)
{
	int fd = page_create();
	REQUIRE(fd >= 0);
	REQUIRE_EQUAL(page_map(fd, true, &page), 0);
	close(fd);
}

/* Runs it to its end; its wait status. */
static int end_of(void (*die)(void), struct page_death *ret_death)
{
	struct dying dying = {.die = die, .lane = -1};
	int status = 0;
	memset(ret_death, 0, sizeof *ret_death);
	make_page();
	pid_t pid = harness_fork(run_dying, &dying);
	REQUIRE(harness_wait_child(pid, &status, ENDS_MS));
	page_death(page, ret_death);
	page_unmap(page);
	return status;
}

static void expect_record(void (*die)(void), int number)
{
	struct page_death death;
	int status = end_of(die, &death);
	EXPECT(WIFSIGNALED(status));
	EXPECT_EQUAL(WTERMSIG(status), number);
	EXPECT_EQUAL(death.state, 2);
	EXPECT_EQUAL(death.signal, number);
	EXPECT(death.thread != 0);
	EXPECT(death.instruction != 0);
	EXPECT_CONTAINS(death.module, "+0x");
}

/* ---- Ways to die ---- */

static int *volatile bad_pointer = (int *)0x10;
static volatile int zero, hundred = 100;

FAULTY static void die_of_a_bad_pointer(void)
{
	*bad_pointer = 1;
}

FAULTY static void die_of_a_truncated_file(void)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	volatile char *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	(void)memory[0];
}

static void die_of_an_illegal_instruction(void)
{
#if defined(__x86_64__)
	__asm__ volatile("ud2");
#elif defined(__aarch64__)
	__asm__ volatile(".inst 0");
#endif
}

FAULTY static void die_of_a_division(void)
{
#if defined(__x86_64__)
	zero = hundred / zero;
#else
	raise(SIGFPE);
#endif
}

static void die_of_a_breakpoint(void)
{
#if defined(__x86_64__)
	__asm__ volatile("int3");
#else
	raise(SIGTRAP);
#endif
}

static void die_of_a_system_call(void)
{
	raise(SIGSYS);
}

FAULTY static int use_stack(int depth)
{
	volatile char frame[1024];
	frame[depth % 1024] = (char)depth;
	return depth < 0 ? 0 : use_stack(depth + 1) + frame[0];
}

static void *overflow(void *block_all)
{
	if (block_all) {
		sigset_t all;
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, NULL);
	}
	use_stack(1);
	return NULL;
}

static int overflow_c11(void *unused)
{
	(void)unused;
	return use_stack(1);
}

static void die_of_a_stack_overflow(void)
{
	use_stack(1);
}

static void die_of_a_thread_overflow(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, overflow, NULL);
	pthread_join(thread, NULL);
}

static void die_of_an_overflow_with_all_signals_blocked(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, overflow, (void *)1);
	pthread_join(thread, NULL);
}

static void die_of_an_overflow_with_inherited_mask(void)
{
	sigset_t all;
	pthread_t thread;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	pthread_create(&thread, NULL, overflow, NULL);
	pthread_join(thread, NULL);
}

static void die_of_a_c11_thread_overflow(void)
{
	thrd_t thread;
	thrd_create(&thread, overflow_c11, NULL);
	thrd_join(thread, NULL);
}

static void die_of_a_null_function(void)
{
	void (*volatile function)(void) = NULL;
	function();
}

/* ---- Each signal ---- */

static void given_a_bad_pointer_when_written_then_the_record_has_the_address_and_the_instruction(void)
{
	struct page_death death;
	int status = end_of(die_of_a_bad_pointer, &death);
	EXPECT_EQUAL(WTERMSIG(status), SIGSEGV);
	EXPECT_EQUAL(death.signal, SIGSEGV);
	EXPECT_EQUAL(death.signal_code, SEGV_MAPERR);
	EXPECT_EQUAL(death.address, 0x10);
	uintptr_t function = (uintptr_t)die_of_a_bad_pointer;
	EXPECT(death.instruction >= function && death.instruction < function + 128);
	EXPECT_CONTAINS(death.module, "unit_daemon_host_death_signal+0x");
	EXPECT_STRING(death.thread_name, "dying");
	EXPECT_STRING(death.function, "");
}

static void given_each_fatal_signal_when_it_comes_then_it_is_recorded_and_the_process_dies_by_it(void)
{
	expect_record(die_of_a_bad_pointer, SIGSEGV);
	expect_record(die_of_a_truncated_file, SIGBUS);
	expect_record(die_of_an_illegal_instruction, SIGILL);
	expect_record(die_of_a_division, SIGFPE);
	expect_record(abort, SIGABRT);
	expect_record(die_of_a_breakpoint, SIGTRAP);
	expect_record(die_of_a_system_call, SIGSYS);
}

static void given_a_call_through_null_when_it_dies_then_the_record_has_no_module(void)
{
	struct page_death death;
	EXPECT_EQUAL(WTERMSIG(end_of(die_of_a_null_function, &death)), SIGSEGV);
	EXPECT_EQUAL(death.state, 2);
	EXPECT_EQUAL(death.instruction, 0);
	EXPECT_STRING(death.module, "");
}

static void given_a_stack_overflow_when_on_any_thread_then_it_is_recorded(void)
{
	expect_record(die_of_a_stack_overflow, SIGSEGV);
	expect_record(die_of_a_thread_overflow, SIGSEGV);
	expect_record(die_of_a_c11_thread_overflow, SIGSEGV);
}

static void given_a_thread_that_blocks_all_signals_when_it_faults_then_it_is_recorded(void)
{
	expect_record(die_of_an_overflow_with_all_signals_blocked, SIGSEGV);
	expect_record(die_of_an_overflow_with_inherited_mask, SIGSEGV);
}

/* ---- What was in flight ---- */

static void die_in_a_callback(void)
{
	struct host_thread *self = host_thread_current();
	self->library = "libexample.so.1";
	self->function = "example_parse";
	self->callback = "on_start";
	abort();
}

static void die_with_text_that_is_gone(void)
{
	struct host_thread *self = host_thread_current();
	self->library = "libexample.so.1";
	self->function = (const char *)0x20;
	die_of_a_bad_pointer(); /* the second fault is of the same kind */
}

static void given_a_callback_in_flight_when_it_dies_then_the_record_names_it(void)
{
	struct page_death death;
	EXPECT_EQUAL(WTERMSIG(end_of(die_in_a_callback, &death)), SIGABRT);
	EXPECT_STRING(death.library, "libexample.so.1");
	EXPECT_STRING(death.function, "example_parse");
	EXPECT_STRING(death.callback, "on_start");
	EXPECT_EQUAL(death.address, 0);
}

static void given_a_name_that_cannot_be_read_when_it_dies_then_what_could_be_written_stands(void)
{
	struct page_death death;
#if defined(__SANITIZE_THREAD__)
	SKIP("ThreadSanitizer blocks every signal in a handler: a fault in it ends the process at once");
#endif
	EXPECT(WIFSIGNALED(end_of(die_with_text_that_is_gone, &death)));
	EXPECT_EQUAL(death.state, 2);
	EXPECT_EQUAL(death.address, 0x10);
	EXPECT_STRING(death.library, "libexample.so.1");
}

/* ---- Several threads ---- */

static pthread_barrier_t together;

static void *fault_together(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&together);
	die_of_a_bad_pointer();
	return NULL;
}

static void die_on_eight_threads(void)
{
	pthread_t threads[8];
	pthread_barrier_init(&together, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, fault_together, NULL);
	pthread_join(threads[0], NULL);
}

static void given_eight_threads_when_they_fault_at_once_then_there_is_one_whole_record(void)
{
	for (int round = 0; round < 20; round++) {
		struct page_death death;
		EXPECT_EQUAL(WTERMSIG(end_of(die_on_eight_threads, &death)), SIGSEGV);
		EXPECT_EQUAL(death.state, 2);
		EXPECT_EQUAL(death.address, 0x10);
		EXPECT_CONTAINS(death.module, "unit_daemon_host_death_signal+0x");
	}
}

/* ---- Lanes ---- */

static void given_a_lane_when_the_host_dies_then_it_ends_though_others_hold_the_socket(void)
{
	int pair[2], status;
	char byte;
	make_page();
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct dying dying = {.die = die_of_a_bad_pointer, .lane = pair[1]};
	pid_t pid = harness_fork(run_dying, &dying);
	/* pair[1] stays open here, as in a forked child of the library. */
	EXPECT(harness_wait_readable(pair[0], ENDS_MS));
	EXPECT_EQUAL(recv(pair[0], &byte, 1, MSG_DONTWAIT), 0);
	EXPECT(harness_wait_child(pid, &status, ENDS_MS));
	close(pair[0]);
	close(pair[1]);
	page_unmap(page);
}

static void given_no_page_when_it_dies_then_the_lanes_end_and_the_signal_is_the_same(void)
{
	int status, pair[2];
	char byte;
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	page = NULL;
	struct dying dying = {.die = abort, .lane = pair[1]};
	pid_t pid = harness_fork(run_dying, &dying);
	REQUIRE(harness_wait_child(pid, &status, ENDS_MS));
	EXPECT_EQUAL(WTERMSIG(status), SIGABRT);
	EXPECT_EQUAL(recv(pair[0], &byte, 1, MSG_DONTWAIT), 0);
	close(pair[0]);
	close(pair[1]);
}

/* ---- Forked children ---- */

static void child_dies_by(void (*die)(void), int number)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		EXPECT(atomic_load(&host_forked_child));
		die();
	}
	REQUIRE_EQUAL(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status));
	EXPECT_EQUAL(WTERMSIG(status), number);
}

static void fork_children_that_die(void)
{
	child_dies_by(abort, SIGABRT);
	child_dies_by(die_of_a_bad_pointer, SIGSEGV);
}

static void given_a_forked_child_when_it_crashes_then_nothing_is_recorded_and_it_dies_by_the_signal(void)
{
	struct page_death death;
	EXPECT_EQUAL(end_of(fork_children_that_die, &death), 0);
	EXPECT_EQUAL(death.state, 0);
}

static const struct test tests[] = {
    TEST(given_a_bad_pointer_when_written_then_the_record_has_the_address_and_the_instruction),
    TEST(given_each_fatal_signal_when_it_comes_then_it_is_recorded_and_the_process_dies_by_it),
    TEST(given_a_call_through_null_when_it_dies_then_the_record_has_no_module),
    TEST(given_a_stack_overflow_when_on_any_thread_then_it_is_recorded),
    TEST(given_a_thread_that_blocks_all_signals_when_it_faults_then_it_is_recorded),
    TEST(given_a_callback_in_flight_when_it_dies_then_the_record_names_it),
    TEST(given_a_name_that_cannot_be_read_when_it_dies_then_what_could_be_written_stands),
    TEST(given_eight_threads_when_they_fault_at_once_then_there_is_one_whole_record),
    TEST(given_a_lane_when_the_host_dies_then_it_ends_though_others_hold_the_socket),
    TEST(given_no_page_when_it_dies_then_the_lanes_end_and_the_signal_is_the_same),
    TEST(given_a_forked_child_when_it_crashes_then_nothing_is_recorded_and_it_dies_by_the_signal),
};
HARNESS_MAIN(tests)
