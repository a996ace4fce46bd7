/* SPDX-License-Identifier: MIT */
/*
 * The lanes of native threads, from a client's end: a host's threads wait on them, give up, are let go.
 */
#include "queue_party.h"

/* Of a queue that nobody dispatches, and of a handler that is late: long enough for what is answered in time. */
#define STALL_MS (1000 * harness_slow())
#define DEADLINE_MS (1000 * harness_slow())

static struct raw_client native;
static uint64_t word, puppet;

static Cbb__OpenCallback a_sum(Cbb__Delivery delivery)
{
	return a_callback(0, "sum_fn", delivery);
}

static void given_a_waiting_thread(Cbb__Delivery delivery, uint64_t stall_ms)
{
	given_a_party();
	attach_events(0, 0, stall_ms);
	word = open_callback(a_sum(delivery));
	puppet = open_puppet("worker");
	call("puppet_sum", WORDS(puppet, word, 3, 4));
}

/* One whose Invoke finds a lane, and lies there unread. */
static void given_a_thread_that_nobody_reads(uint64_t stall_ms)
{
	given_a_party();
	attach_events(0, 0, stall_ms);
	attach_native(&native);
	word = open_callback(a_sum(CBB__DELIVERY__DELIVERY_BLOCKING));
	puppet = open_puppet("worker");
	call("puppet_sum", WORDS(puppet, word, 3, 4));
	REQUIRE(harness_wait_readable(native.connection.fd, 15000));
}

static void expect_answer(int64_t value)
{
	EXPECT_EQUAL((int32_t)call("puppet_wait", WORDS(puppet)), value);
}

static void expect_asks_and_is_answered(int value)
{
	call("puppet_sum", WORDS(puppet, word, 5, 6));
	send_return(&native, expect_invoke(&native)->sequence, 0, (uint64_t)value);
	expect_answer(value);
}

static void finish(void)
{
	raw_close(&native);
	end_party();
}

/* ---- Asking ---- */

static void given_a_native_thread_when_it_calls_back_then_it_asks_for_a_lane_and_gets_its_answer(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_BLOCKING, 0);
	uint64_t thread = call("puppet_thread", WORDS(puppet));
	expect_lane_wanted(&native);
	const Cbb__Invoke *invoke = expect_invoke(&native);
	EXPECT_EQUAL(invoke->parent, 0);
	EXPECT_EQUAL(invoke->thread, thread);
	EXPECT_EQUAL(invoke->after, 0);
	EXPECT_STRING(raw_text(invoke->thread_name), "worker");
	EXPECT_EQUAL(invoke->words[0], 3);
	EXPECT_EQUAL(invoke->words[1], 4);
	send_return(&native, invoke->sequence, 0, 99);
	expect_answer(99);
	expect_asks_and_is_answered(100); /* on the same lane, without asking */
	finish();
}

static void given_a_thread_that_has_ended_when_another_calls_back_then_it_takes_that_lane(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_AUTO, 0);
	expect_lane_wanted(&native);
	send_return(&native, expect_invoke(&native)->sequence, 0, 1);
	expect_answer(1);
	call("puppet_close", WORDS(puppet));
	puppet = open_puppet("second");
	call("puppet_sum", WORDS(puppet, word, 7, 8));
	const Cbb__Invoke *invoke = expect_invoke(&native);
	EXPECT_STRING(raw_text(invoke->thread_name), "second");
	send_return(&native, invoke->sequence, 0, 2);
	expect_answer(2);
	finish();
}

static void given_a_client_that_gives_no_second_lane_when_two_threads_call_in_turn_then_one_lane_serves_both(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_BLOCKING, 0);
	uint64_t first = puppet;
	expect_lane_wanted(&native);
	send_return(&native, expect_invoke(&native)->sequence, 0, 1);
	expect_answer(1);
	puppet = open_puppet("second");
	call("puppet_sum", WORDS(puppet, word, 7, 8));
	send_return(&native, expect_invoke(&native)->sequence, 0, 2);
	expect_answer(2);
	puppet = first;
	expect_asks_and_is_answered(3);
	finish();
}

/* ---- Under a handler ---- */

