/* SPDX-License-Identifier: MIT */
/*
 * Eight native threads call whatever callbacks there are, while these are opened and closed, queues are dispatched in
 * every way, and hosts die. Both sides count: every invocation was handled, refused, dropped or lost, and told, exactly
 * once, and what one thread does on one queue arrives in its order.
 *
 * The seed is printed; CBB_TEST_SEED=N begins with that one. CBB_TEST_NIGHTLY=1 runs ten minutes.
 */
#include "property_check.h"
#include "property_handlers.h"

#include <poll.h>
#include <signal.h>

#define SECONDS 20
#define NIGHTLY_SECONDS 600

/* ---- Lives ---- */

static void choose_kind(struct life *life, cbb_callback_options *options)
{
	static const int32_t asks[] = {CBB_AUTO, CBB_BLOCKING};
	life->listener = choose(2);
	life->queue = (int)choose(PROPERTY_QUEUES);
	options->queue = world.queues[life->queue];
	options->delivery = life->listener ? CBB_LISTENER : asks[choose(2)];
	options->user_data = life;
	options->on_dropped = on_dropped;
	options->on_lost = on_lost;
	options->finalizer = on_finalized;
	if (!life->listener)
		return;
	options->overflow = life->overflow = (int)(CBB_OVERFLOW_WAIT + choose(5));
	options->max_queued = choose(2) ? 1 + choose(16) : 0;
	options->rate_per_s = choose(8) ? 0 : 1000;
	options->wait_timeout_ms = choose(4) ? 0 : 5;
	options->paused = choose(16) == 0;
	life->waits_apart = options->paused; /* such events are overtaken, and by nothing of their own callback */
}

static int place_life(int place, const struct life *life)
{
	cbb_any_function pointer = cbb_callback_pointer(life->callback);
	property_place_event_fn *place_event = CBB_SYMBOL(world.library, property_place_event_fn, "property_place_event");
	property_place_ask_fn *place_ask = CBB_SYMBOL(world.library, property_place_ask_fn, "property_place_ask");
	if (life->listener)
		return place_event(place, (property_event *)pointer, life->index, life->queue);
	return place_ask(place, (property_ask *)pointer, life->index, life->queue);
}

/* A new callback for the threads to call. */
static void open_life(int place)
{
	cbb_callback_options options = {.size = sizeof options};
	struct life *life = &world.lives[world.n_lives];
	life->index = world.n_lives;
	choose_kind(life, &options);
	int r = cbb_callback_open(world.library, life->listener ? "property_event" : "property_ask",
	                          life->listener ? CBB_FUNCTION(on_event) : CBB_FUNCTION(on_ask), &options,
	                          &life->callback);
	if (r < 0) {
		if (!world.host_ending)
			COMPLAIN("cbb_callback_open: %d %s", r, cbb_last_error_text());
		return;
	}
	world.n_lives++;
	world.at_place[place] = life;
	if (place_life(place, life) != 1 && !world.host_ending)
		COMPLAIN("placing a callback: %d %s", cbb_last_error(), cbb_last_error_text());
}

static void end_life(struct life *life, int mode)
{
	int r = close_life(life, mode);
	if (r == 0)
		life->closed = 1;
	else
		COMPLAIN("life %d of queue %d: closing it in mode %d: %d %s", life->index, life->queue, mode, r,
		         cbb_last_error_text());
}

/* ---- What the main thread does, whose queue the default one is ---- */

static cbb_queue *main_queue(void)
{
	return world.queues[QUEUE_DEFAULT];
}

static void dispatch(cbb_queue *queue)
{
	struct pollfd poller = {.fd = cbb_queue_fd(queue), .events = POLLIN};
	int r = 0;
	switch (choose(4)) {
	case 0:
		r = cbb_queue_dispatch(queue, choose(5), (unsigned)choose(8));
		break;
	case 1:
		r = poll(&poller, 1, (int)choose(5)) > 0 ? cbb_queue_dispatch(queue, 0, 0) : 0;
		break;
	case 2:
		r = cbb_queue_dispatch(queue, 2, 1);
		break;
	default:
		r = cbb_queue_run(queue); /* others stop it */
	}
	if (r < 0)
		COMPLAIN("dispatching: %d %s", r, cbb_last_error_text());
}

