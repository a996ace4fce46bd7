/* SPDX-License-Identifier: MIT */
/* C: calls from threads that the library made, and J04: that they are right. */
#include "support/foreign.h"

#include <pthread.h>

static _Atomic long n_handled;
static _Atomic pid_t handler_ran_on, native_thread;
static char thread_name[64], call_name[64];

static int sum(int thread, int number)
{
	const cbb_invocation *invocation = cbb_invocation_current();
	const char *call = cbb_invocation_call(invocation);
	handler_ran_on = gettid();
	native_thread = cbb_invocation_thread(invocation);
	snprintf(thread_name, sizeof thread_name, "%s", cbb_invocation_thread_name(invocation));
	snprintf(call_name, sizeof call_name, "%s", call ? call : "none");
	EXPECT_EQUAL(cbb_invocation_is_event(invocation), 0);
	n_handled++;
	return SUM_OF(thread, number);
}

static int ask_here(sum_fn handler, int number)
{
	int answer = THREADS(int(sum_fn, int, int), "sum_here")(handler, 1, number);
	EXPECT_CALL_OK();
	return answer;
}

static int ask_elsewhere(sum_fn handler, int number)
{
	int answer = THREADS(int(sum_fn, int, int), "sum_elsewhere")(handler, 1, number);
	EXPECT_CALL_OK();
	return answer;
}

/* ---- C02 ---- */

static void C02_a_plain_function_called_from_a_thread_of_the_library_runs_and_nothing_crashes(void)
{
	given_native_threads();
	for (int i = 0; i < 20; i++)
		EXPECT_EQUAL(ask_elsewhere(sum, i), SUM_OF(1, i));
	EXPECT_EQUAL(n_handled, 20);
	EXPECT_EQUAL(handler_ran_on, gettid());
	EXPECT(native_thread > 0 && native_thread != THREADS(int(void), "thread_here")());
	EXPECT_EQUAL(remote_report().wrong_thread_calls, 0);
	remote_end();
}

static char failure_text[512], failure_callback[64];
static int n_failures, failure_code, failure_thread;
static char failure_thread_name[64];

static void on_failure(const cbb_failure *failure, void *user_data)
{
	EXPECT(user_data == &n_failures);
	n_failures++;
	failure_code = failure->code;
	failure_thread = failure->thread;
	snprintf(failure_text, sizeof failure_text, "%s", failure->text);
	snprintf(failure_callback, sizeof failure_callback, "%s", failure->callback_name);
	snprintf(failure_thread_name, sizeof failure_thread_name, "%s", failure->thread_name);
}

static bool crew_has_ended(void *crew)
{
	return crew_has(crew, CREW_ENDED) == 1;
}

static bool failure_was_told(void *context)
{
	(void)context;
	return n_failures > 0;
}

