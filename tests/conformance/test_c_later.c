/* SPDX-License-Identifier: MIT */
/* C18: answers that come later. */
#include "support/foreign.h"

#include <errno.h>
#include <pthread.h>

static _Atomic long n_handled;
static _Atomic int has_deferred;
static cbb_deferred *deferred[8];
static cbb_callback *the_callback;
static char text_seen[64];

static int sum_later(int thread, int number)
{
	cbb_deferred *mine = NULL;
	(void)number;
	REMOTE_OK(cbb_invocation_defer(cbb_invocation_current(), &mine));
	REQUIRE(thread >= 0 && thread < 8);
	deferred[thread] = mine;
	n_handled++;
	has_deferred++;
	return 12345; /* ignored */
}

static struct crew *given_waiting_threads(const cbb_callback_options *options, int n_threads)
{
	the_callback = given_a_callback(threads_library, "sum_fn", CBB_FUNCTION(sum_later), options);
	struct crew *crew = given_sums(sum_pointer(the_callback), n_threads, 1);
	EXPECT(dispatch_until(default_queue, &n_handled, n_threads));
	return crew;
}

#define WAITING_THREADS(n_threads, ...)                                                                                \
	given_waiting_threads(&(cbb_callback_options){.size = sizeof(cbb_callback_options),                            \
	                                              .delivery = CBB_BLOCKING, __VA_ARGS__},                          \
	                      n_threads)

static int answer(int thread)
{
	int value = SUM_OF(thread, 0);
	return cbb_deferred_answer(deferred[thread], &value, sizeof value);
}

static void free_deferred(int n)
{
	for (int i = 0; i < n; i++)
		EXPECT(cbb_deferred_free(deferred[i]) == NULL);
}

static void C18_the_native_thread_waits_for_the_answer_and_the_loop_does_not(void)
{
	given_native_threads();
	struct crew *crew = WAITING_THREADS(8);
	EXPECT_EQUAL(crew_has(crew, CREW_INSIDE), 8); /* all handlers have returned, and all threads wait */
	for (int i = 7; i >= 0; i--)
		EXPECT_EQUAL(answer(i), 0);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 8);
	free_crew(crew);
	free_deferred(8);
	EXPECT_EQUAL(counts_of(the_callback).handled, 8);
	EXPECT_EQUAL(counts_of(the_callback).failed, 0);
	remote_end();
}

/* ---- Once, from any thread ---- */

static _Atomic int n_answered, n_refused;

static void *thread_answering(void *context)
{
	int status = answer((int)(intptr_t)context % 4);
	n_answered += status == 0;
	n_refused += status == CBB_ERR_CLOSED;
	return NULL;
}

static void C18_it_is_answered_once_from_any_thread_and_the_first_counts(void)
{
	pthread_t threads[16];
	given_native_threads();
	struct crew *crew = WAITING_THREADS(4);
	for (intptr_t i = 0; i < 16; i++)
		REQUIRE(pthread_create(&threads[i], NULL, thread_answering, (void *)i) == 0);
	for (int i = 0; i < 16; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQUAL(n_answered, 4);
	EXPECT_EQUAL(n_refused, 12);
	EXPECT_EQUAL(cbb_deferred_fail(deferred[0], -5, "too late"), CBB_ERR_CLOSED);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 4);
	free_crew(crew);
	free_deferred(4);
	remote_end();
}

static void C18_failed_or_freed_or_of_a_wrong_size_native_code_gets_on_error(void)
{
	long too_large = 1;
	given_native_threads();
	struct crew *crew = WAITING_THREADS(4);
	EXPECT_EQUAL(cbb_deferred_fail(deferred[0], -5, "no such thing"), 0);
	EXPECT_EQUAL(cbb_deferred_answer(deferred[1], &too_large, sizeof too_large), CBB_ERR_ARGUMENT);
	EXPECT(cbb_deferred_free(deferred[2]) == NULL);
	EXPECT_EQUAL(answer(3), 0);
	EXPECT(cbb_deferred_free(NULL) == NULL);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 3);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 1);
	free_crew(crew);
	cbb_deferred_free(deferred[0]);
	cbb_deferred_free(deferred[1]);
	cbb_deferred_free(deferred[3]);
	remote_end();
}

/* ---- What ends it from outside ---- */

static bool crew_has_ended(void *crew)
{
	return crew_has(crew, CREW_ENDED) == 1;
}

/* On a busy machine the deadline may pass before the handler begins: then another thread asks. */
static void C18_when_the_deadline_passes_native_code_gets_on_error_and_the_answer_says_so(void)
{
	struct crew *crew = NULL;
	given_native_threads();
	the_callback = SUM_CALLBACK(sum_later, .delivery = CBB_BLOCKING, .timeout_ms = 500);
	for (uint64_t end_ms = foreign_deadline_ms(); n_handled == 0 && foreign_now_ms() < end_ms;) {
		if (crew)
			free_crew(crew);
		crew = given_sums(sum_pointer(the_callback), 1, 1);
		EXPECT(dispatch_while_waiting(default_queue, crew_has_ended, crew));
	}
	REQUIRE_EQUAL(n_handled, 1);
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 1);
	EXPECT_EQUAL(answer(0), CBB_ERR_TIMEOUT);
	free_crew(crew);
	free_deferred(1);
	EXPECT_EQUAL(counts_of(the_callback).late_answers, 1);
	remote_end();
}

