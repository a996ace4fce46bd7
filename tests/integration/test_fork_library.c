/* SPDX-License-Identifier: MIT */
/* fork() in the library, while its threads use queues: the child has nothing of ours, and its callbacks fail. */
#include "support/foreign.h"

#include "../fixtures/forks.h"

static _Atomic long n_sums, n_events;

static int sum(int thread, int number)
{
	n_sums++;
	return SUM_OF(thread, number);
}

static void event(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	n_events++;
}

static void given_threads_on_a_queue_when_the_library_forks_then_the_child_has_no_lane_and_the_parent_goes_on(void)
{
	const int n_forks = 20;
	given_native_threads();
	cbb_library *forks = remote_library("forks", FORKS_TEXT);
	cbb_callback *sums = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING);
	cbb_callback *events = EVENT_CALLBACK(event);
	struct crew *asking = given_sums(sum_pointer(sums), 4, 0);
	struct crew *sending = given_events(event_pointer(events), NULL, 4, 0, 0);
	cbb_callback *child_sums = CALLBACK_WITH(forks, "sum_fn", sum, .delivery = CBB_BLOCKING);
	cbb_callback *child_events = CALLBACK_WITH(forks, "event_fn", event, .delivery = CBB_LISTENER);
	for (int i = 0; i < n_forks; i++) {
		EXPECT(dispatch_until(default_queue, &n_sums, n_sums + 10));
		EXPECT_EQUAL(REMOTE(forks, int(sum_fn, event_fn, void *), "fork_and_look")(
		                 sum_pointer(child_sums), event_pointer(child_events), NULL), 0);
		EXPECT_CALL_OK();
	}
	free_crew(asking);
	free_crew(sending);
	EXPECT_EQUAL(remote_report().state, CBB_HOST_RUNNING);
	remote_end();
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_threads_on_a_queue_when_the_library_forks_then_the_child_has_no_lane_and_the_parent_goes_on, 60),
};
HARNESS_MAIN(tests)
