/* SPDX-License-Identifier: MIT */
/*
 * What the property test's handlers do, at random: answer, answer later, fail, call the library, close themselves.
 */
#ifndef CBB_TESTS_INTEGRATION_PROPERTY_HANDLERS_H
#define CBB_TESTS_INTEGRATION_PROPERTY_HANDLERS_H

#include "property_world.h"

/* ---- Later answers ---- */

struct later {
	struct later *next;
	cbb_deferred *deferred;
	struct life *life;
	int thread, number;
};

static struct later *laters;
static pthread_mutex_t laters_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic long n_laters; /* in the list, or being given */

static inline bool answer_later(cbb_invocation *invocation, struct life *life, int thread, int number)
{
	struct later *later = calloc(1, sizeof *later);
	*later = (struct later){.life = life, .thread = thread, .number = number};
	int r = cbb_invocation_defer(invocation, &later->deferred);
	if (r < 0) {
		COMPLAIN("cbb_invocation_defer: %d %s", r, cbb_last_error_text());
		free(later);
		return false;
	}
	life->seen[thread][number] |= SEEN_LATER;
	n_laters++;
	pthread_mutex_lock(&laters_lock);
	later->next = laters;
	laters = later;
	pthread_mutex_unlock(&laters_lock);
	return true;
}

/* Answers one, if there is any, or leaves it unanswered. */
static inline bool answer_one(void)
{
	pthread_mutex_lock(&laters_lock);
	struct later *later = laters;
	if (later)
		laters = later->next;
	pthread_mutex_unlock(&laters_lock);
	if (!later)
		return false;
	struct life *life = later->life;
	int answer = property_answer(life->index, later->thread, later->number);
	bool fails = choose(4) == 0;
	if (fails)
		life->seen[later->thread][later->number] |= SEEN_FAILED;
	int r = fails ? cbb_deferred_fail(later->deferred, -EIO, "on purpose")
	              : cbb_deferred_answer(later->deferred, &answer, sizeof answer);
	if (r < 0) {
		life->seen[later->thread][later->number] |= SEEN_FAILED;
		if (!world.host_ending && !(life->aborted && r == CBB_ERR_CLOSED))
			COMPLAIN("life %d: a later answer: %d %s", life->index, r, cbb_last_error_text());
	}
	EXPECT_EQUAL(cbb_deferred_answer(later->deferred, &answer, sizeof answer) < 0, 1);
	cbb_deferred_free(later->deferred);
	free(later);
	n_laters--;
	return true;
}

static inline bool no_later_is_owed(void *context)
{
	(void)context;
	return n_laters == 0;
}

/* ---- Closing ---- */

static inline int close_life(struct life *life, int mode)
{
	cbb_close_options options = {.size = sizeof options, .mode = mode, .timeout_ms = WAIT_MS * harness_slow()};
	life->closing = 1;
	if (mode == CBB_CLOSE_ABORT)
		life->aborted = 1;
	return cbb_callback_close(life->callback, &options);
}

/* ---- Inside a handler ---- */

static inline void call_library(cbb_invocation *invocation, const struct life *life)
{
	property_thread_fn *thread = CBB_SYMBOL(world.library, property_thread_fn, "property_thread");
	int tid = thread();
	/* An event may be handled while this thread waits in a call: then its lane is not free. */
	bool may_wait = life->listener && cbb_last_error() == CBB_ERR_WOULD_DEADLOCK;
	if (tid < 0 && !may_wait && !world.host_ending)
		COMPLAIN("life %d: a call in a handler: %d %s", life->index, cbb_last_error(), cbb_last_error_text());
	/* Of what was fetched nobody knows that the call belongs to it. */
	if (tid >= 0 && !life->listener && life->queue != QUEUE_PULL && tid != cbb_invocation_thread(invocation))
		COMPLAIN("life %d: a call in a handler ran on thread %d, its callback on %d", life->index, tid,
		         (int)cbb_invocation_thread(invocation));
}

static inline void close_inside(struct life *life)
{
	int r = close_life(life, choose(2) ? CBB_CLOSE_DRAIN : CBB_CLOSE_ABORT);
	if (r < 0)
		COMPLAIN("life %d: closing it in its handler: %d %s", life->index, r, cbb_last_error_text());
}

static inline void fail(cbb_invocation *invocation, struct life *life, int thread, int number)
{
	life->seen[thread][number] |= SEEN_FAILED;
	int r = cbb_invocation_fail(invocation, -EIO, "on purpose");
	if (r < 0 && !world.host_ending)
		COMPLAIN("life %d: cbb_invocation_fail: %d %s", life->index, r, cbb_last_error_text());
}

