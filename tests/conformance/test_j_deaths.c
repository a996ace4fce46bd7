/* SPDX-License-Identifier: MIT */
/* J01: each way a library can die, in a call, in a callback, on a thread of its own, while other threads wait too. */
#include "support/remote.h"

#include "../fixtures/deaths.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* The status is promised within 10 ms; the check is coarse, for machines that are busy with other tests. */
#define STATUS_LIMIT_MS 8000
#define N_WAITING 3

enum place { IN_CALL, IN_CALLBACK, ON_THREAD, N_PLACES };

static const char *const place_names[N_PLACES] = {"in a call", "in a callback", "on a thread of the library"};

/* How the host ends of it. */
static const struct way {
	const char *name;
	int end, signal, exit_status;
} ways[DEATH_KINDS] = {
    [DEATH_SEGV] = {"SIGSEGV", CBB_END_SIGNAL, SIGSEGV, -1},
    [DEATH_BUS] = {"SIGBUS", CBB_END_SIGNAL, SIGBUS, -1},
    [DEATH_ILL] = {"SIGILL", CBB_END_SIGNAL, SIGILL, -1},
    [DEATH_FPE] = {"SIGFPE", CBB_END_SIGNAL, SIGFPE, -1},
    [DEATH_ABORT] = {"abort", CBB_END_SIGNAL, SIGABRT, -1},
    [DEATH_EXIT] = {"exit", CBB_END_EXIT, 0, 3},
    [DEATH_QUICK_EXIT] = {"_exit", CBB_END_EXIT, 0, 4},
    [DEATH_STACK] = {"stack overflow", CBB_END_SIGNAL, SIGSEGV, -1},
    [DEATH_HANG] = {"SIGKILL from outside", CBB_END_SIGNAL, SIGKILL, -1},
};

struct round {
	cbb_host *host;
	cbb_library *library;
	pthread_t waiting[N_WAITING];
	int statuses[N_WAITING];
};

struct waiting {
	struct round *round;
	int index;
};

static struct round *current; /* for the handler */
static int status_in_handler;
static _Atomic int dying; /* the call that will not return is about to be made */

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int call_one(struct round *round, const char *name, void *const *arguments)
{
	int result = 0;
	int status = cbb_call(remote_function(round->library, name), &result, arguments);
	if (status < 0)
		EXPECT_EQUAL(result, -1);
	return status;
}

static int handler_that_dies(int kind)
{
	dying = 1;
	status_in_handler = call_one(current, "die", (void *[]){&kind});
	return 1;
}

static void *thread_waiting(void *context)
{
	struct waiting *waiting = context;
	struct round *round = waiting->round;
	round->statuses[waiting->index] = call_one(round, "never_return", NULL);
	free(waiting);
	return NULL;
}

static unsigned n_threads_of(pid_t pid)
{
	const char *text = harness_read_file(harness_format("/proc/%d/status", pid));
	const char *line = strstr(text, "\nThreads:");
	return line ? (unsigned)atoi(line + 9) : 0;
}

struct thread_goal {
	pid_t pid;
	unsigned n;
};

static bool has_threads(void *context)
{
	struct thread_goal *goal = context;
	return n_threads_of(goal->pid) >= goal->n;
}

/* Given other threads of the program that wait in calls of their own. */
static void given_waiting_threads(struct round *round)
{
	struct thread_goal goal = {cbb_host_pid(round->host), n_threads_of(cbb_host_pid(round->host)) + N_WAITING};
	for (int i = 0; i < N_WAITING; i++) {
		struct waiting *waiting = malloc(sizeof *waiting);
		*waiting = (struct waiting){round, i};
		REQUIRE(pthread_create(&round->waiting[i], NULL, thread_waiting, waiting) == 0);
	}
	EXPECT(harness_wait_until(has_threads, &goal, 10000));
}

static void *thread_killing(void *context)
{
	struct round *round = context;
	EXPECT(harness_wait_flag(&dying, 10000));
	kill(cbb_host_pid(round->host), SIGKILL);
	return NULL;
}

static void die_in(struct round *round, enum place place, int kind)
{
	before_fn handler = handler_that_dies;
	int status;
	dying = place != IN_CALLBACK;
	switch (place) {
	case IN_CALL: status = call_one(round, "die", (void *[]){&kind}); break;
	case ON_THREAD: status = call_one(round, "die_on_thread", (void *[]){&kind}); break;
	default:
		status_in_handler = 0;
		status = call_one(round, "die_after", (void *[]){(void *)&handler, &kind});
		EXPECT_EQUAL(status_in_handler, CBB_ERR_HOST_DIED);
		break;
	}
	EXPECT_EQUAL(status, CBB_ERR_HOST_DIED);
}

