/* SPDX-License-Identifier: MIT */
/*
 * A queue of a client whose hosts are programs/hostile_lane.c, with a listener and a callback that is waited for:
 * what the tests of hostile hosts on the lanes of a queue begin with, and what must hold afterwards.
 */
#ifndef CBB_TESTS_HOSTILE_QUEUE_HOST_H
#define CBB_TESTS_HOSTILE_QUEUE_HOST_H

#include "lane_host.h"

#include <dirent.h>
#include <stdlib.h>

/* The host may have half of these on their way. */
#define QUEUE_EVENTS 64u
#define N_EVENTS 20u

/* What no honest host makes a client use, whatever it says. */
#define MEMORY_MAX_BYTES (128u << 20)
#define DESCRIPTORS_MAX (64u + 40u)

static cbb_queue *queue;
static cbb_callback *listener, *asker;
static unsigned n_events, n_wrong, n_asked, n_dropped, n_losses, n_failures, n_finalized;

static inline void on_event(int value)
{
	n_wrong += value != (int)n_events;
	n_events++;
}

static inline int on_asked(int value)
{
	n_wrong += value != 7;
	n_asked++;
	return value + 1;
}

static inline void on_dropped(cbb_invocation *invocation, void *const arguments[], void *user_data)
{
	(void)arguments;
	n_wrong += cbb_invocation_callback(invocation) != listener || user_data != &n_events;
	n_dropped++;
}

static inline void on_lost(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	n_wrong += callback != listener || loss->count == 0 || user_data != &n_events;
	n_losses++;
}

static inline void on_finalized(cbb_callback *callback, void *user_data)
{
	n_wrong += callback != (user_data == &n_events ? listener : asker);
	n_finalized++;
}

static inline void on_failure(const cbb_failure *failure, void *user_data)
{
	(void)user_data;
	n_wrong += failure->text == NULL || failure->thread_name == NULL;
	for (const char *at = failure->text; at && *at; at++)
		n_wrong += (unsigned char)*at < ' ';
	n_failures++;
}

static inline void open_callbacks(void)
{
	REMOTE_OK(cbb_callback_open(library, "event_fn", CBB_FUNCTION(on_event),
	                            &(cbb_callback_options){.size = sizeof(cbb_callback_options),
	                                                    .delivery = CBB_LISTENER,
	                                                    .queue = queue,
	                                                    .user_data = &n_events,
	                                                    .on_dropped = on_dropped,
	                                                    .on_lost = on_lost,
	                                                    .finalizer = on_finalized},
	                            &listener));
	REMOTE_OK(cbb_callback_open(library, "number_fn", CBB_FUNCTION(on_asked),
	                            &(cbb_callback_options){.size = sizeof(cbb_callback_options),
	                                                    .delivery = CBB_BLOCKING,
	                                                    .queue = queue,
	                                                    .user_data = &n_asked,
	                                                    .finalizer = on_finalized},
	                            &asker));
}

static inline void given_callbacks_in_a_host_that(const char *way)
{
	given_a_library_of_a_host_that(way, 10000);
	n_events = n_wrong = n_asked = n_dropped = n_losses = n_failures = n_finalized = 0;
	open_callbacks();
	int r = REMOTE(library, int(event_handler *, number_handler *), "with_both")(
	    (event_handler *)cbb_callback_pointer(listener), (number_handler *)cbb_callback_pointer(asker));
	if (r != 42 && cbb_last_error() == 0)
		FAIL("\"%s\": the callbacks were not passed", way);
	began_ns = clock_now_ns();
}

/* A session whose answers are not waited for longer than this test's deadlines. */
static inline void given_a_client_with_a_queue(void)
{
	harness_start_broker((const char *[]){"--host-program", harness_program("hostile_lane"), NULL});
	REMOTE_OK(cbb_connect(&remote_client, &(cbb_connect_options){.size = sizeof(cbb_connect_options),
	                                                             .timeout_ms = 2500 * harness_slow()}));
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, NULL));
	REMOTE_OK(cbb_queue_open(remote_client,
	                         &(cbb_queue_options){.size = sizeof(cbb_queue_options), .max_events = QUEUE_EVENTS},
	                         &queue));
}

/* ---- Dispatching ---- */

typedef bool condition_fn(void);

