/* SPDX-License-Identifier: MIT */
/*
 * What the property test knows: the queues, the lives of callbacks, and of each invocation what became of it.
 */
#ifndef CBB_TESTS_INTEGRATION_PROPERTY_WORLD_H
#define CBB_TESTS_INTEGRATION_PROPERTY_WORLD_H

#include "support/remote.h"

#include "../fixtures/property.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define COMPLAINTS_MAX 20
#define TEAM 3           /* threads of the parallel queue */
#define WAIT_MS 20000    /* longer than anything here takes */

enum { QUEUE_DEFAULT, QUEUE_EXTRA, QUEUE_TEAM, QUEUE_PULL };

/* What became of an invocation, as this side saw it. */
enum {
	SEEN_RAN = 1,
	SEEN_DROPPED = 2,
	SEEN_FAILED = 4,  /* on purpose: native code shall get on_error */
	SEEN_LATER = 8    /* its answer is given after its handler */
};

struct life {
	cbb_callback *callback;
	int index, queue, overflow;
	bool listener;
	_Atomic bool waits_apart; /* paused: its events may come behind later ones of others */
	_Atomic int closing;      /* a close of it has begun */
	_Atomic int aborted;      /* one of them aborted */
	_Atomic int closed;       /* and has returned, outside of its handlers */
	_Atomic int n_finalized;
	_Atomic uint64_t n_ran, n_dropped, n_lost;
	_Atomic int last_order[PROPERTY_THREADS];
	_Atomic uint8_t seen[PROPERTY_THREADS][PROPERTY_CALLS_MAX];
};

static struct world {
	_Atomic uint64_t seed;    /* of this episode */
	uint64_t random;          /* of the main thread */
	cbb_host *host;
	cbb_library *_Atomic library;
	cbb_queue *queues[PROPERTY_QUEUES];
	_Atomic pid_t dispatchers[PROPERTY_QUEUES]; /* 0: any thread */
	struct property_ledger *_Atomic ledger;
	struct life lives[PROPERTY_LIVES];
	_Atomic int n_lives;
	struct life *at_place[PROPERTY_PLACES];
	_Atomic int last_order[PROPERTY_QUEUES][PROPERTY_THREADS];
	_Atomic uint64_t last_sequence[PROPERTY_QUEUES][PROPERTY_THREADS];
	_Atomic int n_running[PROPERTY_QUEUES];
	_Atomic int n_running_of[PROPERTY_QUEUES][PROPERTY_THREADS];
	_Atomic bool host_ending; /* its death is meant */
	_Atomic bool over;        /* the whole test */
	_Atomic unsigned n_complaints;
	uint64_t n_invocations, n_episodes, n_deaths;
} world;

#define COMPLAIN(format, ...)                                                                                          \
	do {                                                                                                           \
		if (world.n_complaints++ < COMPLAINTS_MAX)                                                             \
			expect_fail(__FILE__, __LINE__, "seed %llu: " format, (unsigned long long)world.seed,          \
			            ##__VA_ARGS__);                                                                    \
	} while (0)

/*
 * Which of the program's threads this is, the same in every run: so a seed gives each of them the same numbers again.
 */
static _Thread_local uint64_t property_role;
enum { ROLE_MAIN = 1, ROLE_EXTRA, ROLE_PULL, ROLE_MEDDLE, ROLE_TEAM };

/* Each thread chooses for itself, from the episode's seed on. */
static inline uint64_t choose(uint64_t n)
{
	static _Thread_local uint64_t random, seed;
	static _Atomic uint64_t n_team;
	if (!property_role)
		property_role = ROLE_TEAM + n_team++;
	if (seed != world.seed) {
		seed = world.seed;
		random = seed + property_role * 77;
	}
	return harness_random(&random) % n;
}

static inline uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- The ledger that both sides have ---- */

static inline void ledger_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0 && ftruncate(fd, sizeof *world.ledger) == 0);
	void *memory = mmap(NULL, sizeof *world.ledger, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(memory != MAP_FAILED);
	close(fd);
	world.ledger = memory;
}

static inline void ledger_close(const char *path)
{
	munmap(world.ledger, sizeof *world.ledger);
	world.ledger = NULL;
	unlink(path);
}

