/* SPDX-License-Identifier: MIT */
/* A queue whose invocations are fetched and completed, as language bindings do. */
#include "support/stream.h"

#include <errno.h>
#include <pthread.h>

static cbb_queue *queue;

static void given_a_pull_queue(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.pull = 1);
}

static int sum_never_run(int thread, int number)
{
	FAIL("a handler of a pull queue ran: %d %d", thread, number);
	return 0;
}

/* A pull queue serves nobody while its dispatcher waits in a call, so another thread makes the call that starts. */
struct start {
	cbb_callback *callback;
	int n_threads, n_calls;
	struct crew *crew;
};

static void *thread_starting(void *context)
{
	struct start *start = context;
	start->crew = given_sums(sum_pointer(start->callback), start->n_threads, start->n_calls);
	return NULL;
}

static struct crew *given_sums_beside(cbb_callback *callback, int n_threads, int n_calls)
{
	struct start start = {callback, n_threads, n_calls, NULL};
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, thread_starting, &start) == 0);
	pthread_join(thread, NULL);
	return start.crew;
}

static cbb_invocation *fetched(void)
{
	cbb_invocation *invocation = NULL;
	REQUIRE_EQUAL(cbb_queue_next(queue, FOREIGN_WAIT_MS, &invocation), 1);
	REQUIRE(invocation != NULL);
	return invocation;
}

static int complete_sum(cbb_invocation *invocation)
{
	void *const *arguments = cbb_invocation_arguments(invocation);
	int value = SUM_OF(*(int *)arguments[0], *(int *)arguments[1]);
	return cbb_invocation_complete(invocation, &value, sizeof value);
}

static void given_blocking_calls_when_completed_then_native_code_has_the_values(void)
{
	given_a_pull_queue();
	cbb_callback *callback = SUM_CALLBACK(sum_never_run, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums_beside(callback, 4, 25);
	for (int i = 0; i < 100; i++) {
		cbb_invocation *invocation = fetched();
		EXPECT(cbb_invocation_callback(invocation) == callback);
		EXPECT(cbb_invocation_thread(invocation) > 0);
		EXPECT_EQUAL(complete_sum(invocation), 0);
	}
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 100);
	EXPECT_EQUAL(counts_of(callback).handled, 100);
	free_crew(crew);
	remote_end();
}

static void *thread_completing(void *invocation)
{
	EXPECT_EQUAL(complete_sum(invocation), 0);
	return NULL;
}

static void given_several_fetched_when_completed_by_other_threads_in_any_order_then_each_gets_its_own(void)
{
	enum { N = 8 };
	pthread_t threads[N];
	cbb_invocation *invocations[N];
	given_a_pull_queue();
	cbb_callback *callback = SUM_CALLBACK(sum_never_run, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums_beside(callback, N, 1);
	for (int i = 0; i < N; i++)
		invocations[i] = fetched();
	for (int i = N - 1; i >= 0; i--)
		REQUIRE(pthread_create(&threads[i], NULL, thread_completing, invocations[i]) == 0);
	for (int i = 0; i < N; i++)
		pthread_join(threads[i], NULL);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), N);
	free_crew(crew);
	remote_end();
}

static void given_a_failed_and_a_wrongly_sized_one_then_native_code_gets_on_error(void)
{
	long too_large = 5;
	given_a_pull_queue();
	cbb_callback *callback = SUM_CALLBACK(sum_never_run, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums_beside(callback, 1, 3);
	EXPECT_EQUAL(cbb_invocation_fail(fetched(), -EIO, "not today"), 0);
	EXPECT_EQUAL(cbb_invocation_complete(fetched(), &too_large, sizeof too_large), CBB_ERR_ARGUMENT);
	EXPECT_EQUAL(complete_sum(fetched()), 0);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 2);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 1);
	free_crew(crew);
	remote_end();
}

static void given_events_then_they_are_fetched_in_order_and_losses_are_told_in_between(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.pull = 1, .max_events = 8);
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .overflow = CBB_OVERFLOW_DROP_OLDEST);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, 50);
	REQUIRE(puppet_reaches(puppet, 50));
	for (cbb_invocation *invocation = NULL; n_accounted < 50;) {
		if (cbb_queue_next(queue, FOREIGN_WAIT_MS, &invocation) != 1)
			break;
		EXPECT_EQUAL(cbb_invocation_is_event(invocation), 1);
		stream_append(stream_item_of(STREAM_EVENT, invocation, *(int *)cbb_invocation_arguments(invocation)[2]));
		n_handled++;
		n_accounted++;
		EXPECT_EQUAL(cbb_invocation_complete(invocation, NULL, 0), 0);
	}
	EXPECT_EQUAL(stream_check(callback, 1), 51);
	EXPECT_EQUAL(n_handled, 8);
	EXPECT_EQUAL(n_lost, 42);
	end_puppet(puppet);
	remote_end();
}

