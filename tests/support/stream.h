/* SPDX-License-Identifier: MIT */
/*
 * The stream of a queue's events as a test sees it: events, losses and events handed back, in the order in which they
 * came. Its handlers are for listeners of event_fn whose events are numbered per callback.
 */
#ifndef CBB_TESTS_SUPPORT_STREAM_H
#define CBB_TESTS_SUPPORT_STREAM_H

#include "support/foreign.h"

#define STREAM_MAX 8192

struct stream_item {
	enum stream_kind { STREAM_EVENT, STREAM_LOSS, STREAM_DROPPED, STREAM_FINALIZED } kind;
	cbb_callback *callback;
	int number;          /* event, dropped */
	int why;             /* loss */
	uint64_t count, first_sequence, last_sequence; /* loss; of an event both are its own */
};

static struct stream_item stream[STREAM_MAX];
static _Atomic long n_stream;     /* items, also those that found no place */
static _Atomic long n_handled, n_lost, n_dropped, n_finalized;
static _Atomic long n_accounted;  /* handled, lost or dropped */

static inline void stream_append(struct stream_item item)
{
	if (n_stream < STREAM_MAX)
		stream[n_stream] = item;
	n_stream++;
}

static inline struct stream_item stream_item_of(enum stream_kind kind, cbb_invocation *invocation, int number)
{
	uint64_t sequence = cbb_invocation_sequence(invocation);
	return (struct stream_item){.kind = kind, .callback = cbb_invocation_callback(invocation), .number = number,
	                            .count = 1, .first_sequence = sequence, .last_sequence = sequence};
}

static inline void stream_event(void *user, int thread, int number, const char *text)
{
	(void)user, (void)thread, (void)text;
	stream_append(stream_item_of(STREAM_EVENT, cbb_invocation_current(), number));
	n_handled++;
	n_accounted++;
}

static inline void stream_loss(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	(void)user_data;
	EXPECT_EQUAL(loss->size, sizeof *loss);
	stream_append((struct stream_item){.kind = STREAM_LOSS, .callback = callback, .why = loss->why,
	                                   .count = loss->count, .first_sequence = loss->first_sequence,
	                                   .last_sequence = loss->last_sequence});
	n_lost += (long)loss->count;
	n_accounted += (long)loss->count;
}

static inline void stream_dropped(cbb_invocation *invocation, void *const arguments[], void *user_data)
{
	(void)user_data;
	stream_append(stream_item_of(STREAM_DROPPED, invocation, *(const int *)arguments[2]));
	n_dropped++;
	n_accounted++;
}

static inline void stream_finalized(cbb_callback *callback, void *user_data)
{
	(void)user_data;
	stream_append((struct stream_item){.kind = STREAM_FINALIZED, .callback = callback});
	n_finalized++;
}

/* A listener of the stream. */
#define STREAM_CALLBACK(...)                                                                                           \
	EVENT_CALLBACK(stream_event, .on_lost = stream_loss, .on_dropped = stream_dropped,                             \
	               .finalizer = stream_finalized, __VA_ARGS__)

/* The number of the k-th item if it is a handled event, else the negative of its kind. */
static inline int stream_number(long k)
{
	REQUIRE(k >= 0 && k < n_stream);
	return stream[k].kind == STREAM_EVENT ? stream[k].number : -(int)stream[k].kind;
}

/*
 * One callback's events come from one thread and are numbered from `first`: what was handled, dropped and lost fits
 * together without a gap, in the order of the calls. The number after the last.
 */
static inline int stream_check(const cbb_callback *callback, int first)
{
	int next = first;
	uint64_t sequence = 0;
	for (long k = 0; k < n_stream && k < STREAM_MAX; k++) {
		const struct stream_item *item = &stream[k];
		if (item->callback != callback || item->kind == STREAM_FINALIZED)
			continue;
		if (item->kind != STREAM_LOSS && item->number != next)
			FAIL("place %ld: event %d instead of %d", k, item->number, next);
		if (item->first_sequence <= sequence || item->last_sequence < item->first_sequence)
			FAIL("place %ld: sequence %lu to %lu after %lu", k, item->first_sequence, item->last_sequence,
			     sequence);
		EXPECT(item->count > 0);
		sequence = item->last_sequence;
		next = (item->kind == STREAM_LOSS ? next : item->number) + (int)item->count;
	}
	return next;
}

#endif