enum done { DONE_NOTHING, DONE_LATER, DONE_FAILED };

static inline enum done act(cbb_invocation *invocation, struct life *life, int thread, int number)
{
	unsigned what = (unsigned)choose(64);
	life->seen[thread][number] |= (uint8_t)((what < 15 ? what + 1 : 0) << 4); /* for the words of a failure */
	switch (what) {
	case 0 ... 3:
		call_library(invocation, life);
		break;
	case 4 ... 5:
		fail(invocation, life, thread, number);
		return DONE_FAILED;
	case 6 ... 8:
		if (!life->listener && life->queue != QUEUE_PULL && answer_later(invocation, life, thread, number))
			return DONE_LATER;
		break;
	case 9:
		if (choose(8) == 0 && life->queue != QUEUE_PULL)
			close_inside(life);
		break;
	case 10:
		cbb_queue_stop(world.queues[life->queue]);
		break;
	case 11:
		cbb_callback_unref(life->callback);
		cbb_callback_ref(life->callback);
		break;
	case 12:
		errno = ENOTSUP;
		break;
	default:
		break;
	}
	return DONE_NOTHING;
}

static inline int on_ask(int index, int thread, int number, int order)
{
	cbb_invocation *invocation = cbb_invocation_current();
	struct life *life = arrive(invocation, index, thread, number, order);
	if (!life)
		return 0;
	act(invocation, life, thread, number);
	depart(life, thread);
	return property_answer(index, thread, number);
}

static inline void on_event(int key, int index, int thread, int number, int order)
{
	(void)key;
	on_ask(index, thread, number, order);
}

/* The same for a queue whose invocations are fetched: `at` is where the numbers begin. */
static inline void complete(cbb_invocation *invocation, int at)
{
	void *const *arguments = cbb_invocation_arguments(invocation);
	int numbers[4];
	for (int i = 0; i < 4; i++)
		numbers[i] = *(const int *)arguments[at + i];
	int answer = property_answer(numbers[0], numbers[1], numbers[2]);
	struct life *life = arrive(invocation, numbers[0], numbers[1], numbers[2], numbers[3]);
	if (!life)
		return;
	bool listener = life->listener;
	enum done done = act(invocation, life, numbers[1], numbers[2]);
	depart(life, numbers[1]);
	if (done == DONE_FAILED)
		return; /* which has freed it */
	int r = cbb_invocation_complete(invocation, listener ? NULL : &answer, listener ? 0 : sizeof answer);
	if (r < 0 && !world.host_ending)
		COMPLAIN("life %d: cbb_invocation_complete: %d %s", life->index, r, cbb_last_error_text());
}

/* Within a call of this thread, whatever the queues do. */
static inline int on_nested(int index, int thread, int number, int order)
{
	(void)index;
	(void)thread;
	(void)order;
	return number + 1;
}

/* ---- What is told instead ---- */

static inline void on_dropped(cbb_invocation *invocation, void *const arguments[], void *user_data)
{
	int thread = *(const int *)arguments[2], number = *(const int *)arguments[3];
	struct life *life = life_of(*(const int *)arguments[1], thread, number);
	if (!life)
		return;
	if (life != user_data || cbb_invocation_callback(invocation) != life->callback)
		COMPLAIN("life %d: what was dropped is another's", life->index);
	if (!life->closing && !world.host_ending)
		COMPLAIN("life %d: dropped while it is open", life->index);
	mark(life, thread, number, SEEN_DROPPED, SEEN_RAN | SEEN_DROPPED);
	life->n_dropped++;
}

static inline void on_lost(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	struct life *life = user_data;
	if (callback != life->callback || loss->count == 0 || loss->why < CBB_LOSS_REJECTED ||
	    loss->why > CBB_LOSS_TIMEOUT || loss->first_sequence == 0 || loss->last_sequence == 0)
		COMPLAIN("life %d: a loss of %llu, why %d, from %llu to %llu", life->index, (unsigned long long)loss->count,
		         loss->why, (unsigned long long)loss->first_sequence, (unsigned long long)loss->last_sequence);
	if (life->n_finalized)
		COMPLAIN("life %d: a loss after the finalizer", life->index);
	life->n_lost += loss->count;
}

static inline void on_finalized(cbb_callback *callback, void *user_data)
{
	struct life *life = user_data;
	if (callback != life->callback || ++life->n_finalized != 1)
		COMPLAIN("life %d: finalized %d times", life->index, life->n_finalized);
}

#endif