static void C02_when_nobody_dispatches_native_code_goes_on_in_the_end_and_an_error_names_the_queue(void)
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, &n_failures));
	cbb_queue *queue = QUEUE_WITH(.name = "forgotten", .stall_timeout_ms = 100);
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue, .name = "lonely");
	struct crew *crew = given_sums(sum_pointer(callback), 1, 1);
	EXPECT(harness_wait_until(crew_has_ended, crew, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(crew_has(crew, CREW_DEFAULT), 1);
	EXPECT(dispatch_while_waiting(queue, failure_was_told, NULL));
	EXPECT_EQUAL(n_failures, 1);
	EXPECT_EQUAL(failure_code, CBB_ERR_TIMEOUT);
	EXPECT_CONTAINS(failure_text, "forgotten");
	EXPECT_STRING(failure_callback, "lonely");
	EXPECT_EQUAL(n_handled, 0); /* what native code no longer waits for does not begin */
	EXPECT_EQUAL(ask_here(sum, 3), SUM_OF(1, 3));
	free_crew(crew);
	remote_end();
}

/* ---- C03 ---- */

static struct crew *the_crew;

static int sum_looking_at_its_caller(int thread, int number)
{
	EXPECT_EQUAL(crew_has(the_crew, CREW_INSIDE), 1);
	EXPECT_EQUAL(crew_has(the_crew, CREW_MADE), number);
	n_handled++;
	return SUM_OF(thread, number);
}

static void C03_a_foreign_call_waits_until_the_handler_is_done_and_has_its_value(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	cbb_callback *callback = SUM_CALLBACK(sum_looking_at_its_caller, .delivery = CBB_BLOCKING, .queue = queue);
	the_crew = given_sums(sum_pointer(callback), 1, 50);
	EXPECT(dispatch_until(queue, &n_handled, 50));
	join_crew(the_crew);
	EXPECT_EQUAL(crew_has(the_crew, CREW_RIGHT), 50);
	EXPECT_EQUAL(counts_of(callback).handled, 50);
	free_crew(the_crew);
	remote_end();
}

/* ---- C05 ---- */

static void C05_one_pointer_runs_nested_on_the_owners_thread_and_is_relayed_from_any_other(void)
{
	given_native_threads();
	cbb_callback *callback = SUM_CALLBACK(sum);
	sum_fn pointers[] = {sum, sum_pointer(callback)};
	for (int i = 0; i < 2; i++) {
		EXPECT_EQUAL(ask_here(pointers[i], i), SUM_OF(1, i));
		EXPECT_EQUAL(native_thread, THREADS(int(void), "thread_here")());
		EXPECT_STRING(call_name, "sum_here");
		EXPECT_EQUAL(ask_elsewhere(pointers[i], i), SUM_OF(1, i));
		EXPECT(native_thread != THREADS(int(void), "thread_here")());
		EXPECT_STRING(call_name, "none");
		EXPECT_EQUAL(handler_ran_on, gettid());
	}
	EXPECT_EQUAL(n_handled, 4);
	remote_end();
}

static _Atomic int asked_from_thread;

static void *thread_asking_here(void *context)
{
	asked_from_thread = gettid();
	EXPECT_EQUAL(ask_here(sum_pointer(context), 7), SUM_OF(1, 7));
	return NULL;
}

static void *thread_asking_then_waking(void *context)
{
	thread_asking_here(context);
	REMOTE_OK(cbb_queue_stop(cbb_queue_default(remote_client)));
	return NULL;
}

/* Without a queue: nested in whichever client thread's call it is made under. With one: only under its dispatcher's. */
static void C05_under_another_threads_call_auto_runs_there_unless_it_is_bound_to_a_queue(void)
{
	pthread_t thread;
	given_native_threads();
	cbb_callback *loose = SUM_CALLBACK(sum), *bound = SUM_CALLBACK(sum, .queue = default_queue);
	REQUIRE(pthread_create(&thread, NULL, thread_asking_here, loose) == 0);
	pthread_join(thread, NULL);
	EXPECT_EQUAL(handler_ran_on, asked_from_thread);
	REQUIRE(pthread_create(&thread, NULL, thread_asking_then_waking, bound) == 0);
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	pthread_join(thread, NULL);
	EXPECT_EQUAL(handler_ran_on, gettid());
	EXPECT_EQUAL(ask_here(sum_pointer(bound), 2), SUM_OF(1, 2));
	EXPECT_STRING(call_name, "sum_here");
	remote_end();
}

/* ---- C06 ---- */

static _Atomic long n_events;

static void event(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	EXPECT_EQUAL(cbb_invocation_is_event(cbb_invocation_current()), 1);
	n_events++;
}

static void C06_the_delivery_is_chosen_per_callback(void)
{
	given_native_threads();
	cbb_queue *queue = QUEUE_WITH();
	dispatch_all(queue); /* this thread is its dispatcher */
	cbb_callback *nested = SUM_CALLBACK(sum, .delivery = CBB_LOCAL);
	cbb_callback *relayed = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	cbb_callback *either = SUM_CALLBACK(sum, .delivery = CBB_AUTO, .queue = queue);
	cbb_callback *queued = EVENT_CALLBACK(event, .queue = queue);
	EXPECT_EQUAL(ask_here(sum_pointer(nested), 1), SUM_OF(1, 1));
	EXPECT_EQUAL(ask_elsewhere(sum_pointer(nested), 1), SUM_ON_ERROR);
	EXPECT_EQUAL(ask_elsewhere(sum_pointer(relayed), 2), SUM_OF(1, 2));
	EXPECT_EQUAL(ask_elsewhere(sum_pointer(either), 3), SUM_OF(1, 3));
	EXPECT_EQUAL(ask_here(sum_pointer(either), 4), SUM_OF(1, 4));
	THREADS(void(event_fn, void *, int, int, const char *), "event_here")(event_pointer(queued), NULL, 1, 1, "x");
	EXPECT_EQUAL(n_events, 0);
	EXPECT_EQUAL(dispatch_all(queue), 1);
	EXPECT_EQUAL(n_events, 1);
	remote_end();
}

static void C06_an_event_that_should_return_something_is_refused_when_it_is_opened(void)
{
	given_native_threads();
	cbb_callback *callback = NULL;
	cbb_callback_options options = {.size = sizeof options, .delivery = CBB_LISTENER};
	EXPECT_EQUAL(cbb_callback_open(threads_library, "sum_fn", CBB_FUNCTION(sum), &options, &callback),
	             CBB_ERR_ARGUMENT);
	EXPECT_CONTAINS(cbb_last_error_text(), "sum_fn");
	options.delivery = 99;
	EXPECT(cbb_callback_open(threads_library, "sum_fn", CBB_FUNCTION(sum), &options, &callback) < 0);
	EXPECT(callback == NULL);
	remote_end();
}

/* ---- C10, C11 ---- */

static void C10_a_wrong_thread_call_gives_on_error_and_a_message_that_names_the_cause(void)
{
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, &n_failures));
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_LOCAL, .name = "own thread only");
	struct puppet *puppet = given_a_puppet("intruder");
	tell_sum(puppet, sum_pointer(callback), 1, 1);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	EXPECT_EQUAL(n_handled, 0);
	cbb_report report = remote_report();
	EXPECT_EQUAL(report.wrong_thread_calls, 1);
	EXPECT_CONTAINS(report.notice, "own thread only");
	EXPECT_CONTAINS(report.notice, "intruder");
	EXPECT(dispatch_while_waiting(default_queue, failure_was_told, NULL));
	EXPECT_EQUAL(failure_code, CBB_ERR_WRONG_THREAD);
	EXPECT_STRING(failure_callback, "own thread only");
	EXPECT_STRING(failure_thread_name, "intruder");
	EXPECT_EQUAL(failure_thread, puppet_says(puppet, "puppet_thread"));
	EXPECT_CONTAINS(failure_text, "BLOCKING"); /* and what would settle it */
	end_puppet(puppet);
	remote_end();
}

