/* SPDX-License-Identifier: MIT */
/*
 * The event lane from a client's end: what is sent when, what waits, what is lost and how that is told.
 */
#include "queue_party.h"

static uint64_t word, puppet;

static Cbb__OpenCallback a_listener(Cbb__Overflow overflow, uint64_t max_queued)
{
	Cbb__OpenCallback message = a_callback(0, "event_fn", CBB__DELIVERY__DELIVERY_LISTENER);
	message.overflow = overflow;
	message.max_queued = max_queued;
	return message;
}

static void given_a_queue(uint64_t max_events, uint64_t max_bytes, uint64_t stall_ms)
{
	given_a_party();
	attach_events(max_events, max_bytes, stall_ms);
	puppet = open_puppet("source");
}

static void given_a_queue_with_a_listener(uint64_t max_events, uint64_t max_bytes, uint64_t stall_ms)
{
	given_a_queue(max_events, max_bytes, stall_ms);
	word = open_callback(a_listener(CBB__OVERFLOW__OVERFLOW_WAIT, 0));
}

/* Events first to first + n - 1, as far as they pass. */
static void send_events(int first, int n)
{
	call("puppet_events", WORDS(puppet, word, 0, (uint64_t)first, (uint64_t)n));
}

static uint32_t n_waiting; /* as of the last ROOM_WANTED, which has no place among the others */

static Cbb__FrameType hear(void)
{
	Cbb__FrameType type;
	while ((type = raw_receive(&events)) == CBB__FRAME_TYPE__FRAME_ROOM_WANTED) {
		const Cbb__RoomWanted *wanted = raw_unpack(&events, &cbb__room_wanted__descriptor);
		n_waiting = wanted->threads;
	}
	return type;
}

static void *expect_frame(Cbb__FrameType type, const ProtobufCMessageDescriptor *descriptor)
{
	REQUIRE_EQUAL(hear(), type);
	return raw_unpack(&events, descriptor);
}

static void expect_room_wanted(uint32_t n)
{
	const Cbb__RoomWanted *wanted = raw_expect(&events, CBB__FRAME_TYPE__FRAME_ROOM_WANTED, &cbb__room_wanted__descriptor);
	EXPECT_EQUAL(wanted->threads, n);
	n_waiting = wanted->threads;
}

static void expect_numbers(int first, int n)
{
	for (int i = first; i < first + n; i++) {
		const Cbb__Invoke *event = expect_frame(CBB__FRAME_TYPE__FRAME_EVENT, &cbb__invoke__descriptor);
		EXPECT_EQUAL(event->words[2], i);
	}
}

/* What comes next is this many lost in a row, and their numbers fit. */
static void expect_lost(uint64_t count, Cbb__Loss why)
{
	const Cbb__Lost *lost = expect_frame(CBB__FRAME_TYPE__FRAME_LOST, &cbb__lost__descriptor);
	EXPECT_EQUAL(lost->slot, 0);
	EXPECT_EQUAL(lost->generation, 1);
	EXPECT_EQUAL(lost->count, count);
	EXPECT_EQUAL(lost->why, why);
	EXPECT(lost->last - lost->first + 1 >= count);
}

static void wait_for_source(void)
{
	call("puppet_wait", WORDS(puppet));
}

static bool is_inside(void *unused)
{
	(void)unused;
	return call("puppet_is_inside", WORDS(puppet)) == 1;
}

/* ---- What is sent ---- */

static void given_a_listener_when_called_then_its_event_comes_at_once_with_thread_and_numbers(void)
{
	given_a_queue_with_a_listener(0, 0, 0);
	uint64_t thread = call("puppet_thread", WORDS(puppet));
	send_events(41, 1);
	const Cbb__Invoke *event = expect_event(&events);
	EXPECT_EQUAL(event->thread, thread);
	EXPECT_STRING(raw_text(event->thread_name), "source");
	EXPECT_EQUAL(event->words[2], 41);
	EXPECT(event->sequence > 0);
	EXPECT_EQUAL(event->n_blocks, 1);
	send_taken(1, 1);
	const Cbb__HostStatusReply *status = raw_status(&session, host_id);
	EXPECT_EQUAL(status->info->events, 1);
	EXPECT_EQUAL(status->info->lost_events, 0);
	end_party();
}

static void given_a_client_that_takes_nothing_when_its_window_is_used_up_then_the_rest_stays_and_comes_later(void)
{
	given_a_queue_with_a_listener(8, 0, 0);
	send_events(1, 8);
	wait_for_source();
	expect_numbers(1, 4);
	EXPECT(!harness_wait_readable(events.connection.fd, 50));
	send_taken(4, 3);
	expect_numbers(5, 3);
	EXPECT(!harness_wait_readable(events.connection.fd, 50));
	send_taken(7, 7);
	expect_numbers(8, 1);
	end_party();
}