static void C18_when_its_queue_ends_native_code_gets_on_error_and_the_answer_says_so(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	the_callback = SUM_CALLBACK(sum_later, .delivery = CBB_BLOCKING, .queue = queue);
	struct crew *crew = given_sums(sum_pointer(the_callback), 1, 1);
	EXPECT(dispatch_until(queue, &n_handled, 1));
	EXPECT(cbb_queue_close(queue) == NULL);
	EXPECT(harness_wait_until(crew_has_ended, crew, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 1);
	EXPECT_EQUAL(answer(0), CBB_ERR_CLOSED);
	free_crew(crew);
	free_deferred(1);
	remote_end();
}

static void C18_when_the_host_dies_the_answer_says_so(void)
{
	given_native_threads();
	WAITING_THREADS(1);
	REMOTE_OK(cbb_host_kill(remote_host));
	EXPECT_EQUAL(answer(0), CBB_ERR_HOST_DIED);
	free_deferred(1);
	remote_end();
}

/* ---- Under a call of this thread ---- */

static void *thread_answering_when_there_is_one(void *context)
{
	EXPECT(harness_wait_flag(&has_deferred, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(answer(1), 0);
	return context;
}

static void C18_under_a_call_of_this_thread_the_call_waits_on_for_the_answer(void)
{
	pthread_t thread;
	given_native_threads();
	REQUIRE(pthread_create(&thread, NULL, thread_answering_when_there_is_one, NULL) == 0);
	EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_here")(sum_later, 1, 0), SUM_OF(1, 0));
	EXPECT_CALL_OK();
	pthread_join(thread, NULL);
	EXPECT(cbb_deferred_free(deferred[1]) == NULL);
	remote_end();
}


/* What the arguments point to lives on until the answer. */
static const char *kept_text;

static int text_later(const char *text, int number)
{
	kept_text = text;
	return sum_later(2, number);
}

static void *thread_reading_then_answering(void *context)
{
	EXPECT(harness_wait_flag(&has_deferred, FOREIGN_WAIT_MS));
	int length = (int)strlen(kept_text);
	EXPECT_STRING(kept_text, "a text that is read later");
	EXPECT_EQUAL(cbb_deferred_answer(deferred[2], &length, sizeof length), 0);
	return context;
}

static void C18_what_the_arguments_point_to_lives_on_until_the_answer(void)
{
	pthread_t thread;
	given_native_threads();
	REQUIRE(pthread_create(&thread, NULL, thread_reading_then_answering, NULL) == 0);
	EXPECT_EQUAL(THREADS(int(text_fn, const char *, int), "text_elsewhere")(text_later, "a text that is read later", 1),
	             strlen("a text that is read later"));
	EXPECT_CALL_OK();
	pthread_join(thread, NULL);
	EXPECT(cbb_deferred_free(deferred[2]) == NULL);
	remote_end();
}

static void event_copying(void *user, int thread, int number, const char *text)
{
	cbb_deferred *mine = NULL;
	(void)user, (void)thread, (void)number;
	EXPECT_EQUAL(cbb_invocation_defer(cbb_invocation_current(), &mine), CBB_ERR_UNSUPPORTED);
	EXPECT(mine == NULL);
	snprintf(text_seen, sizeof text_seen, "%s", text);
	n_handled++;
}

static int sum_called_by_the_program(int thread, int number)
{
	cbb_deferred *mine = NULL;
	EXPECT_EQUAL(cbb_invocation_defer(cbb_invocation_current(), &mine), CBB_ERR_UNSUPPORTED);
	return SUM_OF(thread, number);
}

static void C18_an_event_and_a_call_of_the_program_itself_have_nobody_to_answer_later(void)
{
	given_native_threads();
	cbb_deferred *mine = NULL;
	EXPECT_EQUAL(cbb_invocation_defer(NULL, &mine), -EINVAL);
	cbb_callback *callback = EVENT_CALLBACK(event_copying);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 5, 1);
	EXPECT(dispatch_until(default_queue, &n_handled, 1));
	EXPECT_STRING(text_seen, "event 5");
	end_puppet(puppet);
	EXPECT_EQUAL(sum_pointer(SUM_CALLBACK(sum_called_by_the_program))(1, 2), SUM_OF(1, 2));
	remote_end();
}

static const struct test tests[] = {
	TEST(C18_the_native_thread_waits_for_the_answer_and_the_loop_does_not),
	TEST(C18_it_is_answered_once_from_any_thread_and_the_first_counts),
	TEST(C18_failed_or_freed_or_of_a_wrong_size_native_code_gets_on_error),
	TEST(C18_when_the_deadline_passes_native_code_gets_on_error_and_the_answer_says_so),
	TEST(C18_when_its_queue_ends_native_code_gets_on_error_and_the_answer_says_so),
	TEST(C18_when_the_host_dies_the_answer_says_so),
	TEST(C18_under_a_call_of_this_thread_the_call_waits_on_for_the_answer),
	TEST(C18_what_the_arguments_point_to_lives_on_until_the_answer),
	TEST(C18_an_event_and_a_call_of_the_program_itself_have_nobody_to_answer_later),
};
HARNESS_MAIN(tests)