static char event_thread_name[64];
static pid_t event_thread;

static void event_noting_its_thread(void *user, int thread, int number, const char *text)
{
	const cbb_invocation *invocation = cbb_invocation_current();
	event_thread = cbb_invocation_thread(invocation);
	snprintf(event_thread_name, sizeof event_thread_name, "%s", cbb_invocation_thread_name(invocation));
	EXPECT_EQUAL(thread, event_thread); /* a puppet's events carry its number */
	event(user, thread, number, text);
}

static void C11_a_handler_can_learn_which_native_thread_called(void)
{
	static const char *const names[] = {"painter", "", "a name of 15 by"};
	given_native_threads();
	cbb_callback *callback = EVENT_CALLBACK(event_noting_its_thread);
	for (int i = 0; i < 3; i++) {
		struct puppet *puppet = given_a_puppet(names[i]);
		tell_sum(puppet, sum, 2, i);
		tell_event(puppet, event_pointer(callback), NULL, i, "x");
		EXPECT_EQUAL(wait_for_puppet(puppet), 0);
		EXPECT(dispatch_until(default_queue, &n_events, i + 1));
		EXPECT_EQUAL(native_thread, puppet_says(puppet, "puppet_thread"));
		EXPECT_EQUAL(event_thread, native_thread);
		EXPECT_STRING(thread_name, names[i]);
		EXPECT_STRING(event_thread_name, names[i]);
		end_puppet(puppet);
	}
	remote_end();
}

/* ---- C16, C20 ---- */

static _Atomic pid_t other_dispatcher;

static void *thread_running_the_default_queue(void *context)
{
	other_dispatcher = gettid();
	EXPECT_EQUAL(cbb_queue_run(default_queue), 0);
	return context;
}

/* The default queue's dispatcher is the thread that connected, until another dispatches it; and so on. */
static void C16_handlers_run_on_the_thread_that_dispatched_last(void)
{
	pthread_t thread;
	given_native_threads();
	cbb_callback *keeping = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING);
	EXPECT_EQUAL(ask_elsewhere(sum, 1), SUM_OF(1, 1));
	EXPECT_EQUAL(handler_ran_on, gettid());
	REQUIRE(pthread_create(&thread, NULL, thread_running_the_default_queue, NULL) == 0);
	do
		EXPECT_EQUAL(ask_elsewhere(sum, 2), SUM_OF(1, 2)); /* here, until the other has begun */
	while (handler_ran_on != other_dispatcher);
	for (int i = 0; i < 20; i++) {
		EXPECT_EQUAL(ask_elsewhere(sum, i), SUM_OF(1, i));
		EXPECT_EQUAL(handler_ran_on, other_dispatcher);
	}
	REMOTE_OK(cbb_callback_close(keeping, NULL));
	pthread_join(thread, NULL);
	EXPECT_EQUAL(cbb_queue_dispatch(default_queue, 0, 0), 0);
	EXPECT_EQUAL(ask_elsewhere(sum, 3), SUM_OF(1, 3));
	EXPECT_EQUAL(handler_ran_on, gettid());
	remote_end();
}