static void given_events_larger_than_the_queue_when_sent_then_one_at_a_time_passes(void)
{
	given_a_queue_with_a_listener(0, 10, 0);
	send_events(1, 3);
	expect_numbers(1, 1);
	expect_room_wanted(1);
	send_taken(1, 1);
	expect_numbers(2, 1);
	send_taken(2, 2);
	expect_numbers(3, 1);
	wait_for_source();
	end_party();
}

static void given_many_events_and_a_client_that_takes_them_at_the_end_then_all_come_in_order(void)
{
	given_a_queue_with_a_listener(UINT64_MAX, UINT64_MAX, 0);
	send_events(1, 5000);
	for (int n = 1; n <= 5000; n += 500) {
		expect_numbers(n, 500);
		send_taken((uint64_t)n + 499, (uint64_t)n + 499);
	}
	wait_for_source();
	end_party();
}

/* ---- Waiting ---- */

static void given_a_full_queue_when_its_producer_waits_then_the_client_hears_of_it_and_room_lets_it_go_on(void)
{
	given_a_queue_with_a_listener(2, 0, 0);
	send_events(1, 3);
	expect_numbers(1, 1);
	expect_room_wanted(1);
	send_taken(1, 1);
	expect_numbers(2, 1);
	wait_for_source();
	expect_room_wanted(0);
	send_taken(2, 2);
	expect_numbers(3, 1);
	end_party();
}

static void given_a_full_queue_when_nobody_takes_anything_then_the_event_is_lost_and_the_reason_told(void)
{
	given_a_queue_with_a_listener(2, 0, 100);
	send_events(1, 3);
	wait_for_source();
	expect_numbers(1, 1);
	const Cbb__Failed *failed = expect_frame(CBB__FRAME_TYPE__FRAME_FAILED, &cbb__failed__descriptor);
	EXPECT_EQUAL(failed->status, CBB__STATUS__STATUS_TIMEOUT);
	EXPECT_CONTAINS(raw_text(failed->detail), "nobody has dispatched queue 7");
	send_taken(1, 1);
	expect_numbers(2, 1);
	send_taken(2, 2);
	expect_lost(1, CBB__LOSS__LOSS_TIMEOUT);
	end_party();
}

static void given_a_wait_with_an_end_when_it_passes_then_the_event_is_lost(void)
{
	Cbb__OpenCallback message;
	given_a_queue(2, 0, 0);
	message = a_listener(CBB__OVERFLOW__OVERFLOW_WAIT, 0);
	message.wait_ms = 20;
	word = open_callback(message);
	send_events(1, 4);
	wait_for_source();
	expect_numbers(1, 1);
	send_taken(1, 1);
	expect_numbers(2, 1);
	send_taken(2, 2);
	expect_lost(2, CBB__LOSS__LOSS_TIMEOUT);
	end_party();
}

static void given_a_producer_that_waits_when_its_callback_is_closed_then_it_goes_on_and_the_end_comes_last(void)
{
	given_a_queue_with_a_listener(2, 0, 0);
	send_events(1, 3);
	expect_numbers(1, 1);
	expect_room_wanted(1);
	close_callback(&lane, 0, false);
	wait_for_source();
	close_callback(&events, 0, true); /* changes nothing */
	EXPECT_EQUAL(hear(), CBB__FRAME_TYPE__FRAME_FAILED); /* the late call */
	send_taken(1, 1);
	expect_numbers(2, 1);
	EXPECT_EQUAL(hear(), CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED);
	end_party();
}

