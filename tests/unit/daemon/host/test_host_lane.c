/* SPDX-License-Identifier: MIT */
#include "made_lane.h"

static struct made_lane made;

static void given_a_lane(void)
{
	lane_make(&made);
	open_callbacks(&made);
}

static void given_late_callbacks(uint64_t one, uint64_t two)
{
	made.lane.owed[0] = one;
	made.lane.owed[1] = two;
	made.lane.n_owed = 2;
}

static int serve_return(uint64_t sequence)
{
	Cbb__Return message = CBB__RETURN__INIT;
	message.sequence = sequence;
	return serve(&made, CBB__FRAME_TYPE__FRAME_RETURN, &message.base, 0);
}

static int serve_call(uint64_t sequence, uint64_t parent, uint64_t expected_parent)
{
	uint64_t word = 41;
	Cbb__Invoke message = CBB__INVOKE__INIT;
	message.sequence = sequence;
	message.parent = parent;
	message.library = 1;
	message.function = number_of("add_one");
	message.words = &word;
	message.n_words = 1;
	return serve(&made, CBB__FRAME_TYPE__FRAME_INVOKE, &message.base, expected_parent);
}

static int serve_abandon(uint64_t sequence)
{
	Cbb__Abandon message = CBB__ABANDON__INIT;
	message.sequence = sequence;
	return serve(&made, CBB__FRAME_TYPE__FRAME_ABANDON, &message.base, 0);
}

static const Cbb__Return *answer(void)
{
	return heard(&made, CBB__FRAME_TYPE__FRAME_RETURN, &cbb__return__descriptor);
}

static void given_a_call_when_served_then_it_is_answered_and_nothing_stays_in_flight(void)
{
	given_a_lane();
	EXPECT_EQUAL(serve_call(9, 0, 0), 0);
	const Cbb__Return *result = answer();
	EXPECT_EQUAL(result->sequence, 9);
	EXPECT_EQUAL(result->words[0], 42);
	EXPECT(made.lane.top == NULL);
	EXPECT_EQUAL(made.lane.n_calls, 0);
	lane_end(&made);
}

static void given_calls_at_the_depth_when_one_more_is_served_then_it_is_a_breach(void)
{
	given_a_lane();
	made.lane.n_calls = HOST_DEPTH_MAX - 1;
	EXPECT_EQUAL(serve_call(9, 0, 0), 0);
	EXPECT_EQUAL(answer()->status, 0);
	made.lane.n_calls = HOST_DEPTH_MAX;
	EXPECT_EQUAL(serve_call(10, 0, 0), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "64");
	lane_end(&made);
}

static void given_a_handler_that_is_late_when_it_calls_then_the_call_is_refused_and_others_are_a_breach(void)
{
	given_a_lane();
	given_late_callbacks(5, 6);
	EXPECT_EQUAL(serve_call(9, 6, 0), 0);
	const Cbb__Return *result = answer();
	EXPECT_EQUAL(result->sequence, 9);
	EXPECT_EQUAL(result->status, CBB__STATUS__STATUS_TIMEOUT);
	EXPECT(result->detail.len > 0);
	EXPECT_EQUAL(serve_call(10, 7, 0), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "callback 7, which is not in flight");
	EXPECT_EQUAL(serve_call(10, 0, 5), -EBADMSG);
	lane_end(&made);
}

static void given_late_callbacks_when_their_answers_come_then_each_is_taken_once(void)
{
	given_a_lane();
	given_late_callbacks(5, 6);
	EXPECT_EQUAL(serve_return(5), 0);
	EXPECT_EQUAL(made.lane.n_owed, 1);
	EXPECT_EQUAL(serve_return(5), -EBADMSG);
	EXPECT_EQUAL(serve_return(6), 0);
	EXPECT_EQUAL(made.lane.n_owed, 0);
	EXPECT_EQUAL(serve_return(6), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "a Return to nothing");
	lane_end(&made);
}

static void given_calls_in_flight_when_one_is_abandoned_then_it_is_noted_and_others_are_ignored(void)
{
	struct native_call outer = {.sequence = 3}, inner = {.sequence = 4, .outer = &outer};
	given_a_lane();
	made.lane.top = &inner;
	EXPECT_EQUAL(serve_abandon(5), 0); /* answered already */
	EXPECT_EQUAL(made.lane.abandoned, 0);
	EXPECT_EQUAL(serve_abandon(3), 0);
	EXPECT_EQUAL(made.lane.abandoned, 3);
	lane_end(&made);
}

/*
 * The client gave up the chain: its late handlers say nothing more, and must not block the lane's callbacks for ever.
 */
static void given_late_callbacks_when_the_chain_is_abandoned_then_no_answer_is_owed(void)
{
	given_a_lane();
	given_late_callbacks(5, 6);
	EXPECT_EQUAL(serve_abandon(99), 0); /* the call itself was answered in time */
	EXPECT_EQUAL(made.lane.n_owed, 0);
	lane_end(&made);
}

static void given_frames_that_belong_elsewhere_when_served_then_they_are_a_breach(void)
{
	Cbb__HostEnd message = CBB__HOST_END__INIT;
	given_a_lane();
	EXPECT_EQUAL(serve(&made, CBB__FRAME_TYPE__FRAME_HOST_END, &message.base, 0), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "HOST_END does not belong on a lane");
	EXPECT_EQUAL(serve(&made, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &message.base, 0), -EBADMSG);
	lane_end(&made);
}

static void given_a_lane_that_is_cut_off_when_used_then_nothing_is_sent(void)
{
	struct frame frame;
	given_a_lane();
	host_lane_kill(&made.lane, "a reason");
	EXPECT(made.lane.dead);
	host_lane_kill(&made.lane, "another");
	detail_set(0, "words");
	EXPECT_EQUAL(host_lane_refuse(&made.lane, 1, CBB__STATUS__STATUS_BUSY), -ECONNRESET);
	EXPECT_EQUAL(connection_receive(&made.client, &frame, clock_deadline_ns(5000)), 0);
	lane_end(&made);
}

static const struct test tests[] = {
    TEST(given_a_call_when_served_then_it_is_answered_and_nothing_stays_in_flight),
    TEST(given_calls_at_the_depth_when_one_more_is_served_then_it_is_a_breach),
    TEST(given_a_handler_that_is_late_when_it_calls_then_the_call_is_refused_and_others_are_a_breach),
    TEST(given_late_callbacks_when_their_answers_come_then_each_is_taken_once),
    TEST(given_calls_in_flight_when_one_is_abandoned_then_it_is_noted_and_others_are_ignored),
    TEST(given_late_callbacks_when_the_chain_is_abandoned_then_no_answer_is_owed),
    TEST(given_frames_that_belong_elsewhere_when_served_then_they_are_a_breach),
    TEST(given_a_lane_that_is_cut_off_when_used_then_nothing_is_sent),
};
HARNESS_MAIN(tests)
