/* SPDX-License-Identifier: MIT */
/* D06: waits that would never end. D14: pausing. */
#include "support/stream.h"

static cbb_queue *queue;

/* ---- D06 ---- */

static _Atomic long n_asked;

static void event_sending_more(void *user, int thread, int number, const char *text)
{
	stream_event(user, thread, number, text);
	if (number != 0)
		return;
	event_fn own = event_pointer(cbb_invocation_callback(cbb_invocation_current()));
	for (int i = 1; i <= 10; i++) {
		THREADS(void(event_fn, void *, int, int, const char *), "event_here")(own, user, thread, i, text);
		EXPECT_CALL_OK();
	}
	n_asked++;
}

static void D06_inside_a_handler_of_a_full_queue_an_event_is_lost_at_once_as_nobody_could_make_room(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.max_events = 4, .stall_timeout_ms = CBB_UNLIMITED);
	cbb_callback *callback = EVENT_CALLBACK(event_sending_more, .queue = queue, .on_lost = stream_loss);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 0, 1);
	EXPECT(dispatch_until(queue, &n_accounted, 11));
	EXPECT_EQUAL(n_asked, 1);
	EXPECT(n_lost >= 6); /* of 11, at most 4 wait while one of them is handled */
	EXPECT_EQUAL(n_handled + n_lost, 11);
	for (long k = 0; k < n_stream; k++)
		EXPECT(stream[k].kind == STREAM_EVENT || stream[k].why == CBB_LOSS_REJECTED);
	end_puppet(puppet);
	remote_end();
}

static void D06_outside_of_handlers_the_dispatcher_makes_room_itself(void)
{
	given_native_threads();
	queue = QUEUE_WITH(.max_events = 4, .stall_timeout_ms = CBB_UNLIMITED);
	dispatch_all(queue); /* this thread is its dispatcher */
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue);
	for (int i = 1; i <= 20; i++) {
		THREADS(void(event_fn, void *, int, int, const char *), "event_here")(event_pointer(callback), NULL, 1, i, "x");
		EXPECT_CALL_OK();
	}
	EXPECT(dispatch_until(queue, &n_handled, 20));
	EXPECT_EQUAL(n_lost, 0);
	EXPECT_EQUAL(stream_check(callback, 1), 21);
	remote_end();
}

static int failure_code;
static char failure_text[256];

static void on_failure(const cbb_failure *failure, void *user_data)
{
	(void)user_data;
	failure_code = failure->code;
	snprintf(failure_text, sizeof failure_text, "%s", failure->text);
}

static int sum(int thread, int number)
{
	n_asked++;
	return SUM_OF(thread, number);
}

static bool failure_was_told(void *context)
{
	cbb_invocation *invocation = NULL;
	(void)context;
	EXPECT_EQUAL(cbb_queue_next(queue, 0, &invocation), 0);
	return failure_code != 0;
}

static void D06_a_pull_queue_serves_nobody_while_its_dispatcher_waits_in_a_call(void)
{
	cbb_invocation *invocation = NULL;
	given_native_threads();
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, NULL));
	queue = QUEUE_WITH(.pull = 1, .stall_timeout_ms = CBB_UNLIMITED, .name = "pulled");
	cbb_callback *callback = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING, .queue = queue);
	EXPECT_EQUAL(cbb_queue_next(queue, 0, &invocation), 0); /* this thread is its dispatcher */
	EXPECT_EQUAL(THREADS(int(sum_fn, int, int), "sum_elsewhere")(sum_pointer(callback), 1, 1), SUM_ON_ERROR);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_asked, 0);
	EXPECT(harness_wait_until(failure_was_told, NULL, FOREIGN_WAIT_MS));
	EXPECT_EQUAL(failure_code, CBB_ERR_WOULD_DEADLOCK);
	EXPECT_CONTAINS(failure_text, "pulled");
	remote_end();
}

static void event_closing_its_queue(void *user, int thread, int number, const char *text)
{
	EXPECT(cbb_queue_close(queue) == queue);
	EXPECT_ERROR(CBB_ERR_WOULD_DEADLOCK, "");
	EXPECT_EQUAL(cbb_queue_dispatch(queue, 0, 0), CBB_ERR_BUSY); /* this one dispatches it in an outer frame */
	stream_event(user, thread, number, text);
}

static void D06_a_queue_can_not_be_closed_or_dispatched_inside_its_own_handler(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = EVENT_CALLBACK(event_closing_its_queue, .queue = queue);
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 0, 2);
	EXPECT(dispatch_until(queue, &n_handled, 2));
	EXPECT(cbb_queue_close(default_queue) == default_queue);
	EXPECT_ERROR(CBB_ERR_WOULD_DEADLOCK, "default");
	end_puppet(puppet);
	EXPECT(cbb_queue_close(queue) == NULL);
	EXPECT(cbb_queue_close(NULL) == NULL);
	remote_end();
}

/* ---- D14 ---- */

static struct puppet *send_to_paused(cbb_callback *callback, int n)
{
	struct puppet *puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(callback), NULL, 1, n);
	REQUIRE(puppet_reaches(puppet, n));
	EXPECT_EQUAL(dispatch_all(queue), 0);
	EXPECT_EQUAL(n_handled, 0);
	return puppet;
}