static void call(void)
{
	int number = (int)choose(1000);
	property_nested_fn *nested = CBB_SYMBOL(world.library, property_nested_fn, "property_nested");
	property_pause_fn *pause_there = CBB_SYMBOL(world.library, property_pause_fn, "property_pause");
	bool nests = choose(2);
	int r = nests ? nested(on_nested, number) : pause_there(number);
	if (r != number + (nests ? 1 : 0) && !world.host_ending)
		COMPLAIN("a call gave %d: %d %s", r, cbb_last_error(), cbb_last_error_text());
}

static void set_paused(struct life *life, bool paused)
{
	if (paused)
		life->waits_apart = true;
	if (life->listener && !life->closing && (paused ? cbb_callback_pause(life->callback)
	                                                : cbb_callback_resume(life->callback)) < 0 && !life->closing)
		COMPLAIN("life %d: pausing or resuming: %s", life->index, cbb_last_error_text());
}

static void step(void)
{
	int place = (int)choose(PROPERTY_PLACES);
	struct life *life = world.at_place[place];
	switch (choose(12)) {
	case 0:
		if (world.n_lives < PROPERTY_LIVES) {
			if (life)
				end_life(life, choose(2) ? CBB_CLOSE_DRAIN : CBB_CLOSE_ABORT);
			open_life(place);
		}
		break;
	case 1 ... 2:
		call();
		break;
	case 3:
		if (life)
			set_paused(life, choose(4) == 0);
		break;
	default:
		dispatch(main_queue());
	}
}

/* ---- The other threads of the program ---- */

static void *dispatch_extra(void *unused)
{
	(void)unused;
	property_role = ROLE_EXTRA;
	world.dispatchers[QUEUE_EXTRA] = gettid();
	while (!world.over)
		dispatch(world.queues[QUEUE_EXTRA]);
	return NULL;
}

static void *pull(void *unused)
{
	(void)unused;
	property_role = ROLE_PULL;
	world.dispatchers[QUEUE_PULL] = gettid();
	while (!world.over) {
		cbb_invocation *invocation = NULL;
		int r = cbb_queue_next(world.queues[QUEUE_PULL], 5, &invocation);
		if (r < 0)
			COMPLAIN("cbb_queue_next: %d %s", r, cbb_last_error_text());
		if (r > 0)
			complete(invocation, cbb_invocation_is_event(invocation) ? 1 : 0);
	}
	return NULL;
}

/* Answers what was to be answered later, and stops queues. */
static void *meddle(void *ended)
{
	property_role = ROLE_MEDDLE;
	while (!*(_Atomic bool *)ended) {
		while (answer_one())
			;
		poll(NULL, 0, 1);
		cbb_queue_stop(world.queues[QUEUE_DEFAULT]);
		cbb_queue_stop(world.queues[QUEUE_EXTRA]);
	}
	while (answer_one())
		;
	return NULL;
}

/* ---- Episodes ---- */

static void begin(uint64_t seed, const char *path)
{
	world.seed = world.random = seed;
	world.host_ending = false;
	world.n_lives = 0;
	memset(world.lives, 0, sizeof world.lives);
	memset(world.at_place, 0, sizeof world.at_place);
	memset(world.last_order, 0, sizeof world.last_order);
	memset(world.last_sequence, 0, sizeof world.last_sequence);
	ledger_open(path);
	REMOTE_OK(cbb_host_open(remote_client, &(cbb_host_options){.size = sizeof(cbb_host_options),
	                                                           .call_timeout_ms = WAIT_MS * harness_slow()},
	                        &world.host));
	world.library = remote_library_in(world.host, "property", PROPERTY_TEXT);
	REQUIRE_EQUAL(REMOTE(world.library, property_open_fn, "property_open")(path), 1);
	for (int place = 0; place < PROPERTY_PLACES; place++)
		open_life(place);
	REQUIRE_EQUAL(REMOTE(world.library, property_start_fn, "property_start")(seed), PROPERTY_THREADS);
}

static bool all_are_finalized(void)
{
	for (int i = 0; i < world.n_lives; i++)
		if (world.lives[i].n_finalized == 0)
			return false;
	return true;
}

static void close_all(void)
{
	for (int i = 0; i < world.n_lives; i++)
		end_life(&world.lives[i], CBB_CLOSE_DRAIN);
}

/* Whoever answers later looks at this episode's lives and notes there what became of it. */
static void wait_for_later_answers(void)
{
	EXPECT(harness_wait_until(no_later_is_owed, NULL, WAIT_MS));
}