static void check_report(const struct round *round, enum place place, int kind)
{
	static const char *const functions[N_PLACES] = {"die", "die", "die_on_thread"};
	const struct way *way = &ways[kind];
	cbb_report report = remote_report_of(round->host);
	EXPECT_EQUAL(report.state, CBB_HOST_ENDED);
	EXPECT_EQUAL(report.end, way->end);
	EXPECT_EQUAL(report.signal, way->signal);
	EXPECT_EQUAL(report.exit_status, way->exit_status);
	EXPECT(report.text[0] != '\0');
	if (kind == DEATH_HANG || kind == DEATH_QUICK_EXIT)
		return; /* the host itself had no time to say more */
	EXPECT(report.thread > 0);
	if (place == ON_THREAD) { /* in no call: only the instruction tells whose code it is */
		EXPECT_STRING(report.thread_name, "fixture-thread");
	} else {
		EXPECT_CONTAINS(report.library, "libfixture_deaths.so");
		EXPECT_STRING(report.function, functions[place]);
		EXPECT_STRING(report.callback, place == IN_CALLBACK ? "before_fn" : "");
	}
	if (kind == DEATH_SEGV) {
		EXPECT_EQUAL(report.address, 16);
		EXPECT(report.instruction != 0);
		EXPECT_CONTAINS(report.module, "libfixture_deaths.so+0x");
	}
}

static void one_death(enum place place, int kind)
{
	struct round round = {.host = remote_open_host()};
	unsigned failures = expect_failures();
	pthread_t killer;
	round.library = remote_library_in(round.host, "deaths", DEATHS_TEXT);
	current = &round;
	given_waiting_threads(&round);
	dying = 0;
	if (kind == DEATH_HANG)
		REQUIRE(pthread_create(&killer, NULL, thread_killing, &round) == 0);
	uint64_t start_ms = now_ms();
	die_in(&round, place, kind);
	for (int i = 0; i < N_WAITING; i++) {
		pthread_join(round.waiting[i], NULL);
		EXPECT_EQUAL(round.statuses[i], CBB_ERR_HOST_DIED);
	}
	EXPECT(now_ms() - start_ms < STATUS_LIMIT_MS * harness_slow());
	if (kind == DEATH_HANG)
		pthread_join(killer, NULL);
	check_report(&round, place, kind);
	EXPECT(cbb_host_close(round.host) == NULL);
	if (expect_failures() != failures)
		FAIL("that was %s %s", ways[kind].name, place_names[place]);
}

static void all_deaths(enum place place)
{
	given_a_connection();
	for (int kind = 0; kind < DEATH_KINDS; kind++) {
		one_death(place, kind);
		cbb_host *next = remote_open_host();
		cbb_library *library = remote_library_in(next, "deaths", DEATHS_TEXT);
		EXPECT_EQUAL(REMOTE(library, int(void), "alive")(), 1);
		EXPECT(cbb_host_close(next) == NULL);
	}
	remote_end();
}

static void J01_a_library_that_dies_in_a_call_gives_each_thread_a_status_and_the_next_host_works(void)
{
	all_deaths(IN_CALL);
}

static void J01_a_library_that_dies_in_a_callback_gives_each_thread_a_status_and_the_next_host_works(void)
{
	all_deaths(IN_CALLBACK);
}

static void J01_a_library_that_dies_on_its_own_thread_gives_each_thread_a_status_and_the_next_host_works(void)
{
	all_deaths(ON_THREAD);
}

static void J01_a_library_that_ends_the_thread_of_a_call_gives_a_status_and_says_why(void)
{
	given_a_host();
	cbb_library *library = remote_library("deaths", DEATHS_TEXT);
	EXPECT_EQUAL(REMOTE(library, int(void), "end_thread")(), -1);
	EXPECT_ERROR(CBB_ERR_HOST_DIED, "end_thread");
	EXPECT_CONTAINS(remote_report().notice, "ended inside a call of end_thread");
	EXPECT(cbb_host_close(remote_host) == NULL);
	remote_host = remote_open_host();
	EXPECT_EQUAL(REMOTE(remote_library("deaths", DEATHS_TEXT), int(void), "alive")() >= 0, 1);
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
	TEST(J01_a_library_that_ends_the_thread_of_a_call_gives_a_status_and_says_why),
	TEST_TIMEOUT(J01_a_library_that_dies_in_a_call_gives_each_thread_a_status_and_the_next_host_works, 60),
	TEST_TIMEOUT(J01_a_library_that_dies_in_a_callback_gives_each_thread_a_status_and_the_next_host_works, 60),
	TEST_TIMEOUT(J01_a_library_that_dies_on_its_own_thread_gives_each_thread_a_status_and_the_next_host_works, 60),
};
HARNESS_MAIN(tests)