static void then_resumed(struct puppet *puppet, cbb_callback *callback, int n)
{
	EXPECT_EQUAL(cbb_callback_resume(callback), 0);
	EXPECT(dispatch_until(queue, &n_accounted, n));
	EXPECT_EQUAL(stream_check(callback, 1), n + 1);
	end_puppet(puppet);
	remote_end();
}

static void D14_a_paused_callback_keeps_its_oldest_events_when_it_rejects_the_newest(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .paused = 1, .max_queued = 5,
	                                         .overflow = CBB_OVERFLOW_REJECT_NEWEST);
	then_resumed(send_to_paused(callback, 20), callback, 20);
	EXPECT_EQUAL(n_handled, 5);
	EXPECT_EQUAL(stream_number(0), 1);
	EXPECT_EQUAL(stream_number(4), 5);
}

static void D14_and_its_newest_when_it_drops_the_oldest(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .paused = 1, .max_queued = 5,
	                                         .overflow = CBB_OVERFLOW_DROP_OLDEST);
	then_resumed(send_to_paused(callback, 20), callback, 20);
	EXPECT_EQUAL(n_handled, 5);
	EXPECT_EQUAL(stream_number(0), -STREAM_LOSS);
	EXPECT_EQUAL(stream_number(1), 16);
	EXPECT_EQUAL(stream_number(5), 20);
}

static void D14_and_only_the_last_when_it_wants_the_latest(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *callback = STREAM_CALLBACK(.queue = queue, .paused = 1, .overflow = CBB_OVERFLOW_LATEST);
	then_resumed(send_to_paused(callback, 20), callback, 20);
	EXPECT_EQUAL(n_handled, 1);
	EXPECT_EQUAL(stream_number(1), 20);
}

/*
 * Pausing is told to the host, which may accept a few events before it hears. They come in the order of the thread's
 * calls: so one that is not handled when a later event of the same thread is, waits.
 */
static int send_until_one_waits(struct puppet *sender, cbb_callback *paused, cbb_callback *other, int first)
{
	for (int i = 0;; i++) {
		tell_events(sender, event_pointer(paused), NULL, first + i, 1);
		tell_events(sender, event_pointer(other), NULL, first + i, 1);
		while (counts_of(other).handled < (uint64_t)(first + i))
			REQUIRE(cbb_queue_dispatch(queue, FOREIGN_WAIT_MS, 0) > 0);
		if (counts_of(paused).handled < (uint64_t)(first + i))
			return first + i;
	}
}

static void D14_while_one_is_paused_others_of_its_queue_are_delivered_and_pausing_goes_both_ways(void)
{
	int last = 0;
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *paused = STREAM_CALLBACK(.queue = queue), *other = STREAM_CALLBACK(.queue = queue);
	struct puppet *puppet = given_a_puppet("sender");
	for (int round = 0; round < 5; round++) {
		EXPECT_EQUAL(cbb_callback_pause(paused), 0);
		last = send_until_one_waits(puppet, paused, other, last + 1);
		EXPECT_EQUAL(cbb_callback_resume(paused), 0);
		EXPECT(dispatch_until(queue, &n_handled, 2l * last));
		EXPECT_EQUAL(counts_of(paused).handled, last);
	}
	EXPECT_EQUAL(stream_check(paused, 1), last + 1);
	EXPECT_EQUAL(stream_check(other, 1), last + 1);
	end_puppet(puppet);
	remote_end();
}

static void D14_only_open_listeners_can_be_paused(void)
{
	given_native_threads();
	cbb_callback *asking = SUM_CALLBACK(sum, .delivery = CBB_BLOCKING), *events = STREAM_CALLBACK();
	EXPECT_EQUAL(cbb_callback_pause(asking), CBB_ERR_UNSUPPORTED);
	EXPECT_EQUAL(cbb_callback_resume(asking), CBB_ERR_UNSUPPORTED);
	EXPECT_EQUAL(cbb_callback_resume(events), 0);
	REMOTE_OK(cbb_callback_close(events, NULL));
	EXPECT_EQUAL(cbb_callback_pause(events), CBB_ERR_CLOSED);
	EXPECT_EQUAL(cbb_callback_resume(events), CBB_ERR_CLOSED);
	remote_end();
}

static const struct test tests[] = {
	TEST(D06_inside_a_handler_of_a_full_queue_an_event_is_lost_at_once_as_nobody_could_make_room),
	TEST(D06_outside_of_handlers_the_dispatcher_makes_room_itself),
	TEST(D06_a_pull_queue_serves_nobody_while_its_dispatcher_waits_in_a_call),
	TEST(D06_a_queue_can_not_be_closed_or_dispatched_inside_its_own_handler),
	TEST(D14_a_paused_callback_keeps_its_oldest_events_when_it_rejects_the_newest),
	TEST(D14_and_its_newest_when_it_drops_the_oldest),
	TEST(D14_and_only_the_last_when_it_wants_the_latest),
	TEST(D14_while_one_is_paused_others_of_its_queue_are_delivered_and_pausing_goes_both_ways),
	TEST(D14_only_open_listeners_can_be_paused),
};
HARNESS_MAIN(tests)