static void given_a_producer_inside_a_call_of_the_dispatcher_when_there_is_no_room_then_it_does_not_wait(void)
{
	uint64_t words[5] = {0, 0, 1, 1, 1};
	given_a_queue(1, 0, 0);
	words[0] = word = open_callback(a_listener(CBB__OVERFLOW__OVERFLOW_WAIT, 0));
	send_events(1, 1);
	expect_numbers(1, 1);
	ProtobufCBinaryData block = {.len = 2, .data = (uint8_t *)(uintptr_t)"x"};
	Cbb__Invoke message = an_invoke_of(THREADS, threads, "event_here", words, 5);
	message.blocks = &block;
	message.n_blocks = 1;
	message.dispatches = 1u << (QUEUE - 1);
	expect_result(&lane, send_invoke(&lane, message));
	const Cbb__Failed *failed = expect_frame(CBB__FRAME_TYPE__FRAME_FAILED, &cbb__failed__descriptor);
	EXPECT_EQUAL(failed->status, CBB__STATUS__STATUS_WOULD_DEADLOCK);
	send_taken(1, 1);
	expect_lost(1, CBB__LOSS__LOSS_REJECTED);
	/* One that is served while it waits does wait. */
	send_events(2, 1);
	expect_numbers(2, 1);
	message = an_invoke_of(THREADS, threads, "event_here", words, 5);
	message.blocks = &block;
	message.n_blocks = 1;
	message.dispatches = message.serves = 1u << (QUEUE - 1);
	uint64_t sequence = send_invoke(&lane, message);
	expect_room_wanted(1);
	send_taken(2, 2);
	expect_numbers(1, 1);
	expect_result(&lane, sequence);
	end_party();
}

/* ---- Rules ---- */

/* A paused listener with five events more than it may have. */
static void given_an_overflow(Cbb__Overflow overflow, uint32_t rate_per_s)
{
	Cbb__OpenCallback message;
	given_a_queue(0, 0, 0);
	message = a_listener(overflow, rate_per_s ? 0 : 3);
	message.paused = true;
	message.rate_per_s = rate_per_s;
	word = open_callback(message);
	send_events(1, 8);
	wait_for_source();
	EXPECT(!harness_wait_readable(events.connection.fd, 50));
	pause_callback(0, false);
}

static void given_reject_newest_when_it_overflows_then_the_first_come_and_the_loss_behind_them(void)
{
	given_an_overflow(CBB__OVERFLOW__OVERFLOW_REJECT_NEWEST, 0);
	expect_numbers(1, 3);
	EXPECT(!harness_wait_readable(events.connection.fd, 50)); /* told when what is in front is done with */
	send_taken(3, 3);
	expect_lost(5, CBB__LOSS__LOSS_REJECTED);
	EXPECT_EQUAL(raw_status(&session, host_id)->info->lost_events, 5);
	end_party();
}

static void given_drop_oldest_when_it_overflows_then_the_loss_comes_and_then_the_last(void)
{
	given_an_overflow(CBB__OVERFLOW__OVERFLOW_DROP_OLDEST, 0);
	expect_lost(5, CBB__LOSS__LOSS_DROPPED);
	expect_numbers(6, 1); /* one of three may be on its way: the others can still be dropped */
	send_events(9, 1);
	wait_for_source();
	send_taken(1, 1);
	expect_lost(1, CBB__LOSS__LOSS_DROPPED);
	expect_numbers(8, 1);
	send_taken(2, 2);
	expect_numbers(9, 1);
	end_party();
}

static void given_latest_when_it_overflows_then_only_the_last_comes(void)
{
	given_an_overflow(CBB__OVERFLOW__OVERFLOW_LATEST, 0);
	expect_lost(7, CBB__LOSS__LOSS_REPLACED);
	expect_numbers(8, 1);
	send_events(9, 3);
	wait_for_source();
	EXPECT(!harness_wait_readable(events.connection.fd, 50)); /* while one is handled one waits */
	send_taken(1, 1);
	expect_lost(2, CBB__LOSS__LOSS_REPLACED);
	expect_numbers(11, 1);
	end_party();
}

/* Until each of n more events has come or was told as lost: on a busy machine some come later, and pass. */
static void expect_all_told(uint64_t *n_taken, uint64_t n)
{
	uint64_t told = 0, lost = 0;
	while (told < n) {
		Cbb__FrameType type = hear();
		if (type == CBB__FRAME_TYPE__FRAME_EVENT) {
			++*n_taken;
			send_taken(*n_taken, *n_taken);
			told++;
			continue;
		}
		REQUIRE_EQUAL(type, CBB__FRAME_TYPE__FRAME_LOST);
		const Cbb__Lost *more = raw_unpack(&events, &cbb__lost__descriptor);
		EXPECT_EQUAL(more->why, CBB__LOSS__LOSS_RATE);
		told += more->count;
		lost += more->count;
	}
	EXPECT_EQUAL(told, n);
	EXPECT(lost > 0);
}

static void given_a_rate_when_more_come_then_they_are_lost(void)
{
	uint64_t n_taken = 2;
	given_an_overflow(CBB__OVERFLOW__OVERFLOW_WAIT, 2);
	expect_numbers(1, 2);
	send_taken(n_taken, n_taken);
	expect_all_told(&n_taken, 6);
	send_events(9, 50); /* nothing else comes that could carry this loss along */
	wait_for_source();
	expect_all_told(&n_taken, 50);
	end_party();
}

