/* SPDX-License-Identifier: MIT */
#include "host/death.h"
#include "host/fork.h"
#include "host/interpose.h"
#include "host/thread.h"
#include "support/harness.h"
#include "telemetry/page.h"

#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDS_MS 10000

static struct telemetry_page *page;
static int lane[2];
static _Atomic int *begun_status; /* shared with the child */

static void begun(int status)
{
	*begun_status = status;
}

static void run_as_host(void *context)
{
	void (**end)(void) = context;
	interpose_install();
	host_thread_enter("ending");
	REQUIRE_EQUAL(death_install(page), 0);
	REQUIRE_EQUAL(fork_install(), 0);
	REQUIRE_EQUAL(death_add_lane(lane[1]), 0);
	death_on_exit(begun);
	host_thread_current()->function = "example_quit";
	(*end)();
	death_expected();
}

/* Runs it to its end. Exit status and record are returned; whether the lane was ended, too. */
static int end_of(void (*end)(void), struct page_death *ret_death, bool *ret_lane_ended)
{
	int fd = page_create(), status = -1;
	char byte;
	memset(ret_death, 0, sizeof *ret_death);
	REQUIRE(fd >= 0);
	REQUIRE_EQUAL(page_map(fd, true, &page), 0);
	close(fd);
	begun_status = (_Atomic int *)&page->late_calls; /* any shared word */
	*begun_status = -1;
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lane), 0);
	pid_t pid = harness_fork(run_as_host, &end);
	REQUIRE(harness_wait_child(pid, &status, ENDS_MS));
	*ret_lane_ended = recv(lane[0], &byte, 1, MSG_DONTWAIT) == 0;
	page_death(page, ret_death);
	EXPECT_EQUAL(*begun_status, ret_death->state ? ret_death->exit_status : -1);
	page_unmap(page);
	close(lane[0]);
	close(lane[1]);
	EXPECT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_recorded(void (*end)(void), int exit_status)
{
	struct page_death death;
	bool lane_ended;
	EXPECT_EQUAL(end_of(end, &death, &lane_ended), exit_status);
	EXPECT_EQUAL(death.state, 2);
	EXPECT_EQUAL(death.signal, 0);
	EXPECT_EQUAL(death.exit_status, exit_status);
	EXPECT_STRING(death.function, "example_quit");
	EXPECT_STRING(death.thread_name, "ending");
	EXPECT(lane_ended);
}

static void call_exit(void)
{
	exit(3);
}

static void call_quick_exit(void)
{
	quick_exit(4);
}

static void call_underscore_exit(void)
{
	_exit(5);
}

static void call_c11_exit(void)
{
	_Exit(6);
}

static void call_err(void)
{
	int null = open("/dev/null", O_WRONLY);
	dup2(null, STDERR_FILENO);
	errx(7, "libc calls its own exit() for this");
}

static void given_a_library_when_it_exits_in_any_way_then_it_is_recorded_and_the_lanes_end(void)
{
	expect_recorded(call_exit, 3);
	expect_recorded(call_quick_exit, 4);
	expect_recorded(call_underscore_exit, 5);
	expect_recorded(call_c11_exit, 6);
	expect_recorded(call_err, 7);
}

static void given_exit_when_called_then_the_record_names_the_file_that_called_it(void)
{
	struct page_death death;
	bool lane_ended;
	void (*const ends[])(void) = {call_exit, call_quick_exit, call_underscore_exit, call_c11_exit};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		end_of(ends[i], &death, &lane_ended);
		uintptr_t function = (uintptr_t)ends[i];
		EXPECT(death.instruction >= function && death.instruction < function + 64);
		EXPECT_CONTAINS(death.module, "unit_daemon_host_death_exit+0x");
	}
}

/* ---- Exit handlers run after the record ---- */

static void crash_in_exit_handler(void)
{
	abort();
}

static void exit_with_a_faulty_handler(void)
{
	atexit(crash_in_exit_handler);
	exit(8);
}

static void given_a_crash_in_an_exit_handler_when_exit_was_recorded_then_the_first_record_stands(void)
{
	struct page_death death;
	int status;
	begun_status = NULL;
	int fd = page_create();
	REQUIRE_EQUAL(page_map(fd, true, &page), 0);
	close(fd);
	begun_status = (_Atomic int *)&page->late_calls;
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lane), 0);
	void (*end)(void) = exit_with_a_faulty_handler;
	pid_t pid = harness_fork(run_as_host, &end);
	REQUIRE(harness_wait_child(pid, &status, ENDS_MS));
	EXPECT(WIFSIGNALED(status));
	EXPECT(page_death(page, &death));
	EXPECT_EQUAL(death.signal, 0);
	EXPECT_EQUAL(death.exit_status, 8);
	close(lane[0]);
	close(lane[1]);
	page_unmap(page);
}