static void given_a_handler_when_it_calls_then_that_runs_on_the_thread_that_waits(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_BLOCKING, 0);
	uint64_t thread = call("puppet_thread", WORDS(puppet));
	expect_lane_wanted(&native);
	uint64_t base = expect_invoke(&native)->sequence;
	Cbb__Invoke inner = an_invoke("puppet_answer", &puppet, 1);
	inner.parent = base;
	expect_result(&native, send_invoke(&native, inner));
	Cbb__OpenCallback local = a_callback(1, "sum_fn", CBB__DELIVERY__DELIVERY_LOCAL);
	local.queue = 0;
	uint64_t words[] = {open_callback(local), 1, 2};
	call("puppet_done", WORDS(puppet)); /* the host has heard of it */
	inner = an_invoke_of(THREADS, threads, "sum_here", words, 3);
	inner.parent = base;
	uint64_t outer = send_invoke(&native, inner);
	const Cbb__Invoke *nested = expect_invoke(&native);
	EXPECT_EQUAL(nested->parent, outer);
	EXPECT_EQUAL(nested->thread, thread);
	send_return(&native, nested->sequence, 0, 11);
	EXPECT_EQUAL(expect_result(&native, outer), 11);
	send_return(&native, base, 0, 12);
	expect_answer(12);
	finish();
}

static uint64_t call_under(uint64_t dispatches)
{
	uint64_t words[] = {word, 1, 2};
	Cbb__Invoke message = an_invoke_of(THREADS, threads, "sum_here", words, 3);
	message.dispatches = dispatches;
	return send_invoke(&lane, message);
}

static void given_a_callback_with_a_queue_when_called_under_its_dispatcher_then_it_is_nested_and_else_it_is_not(void)
{
	static const Cbb__Delivery deliveries[] = {CBB__DELIVERY__DELIVERY_AUTO, CBB__DELIVERY__DELIVERY_BLOCKING};
	given_a_party();
	attach_events(0, 0, 0);
	for (uint32_t i = 0; i < 2; i++) {
		word = open_callback(a_callback(i, "sum_fn", deliveries[i]));
		uint64_t outer = call_under(1u << (QUEUE - 1));
		const Cbb__Invoke *nested = expect_invoke(&lane);
		EXPECT_EQUAL(nested->parent, outer);
		send_return(&lane, nested->sequence, 0, 5);
		EXPECT_EQUAL(expect_result(&lane, outer), 5);
		outer = call_under(~(1ull << (QUEUE - 1)));
		if (i == 0)
			expect_lane_wanted(&native);
		send_return(&native, expect_invoke(&native)->sequence, 0, 6);
		EXPECT_EQUAL(expect_result(&lane, outer), 6);
	}
	finish();
}

static void given_a_local_callback_when_a_native_thread_calls_it_then_the_default_queue_hears_why_not(void)
{
	Cbb__OpenCallback message;
	given_a_party();
	attach_events_of(1, 0, 0, 0);
	message = a_sum(CBB__DELIVERY__DELIVERY_LOCAL);
	message.queue = 0;
	word = open_callback(message);
	puppet = open_puppet("stranger");
	call("puppet_sum", WORDS(puppet, word, 3, 4));
	const Cbb__Failed *failed = raw_expect(&events, CBB__FRAME_TYPE__FRAME_FAILED, &cbb__failed__descriptor);
	EXPECT_EQUAL(failed->status, CBB__STATUS__STATUS_WRONG_THREAD);
	EXPECT_EQUAL(failed->slot, 0);
	EXPECT_EQUAL(failed->generation, 1);
	EXPECT_STRING(raw_text(failed->thread_name), "stranger");
	EXPECT_CONTAINS(raw_text(failed->detail), "CBB_BLOCKING");
	expect_answer(SUM_ON_ERROR);
	end_party();
}

/* ---- Giving up ---- */

static bool has_heard_late_answer(void *unused)
{
	(void)unused;
	return raw_status(&session, host_id)->info->late_answers == 1;
}

/* Until the lane is its thread's again, that gets on_error at once. */
static bool is_let_through(void *unused)
{
	uint64_t n_done = call("puppet_done", WORDS(puppet));
	(void)unused;
	call("puppet_sum", WORDS(puppet, word, 5, 6));
	while (!harness_wait_readable(native.connection.fd, 0))
		if (call("puppet_done", WORDS(puppet)) > n_done)
			return false;
	return true;
}

static void answer_late(uint64_t sequence)
{
	send_return(&native, sequence, CBB__STATUS__STATUS_TIMEOUT, 0);
	EXPECT(harness_wait_until(has_heard_late_answer, NULL, 15000));
	EXPECT(harness_wait_until(is_let_through, NULL, 15000));
	send_return(&native, expect_invoke(&native)->sequence, 0, 7);
	expect_answer(7);
}