/* False: the time was up. Each look is short, whatever the host does meanwhile. */
static inline bool dispatch_until(condition_fn *condition, unsigned ms)
{
	uint64_t end_ns = clock_deadline_ns((uint64_t)ms * harness_slow());
	while (!condition()) {
		uint64_t before_ns = clock_now_ns();
		int r = cbb_queue_dispatch(queue, 10, 0);
		if (r < 0)
			FAIL("cbb_queue_dispatch: %d %s", r, cbb_last_error_text());
		if ((clock_now_ns() - before_ns) / 1000000 > 8000u * harness_slow())
			FAIL("cbb_queue_dispatch took %llu ms", (unsigned long long)(clock_now_ns() - before_ns) / 1000000);
		if (r < 0 || clock_now_ns() >= end_ns)
			return condition();
	}
	return true;
}

static inline bool is_ended(void)
{
	cbb_report report = {.size = sizeof report};
	return cbb_host_report(host, &report) >= 0 && report.state == CBB_HOST_ENDED;
}

static inline bool never(void)
{
	return false;
}

/* ---- What must hold ---- */

static inline unsigned long resident_bytes(void)
{
	unsigned long pages = 0;
	const char *text = harness_read_file("/proc/self/statm");
	if (sscanf(text, "%*u %lu", &pages) != 1)
		FAIL("/proc/self/statm: %s", text);
	return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

static inline unsigned n_descriptors(void)
{
	unsigned n = 0;
	DIR *directory = opendir("/proc/self/fd");
	while (directory && readdir(directory))
		n++;
	if (directory)
		closedir(directory);
	return n;
}

static inline void expect_bounds(const char *way)
{
	if (harness_slow() == 1 && resident_bytes() > MEMORY_MAX_BYTES)
		FAIL("\"%s\": %lu bytes of memory", way, resident_bytes());
	if (n_descriptors() > DESCRIPTORS_MAX)
		FAIL("\"%s\": %u descriptors", way, n_descriptors());
	if (n_wrong)
		FAIL("\"%s\": %u handlers saw what was not said", way, n_wrong);
}

/* The callbacks end with their host; each is finalized once. */
static inline void expect_bounded_end(const char *way)
{
	expect_bounds(way);
	expect_next_host_works();
	if (n_finalized != 2)
		FAIL("\"%s\": %u finalizers ran", way, n_finalized);
}

/* The host still answers. */
static inline void expect_host_works(const char *way)
{
	if (call_number_function() != 42)
		FAIL("\"%s\": %s", way, cbb_last_error_text());
}

/* The words are what the next call into it says, or its report. */
static inline void expect_named(const char *way, const char *words)
{
	cbb_report report = {.size = sizeof report};
	EXPECT_EQUAL(call_number_function(), -1);
	const char *text = harness_format("%d: %s", cbb_last_error(), cbb_last_error_text());
	if (cbb_last_error() != CBB_ERR_HOST_DIED && cbb_last_error() != CBB_ERR_PROTOCOL)
		FAIL("\"%s\": %s", way, text);
	if (!strstr(text, harness_format("h%llu", (unsigned long long)cbb_host_id(host))))
		FAIL("\"%s\": expected the host's number in: %s", way, text);
	cbb_host_report(host, &report);
	if (!strstr(text, words) && !strstr(report.text, words) && !strstr(report.notice, words))
		FAIL("\"%s\": expected \"%s\" in: %s | %s | %s", way, words, text, report.text, report.notice);
}

static inline void expect_queue_is_cut_off(const char *way, const char *words)
{
	given_callbacks_in_a_host_that(way);
	if (!dispatch_until(is_ended, 10000)) {
		FAIL("\"%s\": the host was not cut off", way);
		expect_bounded_end(way);
		return;
	}
	expect_named(way, words);
	expect_bounded_end(way);
}

/* Nothing of that kind is served, and the host goes on. */
static inline void expect_queue_goes_on(const char *way, condition_fn *condition)
{
	given_callbacks_in_a_host_that(way);
	if (!dispatch_until(condition, 10000))
		FAIL("\"%s\": %u events, %u asked, %u losses, %u failures came", way, n_events, n_asked, n_losses,
		     n_failures);
	expect_host_works(way);
	expect_bounded_end(way);
}

static inline void end_queue(void)
{
	EXPECT(cbb_queue_close(queue) == NULL);
	remote_end();
}

#endif
