/* SPDX-License-Identifier: MIT */
/*
 * At the end of an episode: what both sides have counted fits together.
 */
#ifndef CBB_TESTS_INTEGRATION_PROPERTY_CHECK_H
#define CBB_TESTS_INTEGRATION_PROPERTY_CHECK_H

#include "property_world.h"

/* What native code was given, against what its handler did. */
static inline void check_call(const struct life *life, int thread, int number)
{
	int state = world.ledger->states[life->index][thread][number], seen = life->seen[thread][number];
	bool ran = seen & SEEN_RAN, failed = seen & SEEN_FAILED;
	bool fits = true;
	if (state == PROPERTY_WRONG || (state == PROPERTY_ANSWERED && (!ran || failed)))
		fits = false;
	if (state == PROPERTY_REFUSED && ran && !failed && !world.host_ending)
		fits = false;
	if (state == PROPERTY_CALLING && !world.host_ending)
		fits = false;
	if (state == PROPERTY_LATE && seen)
		fits = false;
	if (!fits)
		COMPLAIN("life %d of queue %d, aborted %d: call %d of thread %d came to %d, but here to %d", life->index,
		         life->queue, life->aborted, number, thread, state, seen);
}

static inline void check_calls(const struct life *life)
{
	for (int thread = 0; thread < PROPERTY_THREADS; thread++)
		for (uint32_t i = 0; i < world.ledger->n_calls[life->index][thread]; i++)
			check_call(life, thread, (int)i);
}

static inline void check_counts(struct life *life)
{
	cbb_callback_counts counts = {.size = sizeof counts};
	if (cbb_callback_count(life->callback, &counts) < 0)
		COMPLAIN("life %d: cbb_callback_count: %s", life->index, cbb_last_error_text());
	if (counts.handled != life->n_ran || counts.dropped != life->n_dropped || counts.lost != life->n_lost)
		COMPLAIN("life %d: the library counts %llu handled, %llu dropped, %llu lost; they were %llu, %llu, %llu",
		         life->index,
		         (unsigned long long)counts.handled, (unsigned long long)counts.dropped,
		         (unsigned long long)counts.lost, (unsigned long long)life->n_ran,
		         (unsigned long long)life->n_dropped, (unsigned long long)life->n_lost);
}

/* Each event that was not too late was handled, handed back, or lost and told. */
static inline void check_events(const struct life *life)
{
	uint64_t sent = n_sent(life, PROPERTY_RETURNED), known = life->n_ran + life->n_dropped + life->n_lost;
	if (known != sent)
		COMPLAIN("life %d, overflow %d, queue %d, aborted %d: of %llu events %llu ran, %llu were dropped, "
		         "%llu lost", life->index, life->overflow, life->queue, life->aborted, (unsigned long long)sent,
		         (unsigned long long)life->n_ran, (unsigned long long)life->n_dropped,
		         (unsigned long long)life->n_lost);
	if (!life->aborted && life->n_dropped)
		COMPLAIN("life %d: %llu dropped by a drain", life->index, (unsigned long long)life->n_dropped);
}

/* The host counts what came too late, and what was lost, too. */
static inline void check_report(uint64_t late_events, uint64_t refused, uint64_t lost)
{
	cbb_report report = {.size = sizeof report};
	if (cbb_host_report(world.host, &report) < 0)
		COMPLAIN("cbb_host_report: %s", cbb_last_error_text());
	if (report.late_calls < late_events || report.late_calls > late_events + refused)
		COMPLAIN("%llu late calls reported, %llu of them events were, and at most %llu others",
		         (unsigned long long)report.late_calls, (unsigned long long)late_events,
		         (unsigned long long)refused);
	if (report.lost_events != lost)
		COMPLAIN("%llu lost events reported, %llu told", (unsigned long long)report.lost_events,
		         (unsigned long long)lost);
}

static inline void check_all(void)
{
	uint64_t late_events = 0, refused = 0, lost = 0;
	for (int i = 0; i < world.n_lives; i++) {
		struct life *life = &world.lives[i];
		check_calls(life);
		world.n_invocations += life->n_ran;
		if (world.host_ending)
			continue;
		check_counts(life);
		lost += life->n_lost;
		refused += n_sent(life, PROPERTY_REFUSED);
		late_events += n_sent(life, PROPERTY_LATE);
		if (life->listener)
			check_events(life);
	}
	if (!world.host_ending)
		check_report(late_events, refused, lost);
}

static inline void check_finalizers(void)
{
	for (int i = 0; i < world.n_lives; i++)
		if (world.lives[i].n_finalized != 1)
			COMPLAIN("life %d was finalized %d times", i, world.lives[i].n_finalized);
}

#endif
