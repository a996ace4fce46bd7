/* SPDX-License-Identifier: MIT */
/*
 * What tests of callbacks from a library's own threads begin with: a host with fixtures/threads.h and
 * fixtures/puppets.h, and words for queues and callbacks. Each ends the test where something fails that is not what
 * the test is about.
 */
#ifndef CBB_TESTS_SUPPORT_FOREIGN_H
#define CBB_TESTS_SUPPORT_FOREIGN_H

#include "support/remote.h"

#include "../fixtures/puppets.h"
#include "../fixtures/threads.h"

#include <time.h>

#define FOREIGN_WAIT_MS 20000

static cbb_library *threads_library, *puppets_library;
static cbb_queue *default_queue;

static inline void given_native_threads_in(cbb_host *host)
{
	threads_library = remote_library_in(host, "threads", THREADS_TEXT);
	puppets_library = remote_library_in(host, "puppets", PUPPETS_TEXT);
}

static inline void given_native_threads(void)
{
	given_a_host();
	given_native_threads_in(remote_host);
	default_queue = cbb_queue_default(remote_client);
	REQUIRE(default_queue != NULL);
}

#define THREADS(type, name) REMOTE(threads_library, type, name)
#define PUPPETS(type, name) REMOTE(puppets_library, type, name)

/* ---- Queues ---- */

#define QUEUE_WITH(...) given_a_queue(&(cbb_queue_options){.size = sizeof(cbb_queue_options), __VA_ARGS__})

static inline cbb_queue *given_a_queue(const cbb_queue_options *options)
{
	cbb_queue *queue = NULL;
	REMOTE_OK(cbb_queue_open(remote_client, options, &queue));
	return queue;
}

static inline uint64_t foreign_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline uint64_t foreign_deadline_ms(void)
{
	return foreign_now_ms() + (uint64_t)FOREIGN_WAIT_MS * harness_slow();
}

static inline void dispatch_ok(cbb_queue *queue, uint64_t timeout_ms)
{
	int n = cbb_queue_dispatch(queue, timeout_ms, 0);
	if (n < 0) {
		FAIL("cbb_queue_dispatch: %d: %s", n, cbb_last_error_text());
		expect_end();
	}
}

/* Dispatches until the counter, which handlers raise, has reached n. The deadline is for what does not go on. */
static inline bool dispatch_until(cbb_queue *queue, const _Atomic long *counter, long n)
{
	uint64_t end_ms = foreign_deadline_ms();
	long before = *counter;
	while (*counter < n) {
		uint64_t now_ms = foreign_now_ms();
		if (*counter != before)
			end_ms = foreign_deadline_ms();
		before = *counter;
		if (now_ms >= end_ms) {
			FAIL("dispatched until the deadline: %ld of %ld", *counter, n);
			return false;
		}
		dispatch_ok(queue, end_ms - now_ms);
	}
	return true;
}

/* Runs what there is, until there is nothing. */
static inline int dispatch_all(cbb_queue *queue)
{
	int n = 0, sum = 0;
	while ((n = cbb_queue_dispatch(queue, 0, 0)) > 0)
		sum += n;
	EXPECT_EQUAL(n, 0);
	return sum;
}

/* Dispatches, and looks after each turn whether the condition holds. For what no handler tells. */
static inline bool dispatch_while_waiting(cbb_queue *queue, bool (*condition)(void *context), void *context)
{
	uint64_t end_ms = foreign_deadline_ms();
	while (!condition(context)) {
		if (foreign_now_ms() >= end_ms)
			return false;
		dispatch_ok(queue, 5);
	}
	return true;
}

/* ---- Callbacks ---- */

#define CALLBACK_WITH(library, type, handler, ...)                                                                     \
	given_a_callback(library, type, CBB_FUNCTION(handler),                                                         \
	                 &(cbb_callback_options){.size = sizeof(cbb_callback_options), __VA_ARGS__})
#define SUM_CALLBACK(handler, ...) CALLBACK_WITH(threads_library, "sum_fn", handler, __VA_ARGS__)
#define EVENT_CALLBACK(handler, ...)                                                                                   \
	CALLBACK_WITH(threads_library, "event_fn", handler, .delivery = CBB_LISTENER, __VA_ARGS__)

/* User data is a library's own: what a puppet passes, a callback of its library understands. */
#define PUPPET_EVENTS(handler, ...)                                                                                    \
	CALLBACK_WITH(puppets_library, "event_fn", handler, .delivery = CBB_LISTENER, __VA_ARGS__)