/* The threads end by themselves; then all that they did is known. */
static void end_well(void)
{
	for (int place = 0; place < PROPERTY_PLACES; place++)
		if (world.at_place[place])
			set_paused(world.at_place[place], false);
	int n = CBB_SYMBOL(world.library, property_stop_fn, "property_stop")();
	if (n != PROPERTY_THREADS)
		COMPLAIN("stopping the threads: %d, %d %s", n, cbb_last_error(), cbb_last_error_text());
	close_all();
	for (uint64_t end_ms = now_ms() + WAIT_MS * harness_slow(); !all_are_finalized() && now_ms() < end_ms;)
		cbb_queue_dispatch(main_queue(), 2, 0);
	wait_for_later_answers();
	check_all();
	check_finalizers();
	EXPECT(cbb_host_close(world.host) == NULL);
}

/* The host is killed, from here or from elsewhere, or closed. */
static void end_by_death(void)
{
	world.host_ending = true;
	world.n_deaths++;
	switch (choose(3)) {
	case 0:
		REMOTE_OK(cbb_host_kill(world.host));
		break;
	case 1:
		kill(cbb_host_pid(world.host), SIGKILL);
		break;
	default:
		break;
	}
	if (choose(2))
		close_all();
	EXPECT(cbb_host_close(world.host) == NULL);
	wait_for_later_answers();
	check_all();
	check_finalizers();
}

static void episode(uint64_t seed, const char *path)
{
	begin(seed, path);
	for (uint64_t end_ms = now_ms() + 100 + choose(400); now_ms() < end_ms && !world.n_complaints;)
		step();
	if (choose(3))
		end_well();
	else
		end_by_death();
	ledger_close(path);
	world.n_episodes++;
}

static void open_queues(void)
{
	world.queues[QUEUE_DEFAULT] = cbb_queue_default(remote_client);
	world.dispatchers[QUEUE_DEFAULT] = gettid();
	REMOTE_OK(cbb_queue_open(remote_client, &(cbb_queue_options){.size = sizeof(cbb_queue_options), .max_events = 64},
	                         &world.queues[QUEUE_EXTRA]));
	REMOTE_OK(cbb_queue_open(remote_client, NULL, &world.queues[QUEUE_TEAM]));
	REMOTE_OK(cbb_queue_start(world.queues[QUEUE_TEAM], TEAM));
	REMOTE_OK(cbb_queue_open(remote_client, &(cbb_queue_options){.size = sizeof(cbb_queue_options), .pull = 1},
	                         &world.queues[QUEUE_PULL]));
}

static void run_episodes(uint64_t seed, unsigned seconds)
{
	uint64_t random = seed, end_ms = now_ms() + 1000u * seconds;
	const char *path = harness_temp_path("ledger");
	do {
		episode(seed, path);
		seed = harness_random(&random);
	} while (now_ms() < end_ms && !world.n_complaints);
	printf("     %llu invocations in %llu episodes, %llu of them ended by a death\n",
	       (unsigned long long)world.n_invocations, (unsigned long long)world.n_episodes,
	       (unsigned long long)world.n_deaths);
}

static void run(unsigned seconds)
{
	pthread_t extra, puller, meddler;
	_Atomic bool meddled = false;
	struct timespec now;
	property_role = ROLE_MAIN;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t seed = harness_seed((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30);
	printf("     seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	given_a_connection();
	open_queues();
	REQUIRE_EQUAL(pthread_create(&extra, NULL, dispatch_extra, NULL), 0);
	REQUIRE_EQUAL(pthread_create(&puller, NULL, pull, NULL), 0);
	REQUIRE_EQUAL(pthread_create(&meddler, NULL, meddle, &meddled), 0);
	run_episodes(seed, seconds);
	world.over = true;
	pthread_join(extra, NULL);
	pthread_join(puller, NULL);
	meddled = true;
	pthread_join(meddler, NULL);
	EXPECT(world.n_invocations > 0);
	remote_end();
}

static void given_threads_that_call_at_random_when_all_is_counted_then_each_call_came_to_one_end_in_order(void)
{
	run(SECONDS);
}

static void given_threads_that_call_at_random_for_long_when_all_is_counted_then_each_call_came_to_one_end(void)
{
	if (!harness_nightly())
		SKIP("CBB_TEST_NIGHTLY=1 runs this for ten minutes");
	run(NIGHTLY_SECONDS);
}

static const struct test tests[] = {
    TEST_TIMEOUT(given_threads_that_call_at_random_when_all_is_counted_then_each_call_came_to_one_end_in_order, 120),
    TEST_TIMEOUT(given_threads_that_call_at_random_for_long_when_all_is_counted_then_each_call_came_to_one_end, 900),
};
HARNESS_MAIN(tests)