static void given_keys_when_it_waits_then_a_newer_event_of_a_key_replaces_the_older_one(void)
{
	Cbb__OpenCallback message;
	given_a_queue(0, 0, 0);
	message = a_listener(CBB__OVERFLOW__OVERFLOW_COALESCE, 0);
	message.library = THREADS;
	message.function = number_in(threads, "progress_fn");
	message.paused = true;
	word = open_callback(message);
	uint64_t words[] = {word, 2, 3}; /* items 0 and 1, steps 1 to 3 */
	uint64_t crew = expect_result(&lane, send_invoke(&lane, an_invoke_of(THREADS, threads, "crew_progress", words, 3)));
	expect_result(&lane, send_invoke(&lane, an_invoke_of(THREADS, threads, "crew_free", &crew, 1)));
	pause_callback(0, false);
	expect_lost(4, CBB__LOSS__LOSS_REPLACED);
	for (unsigned item = 0; item < 2; item++) {
		const Cbb__Invoke *event = expect_event(&events);
		EXPECT_EQUAL(event->words[0], item);
		EXPECT_EQUAL(event->words[1], 3);
	}
	end_party();
}

static void given_a_paused_listener_when_another_is_called_then_that_is_not_held_up(void)
{
	Cbb__OpenCallback message;
	given_a_queue(0, 0, 0);
	message = a_listener(CBB__OVERFLOW__OVERFLOW_WAIT, 0);
	message.paused = true;
	word = open_callback(message);
	send_events(1, 2);
	message = a_callback(1, "event_fn", CBB__DELIVERY__DELIVERY_LISTENER);
	word = open_callback(message);
	send_events(3, 1);
	expect_numbers(3, 1);
	pause_callback(0, false);
	expect_numbers(1, 2);
	pause_callback(1, true);
	close_callback(&events, 1, false); /* nothing of it is left: its end comes at once */
	expect_ended(1);
	end_party();
}

static void given_a_paused_listener_with_events_when_closed_then_they_come_and_then_its_end(void)
{
	Cbb__OpenCallback message;
	given_a_queue(4, 0, 0);
	message = a_listener(CBB__OVERFLOW__OVERFLOW_WAIT, 0);
	message.paused = true;
	word = open_callback(message);
	send_events(1, 3);
	wait_for_source();
	close_callback(&events, 0, false);
	expect_numbers(1, 2);
	EXPECT(!harness_wait_readable(events.connection.fd, 50));
	send_taken(2, 1);
	expect_numbers(3, 1);
	expect_ended(0);
	end_party();
}

/* ---- Order ---- */

static void given_a_thread_with_events_on_their_way_when_it_asks_then_the_invoke_says_what_comes_before(void)
{
	struct raw_client native;
	given_a_queue(4, 0, 0);
	attach_native(&native);
	word = open_callback(a_listener(CBB__OVERFLOW__OVERFLOW_WAIT, 0));
	uint64_t sum = open_callback(a_callback(1, "sum_fn", CBB__DELIVERY__DELIVERY_BLOCKING));
	send_events(1, 4);
	call("puppet_sum", WORDS(puppet, sum, 1, 2));
	/* Two have been sent; the others would wait for credit, and go with the Invoke. */
	EXPECT_EQUAL(expect_event(&native)->words[2], 3);
	EXPECT_EQUAL(expect_event(&native)->words[2], 4);
	const Cbb__Invoke *invoke = expect_invoke(&native);
	EXPECT_EQUAL(invoke->after, 2);
	expect_numbers(1, 2);
	send_taken(2, 2);
	send_return(&native, invoke->sequence, 0, 3);
	wait_for_source();
	/* All room is there again. */
	send_events(5, 4);
	wait_for_source();
	expect_numbers(5, 2);
	send_taken(4, 4);
	expect_numbers(7, 2);
	raw_close(&native);
	end_party();
}

/* ---- Lies ---- */

static void expect_taken_is_cut_off(uint64_t received, uint64_t taken, uint64_t more)
{
	Cbb__EventsTaken message = CBB__EVENTS_TAKEN__INIT;
	given_a_queue_with_a_listener(4, 0, 0);
	send_events(1, 4);
	wait_for_source();
	expect_numbers(1, 2);
	send_taken(2, 1);
	expect_numbers(3, 1);
	message.received = received;
	message.taken = taken;
	message.more = &more;
	message.n_more = more ? 1 : 0;
	raw_send(&events, CBB__FRAME_TYPE__FRAME_EVENTS_TAKEN, &message.base);
	raw_expect_end(&events);
	EXPECT(harness_broker_wait_log(broker, "queue 7 is cut off: EventsTaken", 15000));
	send_events(9, 1); /* goes nowhere, and harms nobody */
	wait_for_source();
	end_party();
}