/* ---- Several threads at once ---- */

#define N_EXITING 8

static pthread_barrier_t all_there;

static void *thread_exiting(void *status)
{
	pthread_barrier_wait(&all_there);
	_exit((int)(intptr_t)status);
}

static void exit_on_eight_threads(void)
{
	pthread_t thread;
	pthread_barrier_init(&all_there, NULL, N_EXITING);
	for (intptr_t i = 1; i < N_EXITING; i++)
		REQUIRE_EQUAL(pthread_create(&thread, NULL, thread_exiting, (void *)(10 + i)), 0);
	thread_exiting((void *)10);
}

static void given_eight_threads_when_they_exit_at_once_then_there_is_one_whole_record(void)
{
	void (*end)(void) = exit_on_eight_threads;
	int status;
	for (int round = 0; round < 20; round++) {
		struct page_death death = {0};
		int fd = page_create();
		REQUIRE_EQUAL(page_map(fd, true, &page), 0);
		close(fd);
		begun_status = (_Atomic int *)&page->late_calls;
		REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lane), 0);
		REQUIRE(harness_wait_child(harness_fork(run_as_host, &end), &status, ENDS_MS));
		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) >= 10 && WEXITSTATUS(status) < 10 + N_EXITING);
		EXPECT(page_death(page, &death));
		EXPECT_EQUAL(death.state, 2);
		EXPECT(death.exit_status >= 10 && death.exit_status < 10 + N_EXITING);
		close(lane[0]);
		close(lane[1]);
		page_unmap(page);
	}
}

/* ---- Ends that are none of the library's ---- */

static void end_as_expected(void)
{
	death_expected();
	exit(9);
}

static void expect_not_recorded(void (*end)(void), int exit_status)
{
	struct page_death death;
	bool lane_ended;
	EXPECT_EQUAL(end_of(end, &death, &lane_ended), exit_status);
	EXPECT_EQUAL(death.state, 0);
	EXPECT(!lane_ended);
}

static void given_an_end_that_was_asked_for_when_exit_is_called_then_nothing_is_recorded(void)
{
	expect_not_recorded(end_as_expected, 9);
}

static void wait_for(pid_t pid, int exit_status)
{
	int status;
	REQUIRE_EQUAL(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status));
	EXPECT_EQUAL(WEXITSTATUS(status), exit_status);
}

static void exit_in_forked_children(void)
{
	void (*const ends[])(void) = {call_exit, call_quick_exit, call_underscore_exit, call_c11_exit, call_err};
	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
		pid_t pid = fork();
		if (pid == 0)
			ends[i]();
		wait_for(pid, 3 + (int)i);
	}
}

static void given_a_forked_child_when_it_exits_then_nothing_is_recorded_and_the_lanes_stay(void)
{
	expect_not_recorded(exit_in_forked_children, 0);
}

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
static void exit_in_a_vforked_child(void)
{
	pid_t pid = vfork();
	if (pid == 0)
		_exit(11);
	wait_for(pid, 11);
}

static void given_a_vforked_child_when_it_exits_then_nothing_is_recorded_in_the_shared_memory(void)
{
	expect_not_recorded(exit_in_a_vforked_child, 0);
}

static void forked_child_has_no_lane(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(fcntl(lane[1], F_GETFD) < 0 ? 1 : 0);
	wait_for(pid, 1);
	EXPECT(fcntl(lane[1], F_GETFD) >= 0);
}

static void given_a_forked_child_when_it_starts_then_it_has_no_lane(void)
{
	expect_not_recorded(forked_child_has_no_lane, 0);
}

static const struct test tests[] = {
    TEST(given_a_library_when_it_exits_in_any_way_then_it_is_recorded_and_the_lanes_end),
    TEST(given_exit_when_called_then_the_record_names_the_file_that_called_it),
    TEST(given_a_crash_in_an_exit_handler_when_exit_was_recorded_then_the_first_record_stands),
    TEST(given_eight_threads_when_they_exit_at_once_then_there_is_one_whole_record),
    TEST(given_an_end_that_was_asked_for_when_exit_is_called_then_nothing_is_recorded),
    TEST(given_a_forked_child_when_it_exits_then_nothing_is_recorded_and_the_lanes_stay),
    TEST(given_a_vforked_child_when_it_exits_then_nothing_is_recorded_in_the_shared_memory),
    TEST(given_a_forked_child_when_it_starts_then_it_has_no_lane),
};
HARNESS_MAIN(tests)