static void given_an_empty_queue_then_the_wait_ends_and_its_descriptor_tells_of_the_next(void)
{
	cbb_invocation *invocation = NULL;
	given_a_pull_queue();
	EXPECT_EQUAL(cbb_queue_next(queue, 0, &invocation), 0);
	EXPECT_EQUAL(cbb_queue_next(queue, 10, &invocation), 0);
	EXPECT(invocation == NULL);
	EXPECT_EQUAL(cbb_queue_dispatch(queue, 0, 0), CBB_ERR_UNSUPPORTED);
	cbb_callback *callback = SUM_CALLBACK(sum_never_run, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums_beside(callback, 1, 1);
	do
		REQUIRE(harness_wait_readable(cbb_queue_fd(queue), FOREIGN_WAIT_MS));
	while (cbb_queue_next(queue, 0, &invocation) == 0);
	EXPECT_EQUAL(complete_sum(invocation), 0);
	free_crew(crew);
	remote_end();
}

static bool crew_has_ended(void *crew)
{
	return crew_has(crew, CREW_ENDED) == 1;
}

/* On a busy machine the deadline may pass before the call is fetched: then another thread asks. */
static cbb_invocation *fetched_before_its_deadline(cbb_callback *callback, struct crew **ret_crew)
{
	cbb_invocation *invocation = NULL;
	uint64_t end_ms = foreign_deadline_ms();
	while (!invocation && foreign_now_ms() < end_ms) {
		if (*ret_crew)
			free_crew(*ret_crew);
		*ret_crew = given_sums_beside(callback, 1, 1);
		while (cbb_queue_next(queue, 100, &invocation) == 0 && !crew_has_ended(*ret_crew))
			;
	}
	REQUIRE(invocation != NULL);
	return invocation;
}

static void given_a_fetched_one_when_native_code_waits_no_longer_then_completing_says_so(void)
{
	given_a_pull_queue();
	cbb_callback *callback = SUM_CALLBACK(sum_never_run, .delivery = CBB_BLOCKING, .queue = queue, .timeout_ms = 500);
	struct crew *crew = NULL;
	cbb_invocation *late = fetched_before_its_deadline(callback, &crew);
	EXPECT(harness_wait_until(crew_has_ended, crew, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(complete_sum(late), CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 1);
	free_crew(crew);
	crew = given_sums_beside(SUM_CALLBACK(sum_never_run, .delivery = CBB_BLOCKING, .queue = queue), 1, 1);
	cbb_invocation *orphan = fetched();
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT_EQUAL(complete_sum(orphan), CBB_ERR_HOST_DIED);
	remote_end();
}

static int close_status;

static void *thread_closing(void *callback)
{
	close_status = close_with(callback, CBB_CLOSE_ABORT, 20);
	return NULL;
}

/* It counts as running from when it is fetched to its completion, whichever thread asks. */
static void given_a_fetched_one_when_its_callback_is_closed_then_that_waits_for_its_completion(void)
{
	pthread_t thread;
	given_a_pull_queue();
	cbb_callback *callback =
	    SUM_CALLBACK(sum_never_run, .delivery = CBB_BLOCKING, .queue = queue, .finalizer = stream_finalized);
	struct crew *crew = given_sums_beside(callback, 1, 1);
	cbb_invocation *running = fetched(), *none = NULL;
	REQUIRE(pthread_create(&thread, NULL, thread_closing, callback) == 0);
	pthread_join(thread, NULL);
	EXPECT_EQUAL(close_status, CBB_ERR_TIMEOUT);
	EXPECT_EQUAL(cbb_queue_next(queue, 20, &none), 0);
	EXPECT_EQUAL(n_finalized, 0);
	EXPECT_EQUAL(complete_sum(running), 0);
	EXPECT_EQUAL(close_with(callback, CBB_CLOSE_ABORT, 0), 0);
	for (uint64_t end_ms = foreign_deadline_ms(); n_finalized == 0 && foreign_now_ms() < end_ms;)
		EXPECT_EQUAL(cbb_queue_next(queue, 5, &none), 0);
	EXPECT_EQUAL(n_finalized, 1);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 1); /* it still gave its answer */
	free_crew(crew);
	remote_end();
}

/* The native thread is behind an event that this thread holds, and this thread waits for the native thread. */
static void expect_call_ends_behind_a_fetched_event(uint64_t look_ms)
{
	cbb_invocation *event = NULL, *none = NULL;
	given_native_threads();
	queue = QUEUE_WITH(.pull = 1, .stall_timeout_ms = 300);
	cbb_callback *events = STREAM_CALLBACK(.queue = queue);
	cbb_callback *sums = PUPPET_SUMS(sum_never_run, .queue = queue);
	struct puppet *puppet = given_a_puppet("behind its event");
	tell_event(puppet, event_pointer(events), NULL, 1, "held");
	event = fetched();
	EXPECT_EQUAL(cbb_invocation_is_event(event), 1);
	tell_sum(puppet, sum_pointer(sums), 1, 2);
	if (look_ms)
		EXPECT_EQUAL(cbb_queue_next(queue, look_ms, &none), 0); /* the sum is read, perhaps, and its thread is busy */
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	EXPECT_EQUAL(cbb_invocation_complete(event, NULL, 0), 0);
	end_puppet(puppet);
	struct crew *crew = given_sums_beside(SUM_CALLBACK(sum_never_run, .delivery = CBB_BLOCKING, .queue = queue), 1, 1);
	EXPECT_EQUAL(complete_sum(fetched()), 0); /* on the same lane */
	free_crew(crew);
	remote_end();
}

static void given_a_fetched_event_when_its_thread_is_waited_for_then_the_call_ends(void)
{
	expect_call_ends_behind_a_fetched_event(0);
}

static void given_a_call_known_to_be_behind_a_fetched_event_when_its_thread_is_waited_for_then_the_call_ends(void)
{
	expect_call_ends_behind_a_fetched_event(50);
}

/* Native code has said that it waits no longer, behind what cannot be run yet. */
static void given_a_call_behind_a_fetched_event_when_its_deadline_passes_then_the_queue_sleeps(void)
{
	cbb_invocation *event = NULL, *none = NULL;
	given_native_threads();
	queue = QUEUE_WITH(.pull = 1, .stall_timeout_ms = 10 * FOREIGN_WAIT_MS);
	cbb_callback *events = STREAM_CALLBACK(.queue = queue);
	cbb_callback *sums = PUPPET_SUMS(sum_never_run, .queue = queue, .timeout_ms = 200 * harness_slow());
	struct puppet *puppet = given_a_puppet("behind its event");
	tell_event(puppet, event_pointer(events), NULL, 1, "held");
	event = fetched();
	tell_sum(puppet, sum_pointer(sums), 1, 2);
	EXPECT_EQUAL(cbb_queue_next(queue, 50, &none), 0);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	uint64_t end_ms = foreign_deadline_ms();
	do
		EXPECT_EQUAL(cbb_queue_next(queue, 0, &none), 0);
	while (harness_wait_readable(cbb_queue_fd(queue), 50) && foreign_now_ms() < end_ms);
	EXPECT(foreign_now_ms() < end_ms);
	EXPECT_EQUAL(cbb_invocation_complete(event, NULL, 0), 0);
	if (cbb_queue_next(queue, 0, &none) == 1) /* that word is not read yet */
		EXPECT_EQUAL(complete_sum(none), CBB_ERR_TIMEOUT);
	end_puppet(puppet);
	remote_end();
}

static const struct test tests[] = {
	TEST(given_blocking_calls_when_completed_then_native_code_has_the_values),
	TEST(given_several_fetched_when_completed_by_other_threads_in_any_order_then_each_gets_its_own),
	TEST(given_a_failed_and_a_wrongly_sized_one_then_native_code_gets_on_error),
	TEST(given_events_then_they_are_fetched_in_order_and_losses_are_told_in_between),
	TEST(given_an_empty_queue_then_the_wait_ends_and_its_descriptor_tells_of_the_next),
	TEST(given_a_fetched_one_when_native_code_waits_no_longer_then_completing_says_so),
	TEST(given_a_fetched_one_when_its_callback_is_closed_then_that_waits_for_its_completion),
	TEST(given_a_fetched_event_when_its_thread_is_waited_for_then_the_call_ends),
	TEST(given_a_call_behind_a_fetched_event_when_its_deadline_passes_then_the_queue_sleeps),
	TEST(given_a_call_known_to_be_behind_a_fetched_event_when_its_thread_is_waited_for_then_the_call_ends),
};
HARNESS_MAIN(tests)