static void given_a_client_that_took_more_than_was_sent_when_it_says_so_then_its_queue_is_cut_off(void)
{
	expect_taken_is_cut_off(4, 1, 0);
}

static void given_a_client_that_took_more_than_it_received_when_it_says_so_then_its_queue_is_cut_off(void)
{
	expect_taken_is_cut_off(2, 3, 0);
}

static void given_a_client_that_goes_back_when_it_says_so_then_its_queue_is_cut_off(void)
{
	expect_taken_is_cut_off(2, 0, 0);
}

static void given_a_client_that_took_one_beyond_when_it_says_so_then_its_queue_is_cut_off(void)
{
	expect_taken_is_cut_off(3, 1, 4);
}

static void given_a_frame_that_does_not_belong_there_when_it_comes_then_the_queue_is_cut_off(void)
{
	Cbb__Return message = CBB__RETURN__INIT;
	given_a_queue(4, 0, 0);
	raw_send(&events, CBB__FRAME_TYPE__FRAME_RETURN, &message.base);
	raw_expect_end(&events);
	EXPECT(harness_broker_wait_log(broker, "frame RETURN does not belong on an event lane", 15000));
	end_party();
}

/* ---- A client that does not read ---- */

static void given_a_client_that_reads_nothing_when_its_queue_is_full_then_producers_wait_and_others_are_served(void)
{
	given_a_queue_with_a_listener(0, 0, 60000);
	send_events(1, 2000);
	EXPECT(harness_wait_until(is_inside, NULL, 15000));
	EXPECT(call("puppet_done", WORDS(puppet)) <= 1024);
	expect_numbers(1, 512);
	for (uint64_t n = 512; n < 2000; n++) {
		send_taken(n, n);
		expect_numbers((int)n + 1, 1);
		if (n == 1900)
			wait_for_source();
	}
	end_party();
}

static const struct test tests[] = {
    TEST(given_a_listener_when_called_then_its_event_comes_at_once_with_thread_and_numbers),
    TEST(given_a_client_that_takes_nothing_when_its_window_is_used_up_then_the_rest_stays_and_comes_later),
    TEST(given_events_larger_than_the_queue_when_sent_then_one_at_a_time_passes),
    TEST(given_many_events_and_a_client_that_takes_them_at_the_end_then_all_come_in_order),
    TEST(given_a_full_queue_when_its_producer_waits_then_the_client_hears_of_it_and_room_lets_it_go_on),
    TEST(given_a_full_queue_when_nobody_takes_anything_then_the_event_is_lost_and_the_reason_told),
    TEST(given_a_wait_with_an_end_when_it_passes_then_the_event_is_lost),
    TEST(given_a_producer_that_waits_when_its_callback_is_closed_then_it_goes_on_and_the_end_comes_last),
    TEST(given_a_producer_inside_a_call_of_the_dispatcher_when_there_is_no_room_then_it_does_not_wait),
    TEST(given_reject_newest_when_it_overflows_then_the_first_come_and_the_loss_behind_them),
    TEST(given_drop_oldest_when_it_overflows_then_the_loss_comes_and_then_the_last),
    TEST(given_latest_when_it_overflows_then_only_the_last_comes),
    TEST(given_a_rate_when_more_come_then_they_are_lost),
    TEST(given_keys_when_it_waits_then_a_newer_event_of_a_key_replaces_the_older_one),
    TEST(given_a_paused_listener_when_another_is_called_then_that_is_not_held_up),
    TEST(given_a_paused_listener_with_events_when_closed_then_they_come_and_then_its_end),
    TEST(given_a_thread_with_events_on_their_way_when_it_asks_then_the_invoke_says_what_comes_before),
    TEST(given_a_client_that_took_more_than_was_sent_when_it_says_so_then_its_queue_is_cut_off),
    TEST(given_a_client_that_took_more_than_it_received_when_it_says_so_then_its_queue_is_cut_off),
    TEST(given_a_client_that_goes_back_when_it_says_so_then_its_queue_is_cut_off),
    TEST(given_a_client_that_took_one_beyond_when_it_says_so_then_its_queue_is_cut_off),
    TEST(given_a_frame_that_does_not_belong_there_when_it_comes_then_the_queue_is_cut_off),
    TEST(given_a_client_that_reads_nothing_when_its_queue_is_full_then_producers_wait_and_others_are_served),
};
HARNESS_MAIN(tests)