#define PUPPET_SUMS(handler, ...)                                                                                      \
	CALLBACK_WITH(puppets_library, "sum_fn", handler, .delivery = CBB_BLOCKING, __VA_ARGS__)

static inline cbb_callback *given_a_callback(cbb_library *library, const char *type, cbb_any_function handler,
                                             const cbb_callback_options *options)
{
	cbb_callback *callback = NULL;
	REMOTE_OK(cbb_callback_open(library, type, handler, options, &callback));
	return callback;
}

static inline sum_fn sum_pointer(cbb_callback *callback)
{
	return (sum_fn)cbb_callback_pointer(callback);
}

static inline event_fn event_pointer(cbb_callback *callback)
{
	return (event_fn)cbb_callback_pointer(callback);
}

static inline cbb_callback_counts counts_of(const cbb_callback *callback)
{
	cbb_callback_counts counts = {.size = sizeof counts};
	REMOTE_OK(cbb_callback_count(callback, &counts));
	return counts;
}

static inline int close_with(cbb_callback *callback, int mode, uint64_t timeout_ms)
{
	return cbb_callback_close(callback, &(cbb_close_options){.size = sizeof(cbb_close_options), .mode = mode,
	                                                         .timeout_ms = timeout_ms});
}

/* ---- Crews ---- */

static inline struct crew *given_sums(sum_fn handler, int n_threads, int n_calls)
{
	struct crew *crew = THREADS(struct crew *(sum_fn, int, int), "crew_sums")(handler, n_threads, n_calls);
	REQUIRE(crew != NULL);
	return crew;
}

static inline struct crew *given_events(event_fn handler, void *user, int n_threads, int n_calls, int text_bytes)
{
	struct crew *crew = THREADS(struct crew *(event_fn, void *, int, int, int), "crew_events")(
	    handler, user, n_threads, n_calls, text_bytes);
	REQUIRE(crew != NULL);
	return crew;
}

static inline long crew_has(struct crew *crew, int what)
{
	return THREADS(long(struct crew *, int), "crew_count")(crew, what);
}

static inline void join_crew(struct crew *crew)
{
	THREADS(void(struct crew *), "crew_join")(crew);
	EXPECT_CALL_OK();
}

static inline long free_crew(struct crew *crew)
{
	long n_made = THREADS(long(struct crew *), "crew_free")(crew);
	EXPECT_CALL_OK();
	return n_made;
}

/* ---- Puppets ---- */

static inline struct puppet *given_a_puppet(const char *name)
{
	struct puppet *puppet = PUPPETS(struct puppet *(const char *), "puppet_open")(name);
	REQUIRE(puppet != NULL);
	return puppet;
}

static inline void tell_sum(struct puppet *puppet, sum_fn handler, int thread, int number)
{
	EXPECT_EQUAL(PUPPETS(int(struct puppet *, sum_fn, int, int), "puppet_sum")(puppet, handler, thread, number), 0);
}

static inline void tell_event(struct puppet *puppet, event_fn handler, void *user, int number, const char *text)
{
	EXPECT_EQUAL(PUPPETS(int(struct puppet *, event_fn, void *, int, const char *), "puppet_event")(
	                 puppet, handler, user, number, text),
	             0);
}

/* Events numbered from `first`, each "event N". */
static inline void tell_events(struct puppet *puppet, event_fn handler, void *user, int first, int n)
{
	EXPECT_EQUAL(PUPPETS(int(struct puppet *, event_fn, void *, int, int), "puppet_events")(
	                 puppet, handler, user, first, n),
	             0);
}

static inline int puppet_says(struct puppet *puppet, const char *what)
{
	return PUPPETS(int(struct puppet *), what)(puppet);
}

/* In a call, so a dispatcher serves meanwhile. */
static inline int wait_for_puppet(struct puppet *puppet)
{
	int answer = puppet_says(puppet, "puppet_wait");
	EXPECT_CALL_OK();
	return answer;
}

static inline void end_puppet(struct puppet *puppet)
{
	PUPPETS(void(struct puppet *), "puppet_close")(puppet);
	EXPECT_CALL_OK();
}

struct puppet_goal {
	struct puppet *puppet;
	int n_done;
};

static inline bool puppet_has_done(void *context)
{
	struct puppet_goal *goal = context;
	return puppet_says(goal->puppet, "puppet_done") >= goal->n_done;
}

/* Until so many of its callbacks have come back. Nobody dispatches meanwhile, but calls serve threads that wait. */
static inline bool puppet_reaches(struct puppet *puppet, int n_done)
{
	struct puppet_goal goal = {puppet, n_done};
	return harness_wait_until(puppet_has_done, &goal, FOREIGN_WAIT_MS);
}

#endif