static void given_a_deadline_when_it_passes_then_the_thread_goes_on_and_the_late_answer_is_dropped(void)
{
	Cbb__OpenCallback message;
	given_a_party();
	attach_events(0, 0, 0);
	attach_native(&native);
	message = a_sum(CBB__DELIVERY__DELIVERY_BLOCKING);
	message.timeout_ms = DEADLINE_MS;
	word = open_callback(message);
	puppet = open_puppet("worker");
	call("puppet_sum", WORDS(puppet, word, 3, 4));
	uint64_t late = expect_invoke(&native)->sequence;
	const Cbb__Abandon *abandon = raw_expect(&native, CBB__FRAME_TYPE__FRAME_ABANDON, &cbb__abandon__descriptor);
	EXPECT_EQUAL(abandon->sequence, late);
	expect_answer(SUM_ON_ERROR);
	call("puppet_sum", WORDS(puppet, word, 3, 4)); /* the answer is still owed */
	expect_answer(SUM_ON_ERROR);
	/* A call of the late handler fails; its answer is counted, though no native thread waits for it. */
	Cbb__Invoke inner = an_invoke("puppet_answer", &puppet, 1);
	inner.parent = late;
	uint64_t sequence = send_invoke(&native, inner);
	const Cbb__Return *refusal = raw_expect(&native, CBB__FRAME_TYPE__FRAME_RETURN, &cbb__return__descriptor);
	EXPECT_EQUAL(refusal->sequence, sequence);
	EXPECT_EQUAL(refusal->status, CBB__STATUS__STATUS_TIMEOUT);
	answer_late(late);
	expect_asks_and_is_answered(8);
	finish();
}

/* A thread that waits for a lane asks again after a while. */
static Cbb__FrameType hear_but_for_lanes(void)
{
	Cbb__FrameType type;
	while ((type = raw_receive(&events)) == CBB__FRAME_TYPE__FRAME_LANE_WANTED)
		;
	return type;
}

static void expect_stalled(void)
{
	REQUIRE_EQUAL(hear_but_for_lanes(), CBB__FRAME_TYPE__FRAME_FAILED);
	const Cbb__Failed *failed = raw_unpack(&events, &cbb__failed__descriptor);
	EXPECT_EQUAL(failed->status, CBB__STATUS__STATUS_TIMEOUT);
	EXPECT_CONTAINS(raw_text(failed->detail), "nobody has dispatched queue 7");
	expect_answer(SUM_ON_ERROR);
}

static void given_a_client_that_attaches_no_lane_when_the_queue_stalls_then_the_thread_goes_on(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_BLOCKING, STALL_MS);
	raw_expect(&events, CBB__FRAME_TYPE__FRAME_LANE_WANTED, &cbb__lane_wanted__descriptor);
	expect_stalled();
	call("puppet_sum", WORDS(puppet, word, 3, 4)); /* the next asks again */
	expect_lane_wanted(&native);
	send_return(&native, expect_invoke(&native)->sequence, 0, 7);
	expect_answer(7);
	finish();
}

static void given_a_client_that_reads_no_invoke_when_the_queue_stalls_then_the_thread_goes_on(void)
{
	given_a_thread_that_nobody_reads(STALL_MS);
	expect_stalled();
	uint64_t late = expect_invoke(&native)->sequence;
	EXPECT_EQUAL(raw_receive(&native), CBB__FRAME_TYPE__FRAME_ABANDON);
	answer_late(late);
	expect_asks_and_is_answered(8);
	finish();
}

static void given_a_handler_that_has_begun_when_it_takes_longer_than_a_stall_then_the_thread_waits(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_BLOCKING, STALL_MS);
	expect_lane_wanted(&native);
	uint64_t sequence = expect_invoke(&native)->sequence;
	EXPECT(!harness_wait_readable(events.connection.fd, 1500)); /* nothing is told */
	send_return(&native, sequence, 0, 8);
	expect_answer(8);
	finish();
}

/* ---- Being let go ---- */

/* In whatever order: the one is told by the service thread, the other by the thread itself. */
static void expect_late_call_and_end(void)
{
	bool failed = false, ended = false;
	while (!failed || !ended) {
		Cbb__FrameType type = hear_but_for_lanes();
		failed |= type == CBB__FRAME_TYPE__FRAME_FAILED;
		ended |= type == CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED;
		REQUIRE(type == CBB__FRAME_TYPE__FRAME_FAILED || type == CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED);
	}
}

static void given_a_thread_that_waits_for_a_lane_when_its_callback_is_closed_then_it_goes_on(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_BLOCKING, 0);
	raw_expect(&events, CBB__FRAME_TYPE__FRAME_LANE_WANTED, &cbb__lane_wanted__descriptor);
	close_callback(&events, 0, false);
	expect_answer(SUM_ON_ERROR);
	expect_late_call_and_end();
	end_party();
}

