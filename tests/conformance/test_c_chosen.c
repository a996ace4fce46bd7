/* SPDX-License-Identifier: MIT */
/* C06: delivery as the interface says, and as the callback says otherwise. D13: priorities. */
#include "support/stream.h"

/* The library's event_fn and sum_fn, as each test wants them. */
static cbb_library *chosen;
static cbb_queue *queue;
static struct puppet *puppet;

#define CHOSEN_TEXT(words, key)                                                                                        \
	"[on_error(-77)] typedef int (*sum_fn)(int thread, int number);\n" words                                       \
	"typedef void (*event_fn)([userdata] void *user, int thread, " key "int number, const char *text);\n"

static void given_chosen(const char *text)
{
	given_native_threads();
	chosen = remote_library("threads", text);
	queue = QUEUE_WITH();
	puppet = given_a_puppet("sender");
}

/* No delivery, no overflow rule, no rate of its own. */
static cbb_callback *given_a_callback_as_the_interface_says(void)
{
	return CALLBACK_WITH(chosen, "event_fn", stream_event, .queue = queue, .on_lost = stream_loss,
	                     .on_dropped = stream_dropped, .max_queued = 4);
}

static void send(cbb_callback *callback, int first, int n)
{
	int before = puppet_says(puppet, "puppet_done");
	tell_events(puppet, event_pointer(callback), NULL, first, n);
	REQUIRE(puppet_reaches(puppet, before + n));
}

static void expect_accounted(cbb_callback *callback, long n)
{
	EXPECT(dispatch_until(queue, &n_accounted, n));
	EXPECT_EQUAL(dispatch_all(queue), 0);
	EXPECT_EQUAL(stream_check(callback, 1), (int)n + 1);
}

static void finish(void)
{
	end_puppet(puppet);
	remote_end();
}

/* The last number that a handler saw, and why others were lost. */
static void expect_rule(const char *text, long n_expected, int last, int why)
{
	given_chosen(text);
	cbb_callback *callback = given_a_callback_as_the_interface_says();
	send(callback, 1, 20);
	expect_accounted(callback, 20);
	EXPECT_EQUAL(n_handled, n_expected);
	for (long k = 0; k < n_stream; k++)
		if (stream[k].kind == STREAM_LOSS)
			EXPECT_EQUAL(stream[k].why, why);
	int newest = 0;
	for (long k = 0; k < n_stream; k++)
		if (stream[k].kind == STREAM_EVENT)
			newest = stream[k].number;
	EXPECT_EQUAL(newest, last);
	finish();
}

static void C06_the_interface_chooses_that_the_newest_are_rejected(void)
{
	expect_rule(CHOSEN_TEXT("[listener(reject_newest)] ", ""), 4, 4, CBB_LOSS_REJECTED);
}

static void C06_the_interface_chooses_that_the_oldest_are_dropped(void)
{
	expect_rule(CHOSEN_TEXT("[listener(drop_oldest)] ", ""), 4, 20, CBB_LOSS_DROPPED);
}

static void C06_the_interface_chooses_that_only_the_latest_waits(void)
{
	expect_rule(CHOSEN_TEXT("[latest] ", ""), 2, 20, CBB_LOSS_REPLACED);
}

static void C06_the_interface_chooses_a_rate(void)
{
	given_chosen(CHOSEN_TEXT("[listener(reject_newest), rate(2)] ", ""));
	cbb_callback *callback = given_a_callback_as_the_interface_says();
	send(callback, 1, 3); /* two at once; the third would have to come half a second later */
	send(callback, 4, 17);
	expect_accounted(callback, 20);
	EXPECT(n_handled >= 2);
	int n_too_fast = 0; /* on a busy machine some come later than that, and pass */
	for (long k = 0; k < n_stream; k++)
		n_too_fast += stream[k].kind == STREAM_LOSS && stream[k].why == CBB_LOSS_RATE;
	EXPECT(n_too_fast > 0);
	finish();
}

static void C06_the_interface_chooses_a_key(void)
{
	given_chosen(CHOSEN_TEXT("[listener] ", "[key] "));
	cbb_callback *callback = given_a_callback_as_the_interface_says();
	for (int i = 0; i < 10; i++)
		send(callback, 7, 1);
	EXPECT(dispatch_until(queue, &n_accounted, 10));
	EXPECT(n_handled >= 1 && n_handled <= 3); /* at most two were on their way */
	for (long k = 0; k < n_stream; k++)
		EXPECT(stream[k].kind == STREAM_EVENT || stream[k].why == CBB_LOSS_REPLACED);
	finish();
}

static void C06_a_callback_overrides_what_the_interface_chooses(void)
{
	given_chosen(CHOSEN_TEXT("[latest, rate(1)] ", ""));
	cbb_callback *callback =
	    CALLBACK_WITH(chosen, "event_fn", stream_event, .queue = queue, .on_lost = stream_loss, .max_queued = 4,
	                  .overflow = CBB_OVERFLOW_DROP_OLDEST, .rate_per_s = 100000);
	send(callback, 1, 20);
	expect_accounted(callback, 20);
	EXPECT_EQUAL(n_handled, 4);
	EXPECT_EQUAL(stream_number(n_stream - 1), 20);
	finish();
}

