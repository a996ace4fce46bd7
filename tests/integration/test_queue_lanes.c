/* SPDX-License-Identifier: MIT */
/*
 * The lanes of a queue's native threads come and go, and a client that is slow to notice takes no honest host for a
 * liar.
 */
#include "support/foreign.h"

#include <pthread.h>

#define N_PUPPETS 64 /* as many as there are lanes */

static _Atomic long n_handled;
static cbb_queue *queue;
static struct puppet *puppets[N_PUPPETS];

static int sum(int thread, int number)
{
	n_handled++;
	return SUM_OF(thread, number);
}

static void tell_all(cbb_callback *callback)
{
	for (int i = 0; i < N_PUPPETS; i++)
		tell_sum(puppets[i], sum_pointer(callback), i, 0);
}

static void wait_for_all_inside(void)
{
	for (int i = 0; i < N_PUPPETS; i++)
		while (!puppet_says(puppets[i], "puppet_is_inside"))
			;
}

static void *dispatch(void *n)
{
	EXPECT(dispatch_until(queue, &n_handled, (intptr_t)n));
	return NULL;
}

/* On a thread that ends: in its calls this one serves nobody, so that all wait at once when they have been told. */
static void dispatch_elsewhere_until(long n)
{
	pthread_t dispatcher;
	REQUIRE(pthread_create(&dispatcher, NULL, dispatch, (void *)(intptr_t)n) == 0);
	pthread_join(dispatcher, NULL);
}

static void expect_all_answered(void)
{
	for (int i = 0; i < N_PUPPETS; i++)
		EXPECT_EQUAL(wait_for_puppet(puppets[i]), SUM_OF(i, 0));
	EXPECT_EQUAL(remote_report().state, CBB_HOST_RUNNING);
}

static void finish(void)
{
	for (int i = 0; i < N_PUPPETS; i++)
		end_puppet(puppets[i]);
	remote_end();
}

static void given_puppets(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	for (int i = 0; i < N_PUPPETS; i++)
		puppets[i] = given_a_puppet("many");
}

static void given_all_lanes_there_may_be_when_they_end_and_are_asked_for_again_then_all_threads_are_served(void)
{
	given_puppets();
	cbb_callback *first = PUPPET_SUMS(sum, .queue = queue);
	cbb_callback *second = PUPPET_SUMS(sum, .queue = queue);
	tell_all(first);
	wait_for_all_inside();
	dispatch_elsewhere_until(N_PUPPETS);
	expect_all_answered();
	tell_all(first);
	wait_for_all_inside();
	tell_all(second);
	EXPECT_EQUAL(close_with(first, CBB_CLOSE_ABORT, 0), 0);
	dispatch_elsewhere_until(2 * N_PUPPETS);
	expect_all_answered();
	finish();
}

/* Each wait that ends in vain may be followed by another request. */
static void given_threads_that_waited_in_vain_often_when_dispatched_at_last_then_they_are_served(void)
{
	given_puppets();
	cbb_callback *hasty = PUPPET_SUMS(sum, .queue = queue, .timeout_ms = 1);
	cbb_callback *patient = PUPPET_SUMS(sum, .queue = queue);
	for (int i = 0; i < 3; i++)
		tell_all(hasty);
	for (int i = 0; i < N_PUPPETS; i++)
		EXPECT_EQUAL(wait_for_puppet(puppets[i]), SUM_ON_ERROR);
	EXPECT_EQUAL(n_handled, 0);
	tell_all(patient);
	dispatch_elsewhere_until(N_PUPPETS);
	expect_all_answered();
	finish();
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_all_lanes_there_may_be_when_they_end_and_are_asked_for_again_then_all_threads_are_served, 60),
    TEST_TIMEOUT(given_threads_that_waited_in_vain_often_when_dispatched_at_last_then_they_are_served, 60),
};
HARNESS_MAIN(tests)