static int sum_opening_the_gate(int thread, int number)
{
	THREADS(void(void), "gate_open")();
	EXPECT_CALL_OK();
	return sum(thread, number);
}

static void C16_while_the_owner_is_blocked_in_a_call_others_are_served(void)
{
	given_native_threads();
	struct puppet *puppet = given_a_puppet("opener");
	for (int i = 0; i < 20; i++) {
		tell_sum(puppet, sum_opening_the_gate, 1, i); /* from now on at any moment: before the call or in it */
		EXPECT_EQUAL(wait_for_puppet(puppet), SUM_OF(1, i));
	}
	struct crew *crew = given_sums(sum_opening_the_gate, 2, 0);
	THREADS(void(void), "gate_wait")(); /* nothing but a handler opens it */
	EXPECT_CALL_OK();
	EXPECT_EQUAL(handler_ran_on, gettid());
	THREADS(void(struct crew *), "crew_stop")(crew);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), crew_has(crew, CREW_MADE));
	free_crew(crew);
	end_puppet(puppet);
	remote_end();
}

static void event_waiting_for_the_gate(void *user, int thread, int number, const char *text)
{
	cbb_function *gate_wait = NULL;
	REMOTE_OK(cbb_function_find(threads_library, "gate_wait", &gate_wait));
	cbb_call_options options = {.size = sizeof options, .serve = 1};
	EXPECT_EQUAL(cbb_call_with(gate_wait, NULL, NULL, &options), 0);
	event(user, thread, number, text);
}

static void C16_a_call_made_inside_a_handler_serves_others_if_it_says_so(void)
{
	given_native_threads();
	cbb_callback *callback = EVENT_CALLBACK(event_waiting_for_the_gate);
	struct puppet *puppet = given_a_puppet("sender");
	struct crew *crew = given_sums(sum_opening_the_gate, 2, 0); /* nothing but a handler opens it */
	tell_event(puppet, event_pointer(callback), NULL, 1, "x");
	EXPECT(dispatch_until(default_queue, &n_events, 1));
	EXPECT(cbb_queue_dispatch(default_queue, 0, 0) >= 0); /* what served did not keep the queue */
	THREADS(void(struct crew *), "crew_stop")(crew);
	join_crew(crew);
	EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), crew_has(crew, CREW_MADE));
	free_crew(crew);
	end_puppet(puppet);
	remote_end();
}

static void C20_a_call_from_the_destructor_of_a_thread_that_ends_works(void)
{
	given_native_threads();
	for (int round = 0; round < 5; round++) {
		struct crew *crew = THREADS(struct crew *(sum_fn, int), "crew_destructors")(sum, 8);
		join_crew(crew);
		EXPECT_EQUAL(crew_has(crew, CREW_RIGHT), 8);
		free_crew(crew);
	}
	EXPECT_EQUAL(n_handled, 40);
	remote_end();
}

static const struct test tests[] = {
	TEST(C02_a_plain_function_called_from_a_thread_of_the_library_runs_and_nothing_crashes),
	TEST(C02_when_nobody_dispatches_native_code_goes_on_in_the_end_and_an_error_names_the_queue),
	TEST(C03_a_foreign_call_waits_until_the_handler_is_done_and_has_its_value),
	TEST(C05_one_pointer_runs_nested_on_the_owners_thread_and_is_relayed_from_any_other),
	TEST(C05_under_another_threads_call_auto_runs_there_unless_it_is_bound_to_a_queue),
	TEST(C06_the_delivery_is_chosen_per_callback),
	TEST(C06_an_event_that_should_return_something_is_refused_when_it_is_opened),
	TEST(C10_a_wrong_thread_call_gives_on_error_and_a_message_that_names_the_cause),
	TEST(C11_a_handler_can_learn_which_native_thread_called),
	TEST(C16_while_the_owner_is_blocked_in_a_call_others_are_served),
	TEST(C16_handlers_run_on_the_thread_that_dispatched_last),
	TEST(C16_a_call_made_inside_a_handler_serves_others_if_it_says_so),
	TEST(C20_a_call_from_the_destructor_of_a_thread_that_ends_works),
};
HARNESS_MAIN(tests)