static long n_asked;

static void event_that_is_waited_for(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)number, (void)text;
	EXPECT_EQUAL(cbb_invocation_is_event(cbb_invocation_current()), 0);
	n_asked++;
}

static void C06_a_callback_overrides_that_nobody_waits(void)
{
	given_chosen(CHOSEN_TEXT("[listener] ", ""));
	cbb_callback *callback = CALLBACK_WITH(chosen, "event_fn", event_that_is_waited_for, .delivery = CBB_BLOCKING);
	tell_events(puppet, event_pointer(callback), NULL, 1, 5);
	wait_for_puppet(puppet);
	EXPECT_EQUAL(n_asked, 5);
	finish();
}

static int sum(int thread, int number)
{
	n_asked++;
	return SUM_OF(thread, number);
}

static void C06_the_interface_chooses_local_and_a_callback_overrides_it(void)
{
	given_native_threads();
	chosen = remote_library("threads", "[local, on_error(-77)] typedef int (*sum_fn)(int thread, int number);\n"
	                                   "int sum_here([scope(forever)] sum_fn handler, int thread, int number);\n"
	                                   "int sum_elsewhere([scope(forever)] sum_fn handler, int thread, int number);\n");
	cbb_callback *local = CALLBACK_WITH(chosen, "sum_fn", sum);
	cbb_callback *blocking = CALLBACK_WITH(chosen, "sum_fn", sum, .delivery = CBB_BLOCKING);
	int (*here)(sum_fn, int, int) = REMOTE(chosen, int(sum_fn, int, int), "sum_here");
	int (*elsewhere)(sum_fn, int, int) = REMOTE(chosen, int(sum_fn, int, int), "sum_elsewhere");
	EXPECT_EQUAL(here(sum, 1, 1), SUM_OF(1, 1)); /* a plain function, too */
	EXPECT_EQUAL(elsewhere(sum, 1, 1), SUM_ON_ERROR);
	EXPECT_EQUAL(here(sum_pointer(local), 1, 2), SUM_OF(1, 2));
	EXPECT_EQUAL(elsewhere(sum_pointer(local), 1, 2), SUM_ON_ERROR);
	EXPECT_EQUAL(elsewhere(sum_pointer(blocking), 1, 3), SUM_OF(1, 3));
	EXPECT_EQUAL(remote_report().wrong_thread_calls, 2);
	EXPECT_EQUAL(n_asked, 3);
	remote_end();
}

/* ---- D13 ---- */

/* Ten of each wait; the first that were sent are of the lower one. */
static void expect_overtaken(cbb_callback *low, cbb_callback *high)
{
	puppet = given_a_puppet("sender");
	tell_events(puppet, event_pointer(low), NULL, 1, 10);
	tell_events(puppet, event_pointer(high), NULL, 1, 10);
	REQUIRE(puppet_reaches(puppet, 20));
	EXPECT(dispatch_until(queue, &n_handled, 20));
	for (int k = 0; k < 10; k++) {
		EXPECT(stream[k].callback == high && stream[k].number == k + 1);
		EXPECT(stream[10 + k].callback == low && stream[10 + k].number == k + 1);
	}
	finish();
}

static void D13_events_of_a_higher_priority_overtake_and_each_callbacks_stay_in_order(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	cbb_callback *low = STREAM_CALLBACK(.queue = queue, .priority = -1);
	expect_overtaken(low, STREAM_CALLBACK(.queue = queue, .priority = 5));
}

static void D13_the_interface_can_say_the_priority(void)
{
	given_native_threads();
	queue = QUEUE_WITH();
	chosen = remote_library("threads", CHOSEN_TEXT("[listener, priority(3)] ", ""));
	cbb_callback *high = CALLBACK_WITH(chosen, "event_fn", stream_event, .queue = queue);
	expect_overtaken(STREAM_CALLBACK(.queue = queue), high);
}

static const struct test tests[] = {
	TEST(C06_the_interface_chooses_that_the_newest_are_rejected),
	TEST(C06_the_interface_chooses_that_the_oldest_are_dropped),
	TEST(C06_the_interface_chooses_that_only_the_latest_waits),
	TEST(C06_the_interface_chooses_a_rate),
	TEST(C06_the_interface_chooses_a_key),
	TEST(C06_a_callback_overrides_what_the_interface_chooses),
	TEST(C06_a_callback_overrides_that_nobody_waits),
	TEST(C06_the_interface_chooses_local_and_a_callback_overrides_it),
	TEST(D13_events_of_a_higher_priority_overtake_and_each_callbacks_stay_in_order),
	TEST(D13_the_interface_can_say_the_priority),
};
HARNESS_MAIN(tests)