static void given_an_invoke_that_nobody_has_read_when_its_callback_is_aborted_then_the_thread_goes_on(void)
{
	given_a_thread_that_nobody_reads(0);
	close_callback(&lane, 0, true);
	expect_answer(SUM_ON_ERROR);
	expect_late_call_and_end();
	/* The lane went with it; a new one serves another callback. */
	EXPECT_EQUAL(raw_receive(&native), CBB__FRAME_TYPE__FRAME_INVOKE);
	raw_expect_end(&native);
	raw_close(&native);
	word = open_callback(a_callback(1, "sum_fn", CBB__DELIVERY__DELIVERY_BLOCKING));
	call("puppet_sum", WORDS(puppet, word, 5, 6));
	expect_lane_wanted(&native);
	send_return(&native, expect_invoke(&native)->sequence, 0, 4);
	expect_answer(4);
	finish();
}

static void given_a_handler_that_has_begun_when_its_callback_is_aborted_then_its_answer_counts(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_BLOCKING, 0);
	expect_lane_wanted(&native);
	uint64_t sequence = expect_invoke(&native)->sequence;
	close_callback(&events, 0, true);
	expect_ended(0);
	send_return(&native, sequence, 0, 8);
	expect_answer(8);
	finish();
}

static void given_waiting_threads_when_the_client_ends_the_queue_then_they_go_on(void)
{
	given_a_waiting_thread(CBB__DELIVERY__DELIVERY_BLOCKING, 0);
	uint64_t first = puppet;
	expect_lane_wanted(&native);
	expect_invoke(&native);
	puppet = open_puppet("second");
	call("puppet_sum", WORDS(puppet, word, 3, 4));
	raw_expect(&events, CBB__FRAME_TYPE__FRAME_LANE_WANTED, &cbb__lane_wanted__descriptor);
	raw_close(&events);
	expect_answer(SUM_ON_ERROR);
	puppet = first;
	expect_answer(SUM_ON_ERROR);
	raw_expect_end(&native);
	finish();
}

static void given_a_late_handler_when_its_native_thread_ends_then_its_lane_ends_too(void)
{
	given_a_thread_that_nobody_reads(STALL_MS);
	expect_stalled();
	expect_invoke(&native);
	EXPECT_EQUAL(raw_receive(&native), CBB__FRAME_TYPE__FRAME_ABANDON);
	call("puppet_close", WORDS(puppet));
	raw_expect_end(&native);
	raw_close(&native);
	puppet = open_puppet("next");
	call("puppet_sum", WORDS(puppet, word, 5, 6));
	expect_lane_wanted(&native);
	send_return(&native, expect_invoke(&native)->sequence, 0, 4);
	expect_answer(4);
	finish();
}

static const struct test tests[] = {
    TEST(given_a_late_handler_when_its_native_thread_ends_then_its_lane_ends_too),
    TEST(given_a_native_thread_when_it_calls_back_then_it_asks_for_a_lane_and_gets_its_answer),
    TEST(given_a_thread_that_has_ended_when_another_calls_back_then_it_takes_that_lane),
    TEST(given_a_client_that_gives_no_second_lane_when_two_threads_call_in_turn_then_one_lane_serves_both),
    TEST(given_a_handler_when_it_calls_then_that_runs_on_the_thread_that_waits),
    TEST(given_a_callback_with_a_queue_when_called_under_its_dispatcher_then_it_is_nested_and_else_it_is_not),
    TEST(given_a_local_callback_when_a_native_thread_calls_it_then_the_default_queue_hears_why_not),
    TEST(given_a_deadline_when_it_passes_then_the_thread_goes_on_and_the_late_answer_is_dropped),
    TEST(given_a_client_that_attaches_no_lane_when_the_queue_stalls_then_the_thread_goes_on),
    TEST(given_a_client_that_reads_no_invoke_when_the_queue_stalls_then_the_thread_goes_on),
    TEST(given_a_handler_that_has_begun_when_it_takes_longer_than_a_stall_then_the_thread_waits),
    TEST(given_a_thread_that_waits_for_a_lane_when_its_callback_is_closed_then_it_goes_on),
    TEST(given_an_invoke_that_nobody_has_read_when_its_callback_is_aborted_then_the_thread_goes_on),
    TEST(given_a_handler_that_has_begun_when_its_callback_is_aborted_then_its_answer_counts),
    TEST(given_waiting_threads_when_the_client_ends_the_queue_then_they_go_on),
};
HARNESS_MAIN(tests)
