/* SPDX-License-Identifier: MIT */
/* J06: stale pointers, called from many threads while other callbacks come and go in the same slots. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#include <pthread.h>

#define N_THREADS 4
#define N_CALLS 1000000
#define CALLS_AT_ONCE 5000
#define STALE_PER_THREAD 8

static cbb_library *library;
static _Atomic int n_stale_handled, n_mixed_up, n_threads_running, stop;
static _Atomic long n_late, n_churned;

static int stale_handler(int value)
{
	n_stale_handled++;
	return value;
}

/* Of the callbacks that come and go: each is called with its own number only. */
static int churning_handler(int value)
{
	const int *own = cbb_invocation_user_data(cbb_invocation_current());
	if (!own || *own != value)
		n_mixed_up++;
	return value + 1;
}

static unsigned place_of(unsigned thread, unsigned i)
{
	return thread * STALE_PER_THREAD + i;
}

static void given_stale_pointers(void)
{
	for (unsigned place = 0; place < N_THREADS * STALE_PER_THREAD; place++) {
		cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(stale_handler), NULL);
		REMOTE(library, void(unsigned, number_fn), "keep_number")(place, (number_fn)cbb_callback_pointer(callback));
		EXPECT_EQUAL(REMOTE(library, int(unsigned, int), "call_kept")(place, (int)place), (int)place);
		REMOTE_OK(cbb_callback_close(callback, NULL));
	}
	n_stale_handled = 0;
}

static void *thread_calling_stale(void *context)
{
	unsigned thread = (unsigned)(uintptr_t)context;
	int (*call)(unsigned, int, int, int) = REMOTE(library, int(unsigned, int, int, int), "call_kept_times");
	for (long left = N_CALLS / N_THREADS; left > 0; left -= CALLS_AT_ONCE) {
		unsigned place = place_of(thread, (unsigned)(left / CALLS_AT_ONCE) % STALE_PER_THREAD);
		EXPECT_EQUAL(call(place, -1, CALLS_AT_ONCE, -77), 0);
		EXPECT_CALL_OK();
		n_late += CALLS_AT_ONCE;
	}
	n_threads_running--;
	return NULL;
}

static void *thread_churning(void *context)
{
	int (*call)(number_fn, int) = REMOTE(library, int(number_fn, int), "call_number");
	(void)context;
	while (!stop) {
		int own[4] = {1, 2, 3, 4};
		cbb_callback *callbacks[4];
		for (int i = 0; i < 4; i++)
			callbacks[i] = remote_callback(library, "number_fn", CBB_FUNCTION(churning_handler), &own[i]);
		for (int i = 0; i < 4; i++)
			EXPECT_EQUAL(call((number_fn)cbb_callback_pointer(callbacks[i]), own[i]), own[i] + 1);
		for (int i = 0; i < 4; i++)
			REMOTE_OK(cbb_callback_close(callbacks[i], NULL));
		n_churned += 4;
	}
	return NULL;
}

static void J06_a_million_calls_through_closed_pointers_give_on_error_and_reach_no_handler(void)
{
	pthread_t threads[N_THREADS], churner;
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	given_stale_pointers();
	n_threads_running = N_THREADS;
	REQUIRE(pthread_create(&churner, NULL, thread_churning, NULL) == 0);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, thread_calling_stale, (void *)i) == 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	stop = 1;
	pthread_join(churner, NULL);
	EXPECT_EQUAL(n_late, N_CALLS);
	EXPECT_EQUAL(n_stale_handled, 0);
	EXPECT_EQUAL(n_mixed_up, 0);
	EXPECT(n_churned > 0);
	EXPECT_EQUAL(remote_report().late_calls, N_CALLS);
	remote_end();
}

/* ---- Calls on their way while their callback closes, and its slot is another's at once ---- */

#define RACING_PLACE 60
#define RACES 3000
#define RACING_VALUE (-5)

static _Atomic long n_raced;

static int racing_handler(int value)
{
	n_raced += value == RACING_VALUE;
	n_mixed_up += value != RACING_VALUE;
	return value;
}

static void *thread_racing(void *context)
{
	int (*call)(unsigned, int) = REMOTE(library, int(unsigned, int), "call_kept");
	while (!stop) {
		int result = call(RACING_PLACE, RACING_VALUE);
		EXPECT(result == RACING_VALUE || result == -77);
	}
	return context;
}

static bool has_raced(void *context)
{
	return n_raced > *(long *)context;
}

static void race_once(int own[4])
{
	cbb_callback *callback = remote_callback(library, "number_fn", CBB_FUNCTION(racing_handler), NULL), *next[4];
	long before = n_raced;
	REMOTE(library, void(unsigned, number_fn), "keep_number")(RACING_PLACE, (number_fn)cbb_callback_pointer(callback));
	EXPECT(harness_wait_until(has_raced, &before, 10000));
	REMOTE_OK(cbb_callback_close(callback, NULL));
	for (int i = 0; i < 4; i++)
		next[i] = remote_callback(library, "number_fn", CBB_FUNCTION(churning_handler), &own[i]);
	for (int i = 0; i < 4; i++)
		REMOTE_OK(cbb_callback_close(next[i], NULL));
}

static void J06_a_call_on_its_way_while_its_callback_closes_reaches_no_other_handler(void)
{
	pthread_t threads[N_THREADS];
	int own[4] = {1, 2, 3, 4};
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	REMOTE(library, void(unsigned, number_fn), "keep_number")(RACING_PLACE, racing_handler);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, thread_racing, NULL) == 0);
	for (int i = 0; i < RACES / (int)harness_slow(); i++)
		race_once(own);
	stop = 1;
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQUAL(n_mixed_up, 0);
	remote_end();
}

static const struct test tests[] = {
	TEST_TIMEOUT(J06_a_million_calls_through_closed_pointers_give_on_error_and_reach_no_handler, 120),
	TEST_TIMEOUT(J06_a_call_on_its_way_while_its_callback_closes_reaches_no_other_handler, 120),
};
HARNESS_MAIN(tests)