static inline uint64_t n_sent(const struct life *life, enum property_state state)
{
	uint64_t n = 0;
	for (int thread = 0; thread < PROPERTY_THREADS; thread++)
		for (uint32_t i = 0; i < world.ledger->n_calls[life->index][thread]; i++)
			n += world.ledger->states[life->index][thread][i] == state;
	return n;
}

/* ---- What holds of every invocation ---- */

static inline struct life *life_of(int index, int thread, int number)
{
	if (index >= 0 && index < world.n_lives && thread >= 0 && thread < PROPERTY_THREADS && number >= 0 &&
	    number < PROPERTY_CALLS_MAX)
		return &world.lives[index];
	COMPLAIN("a handler got life %d, thread %d, number %d", index, thread, number);
	return NULL;
}

static inline void check_identity(const struct life *life, cbb_invocation *invocation, int thread)
{
	char name[16];
	pid_t dispatcher = world.dispatchers[life->queue];
	snprintf(name, sizeof name, "property-%d", thread);
	if (cbb_invocation_callback(invocation) != life->callback || cbb_invocation_user_data(invocation) != life)
		COMPLAIN("life %d: a handler runs for another callback", life->index);
	if (cbb_invocation_thread(invocation) != world.ledger->tids[thread])
		COMPLAIN("life %d: native thread %d instead of %d", life->index, (int)cbb_invocation_thread(invocation),
		         world.ledger->tids[thread]);
	if (strcmp(cbb_invocation_thread_name(invocation), name) != 0)
		COMPLAIN("life %d: native thread named \"%s\"", life->index, cbb_invocation_thread_name(invocation));
	if (cbb_invocation_is_event(invocation) != life->listener)
		COMPLAIN("life %d: event or not is wrong", life->index);
	if (dispatcher && dispatcher != gettid())
		COMPLAIN("life %d: on thread %d, but queue %d is dispatched by %d", life->index, gettid(), life->queue,
		         dispatcher);
}

/* What a native thread did arrives in that order; what waits apart, in its listener's. */
static inline void check_order(struct life *life, cbb_invocation *invocation, int thread, int order)
{
	uint64_t sequence = cbb_invocation_sequence(invocation);
	int before = atomic_exchange(&life->last_order[thread], order);
	if (before >= order)
		COMPLAIN("life %d, overflow %d: %d of thread %d after %d", life->index, life->overflow, order, thread,
		         before);
	if (life->waits_apart)
		return;
	before = atomic_exchange(&world.last_order[life->queue][thread], order);
	uint64_t sequence_before = atomic_exchange(&world.last_sequence[life->queue][thread], sequence);
	if (before >= order)
		COMPLAIN("life %d, overflow %d: queue %d saw %d of thread %d after %d", life->index, life->overflow,
		         life->queue, order, thread, before);
	if (sequence_before >= sequence)
		COMPLAIN("life %d: sequence %llu after %llu", life->index, (unsigned long long)sequence,
		         (unsigned long long)sequence_before);
}

static inline void mark(struct life *life, int thread, int number, int what, int excluded)
{
	int before = atomic_fetch_or(&life->seen[thread][number], what);
	if (before & excluded)
		COMPLAIN("life %d: call %d of thread %d became %d and %d", life->index, number, thread, before, what);
	if (world.ledger->states[life->index][thread][number] == PROPERTY_NOTHING)
		COMPLAIN("life %d: call %d of thread %d was never made", life->index, number, thread);
	if (life->n_finalized)
		COMPLAIN("life %d: call %d of thread %d after the finalizer", life->index, number, thread);
}

static inline struct life *arrive(cbb_invocation *invocation, int index, int thread, int number, int order)
{
	struct life *life = life_of(index, thread, number);
	if (!life)
		return NULL;
	if (life->closed)
		COMPLAIN("life %d: a handler runs after it was closed", life->index);
	mark(life, thread, number, SEEN_RAN, SEEN_RAN | SEEN_DROPPED);
	check_identity(life, invocation, thread);
	check_order(life, invocation, thread, order);
	if (++world.n_running[life->queue] > (life->queue == QUEUE_TEAM ? TEAM : 1))
		COMPLAIN("queue %d: too many handlers at once", life->queue);
	if (++world.n_running_of[life->queue][thread] > 1)
		COMPLAIN("queue %d: two handlers of thread %d at once", life->queue, thread);
	life->n_ran++;
	return life;
}

static inline void depart(struct life *life, int thread)
{
	world.n_running[life->queue]--;
	world.n_running_of[life->queue][thread]--;
}

#endif
