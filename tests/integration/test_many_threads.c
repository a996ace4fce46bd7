/* SPDX-License-Identifier: MIT */
/*
 * 64 threads that sort and parse in 4 hosts, which are killed under them at random: each call returns, nothing is left.
 */
#include "support/remote.h"

#include <expat.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define N_THREADS 64
#define N_HOSTS 4
#define VALUES 40
#define SECONDS 20

typedef void sort_fn(void *, size_t, size_t, int (*)(const void *, const void *));

/* A host that is replaced when it has died: threads read, the one that finds it dead writes. */
struct place {
	pthread_rwlock_t lock;
	cbb_host *host;
	cbb_library *libc, *expat;
};

static struct place places[N_HOSTS];
static _Atomic int stop;
static _Atomic long n_sorted, n_parsed, n_died, n_killed, n_wrong;

static void place_fill(struct place *place)
{
	cbb_host *host = NULL;
	cbb_library *libc = NULL, *expat = NULL;
	int status = 0;
	while (!place->host) { /* it may be killed before it is filled */
		status = cbb_host_open(remote_client, NULL, &host);
		if (status == 0)
			status = cbb_library_open(host, "libc", &libc);
		if (status == 0)
			status = cbb_library_open(host, "expat", &expat);
		if (status == 0) {
			place->host = host;
			place->libc = libc;
			place->expat = expat;
			return;
		}
		EXPECT(host == NULL || cbb_host_close(host) == NULL);
		host = NULL;
		if (status != CBB_ERR_HOST_DIED && status != CBB_ERR_HOST_START) {
			FAIL("opening a host: %d %s", status, cbb_last_error_text());
			return;
		}
	}
}

/* The write lock says that no thread is in a call of that host. */
static void place_replace(struct place *place, const cbb_host *dead)
{
	pthread_rwlock_wrlock(&place->lock);
	if (place->host == dead) {
		EXPECT(cbb_host_close(place->host) == NULL);
		place->host = NULL;
		place_fill(place);
	}
	pthread_rwlock_unlock(&place->lock);
}

/* ---- The work ---- */

static int compare_ints(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;
	return (left > right) - (left < right);
}

static int sort(struct place *place, uint64_t *random)
{
	int values[VALUES];
	long long sum = 0;
	for (int i = 0; i < VALUES; i++)
		sum += values[i] = (int)(harness_random(random) % 1000);
	CBB_SYMBOL(place->libc, sort_fn, "qsort")(values, VALUES, sizeof *values, compare_ints);
	int status = cbb_last_error();
	for (int i = 0; status == 0 && i < VALUES; i++) {
		sum -= values[i];
		n_wrong += i > 0 && values[i - 1] > values[i];
	}
	n_wrong += status == 0 && sum != 0;
	n_sorted += status == 0;
	return status;
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
	if (strcmp(name, "e") != 0 || !attributes[0] || strcmp(attributes[1], "v") != 0)
		n_wrong++;
	++*(int *)user;
}

static int parse(struct place *place, uint64_t *random)
{
	static const char text[] = "<e a='v'><e a='v'/><e a='v'><e a='v'/></e></e>";
	int n_elements = 0, status = 0;
	(void)random;
	XML_Parser parser = CBB_SYMBOL(place->expat, __typeof__(XML_ParserCreate), "XML_ParserCreate")(NULL);
	if ((status = cbb_last_error()) < 0)
		return status;
	CBB_SYMBOL(place->expat, __typeof__(XML_SetUserData), "XML_SetUserData")(parser, &n_elements);
	CBB_SYMBOL(place->expat, __typeof__(XML_SetStartElementHandler), "XML_SetStartElementHandler")(parser, on_start);
	CBB_SYMBOL(place->expat, __typeof__(XML_Parse), "XML_Parse")(parser, text, sizeof text - 1, 1);
	if ((status = cbb_last_error()) < 0)
		return status;
	n_wrong += n_elements != 4;
	CBB_SYMBOL(place->expat, __typeof__(XML_ParserFree), "XML_ParserFree")(parser);
	n_parsed += cbb_last_error() == 0;
	return cbb_last_error();
}

static void *thread_working(void *context)
{
	uint64_t random = (uintptr_t)context;
	while (!stop) {
		struct place *place = &places[harness_random(&random) % N_HOSTS];
		pthread_rwlock_rdlock(&place->lock);
		cbb_host *host = place->host;
		int status = host ? harness_random(&random) % 2 ? sort(place, &random) : parse(place, &random) : 0;
		if (status < 0 && status != CBB_ERR_HOST_DIED)
			FAIL("a call failed with %d: %s", status, cbb_last_error_text());
		pthread_rwlock_unlock(&place->lock);
		if (status == CBB_ERR_HOST_DIED) {
			n_died++;
			place_replace(place, host);
		}
	}
	return NULL;
}

/* ---- The killer ---- */

static bool time_is_over(void *context)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000 >= *(long long *)context;
}

static long long ms_from_now(unsigned ms)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000 + ms;
}

static void kill_one(struct place *place, bool from_outside)
{
	pthread_rwlock_rdlock(&place->lock);
	if (place->host && from_outside)
		kill(cbb_host_pid(place->host), SIGKILL); /* not freed: so its number is still its own, or nobody's yet */
	else if (place->host)
		REMOTE_OK(cbb_host_kill(place->host));
	n_killed++;
	pthread_rwlock_unlock(&place->lock);
}

static void kill_at_random(unsigned seconds)
{
	uint64_t random = harness_seed(20260101);
	long long end = ms_from_now(seconds * 1000);
	while (!time_is_over(&end)) {
		long long next = ms_from_now(20 + (unsigned)(harness_random(&random) % 200));
		harness_wait_until(time_is_over, &next, 10000);
		kill_one(&places[harness_random(&random) % N_HOSTS], harness_random(&random) % 2);
	}
}

static void given_64_threads_at_work_when_hosts_are_killed_then_each_call_returns_and_nothing_is_left(void)
{
	pthread_t threads[N_THREADS];
	given_a_connection();
	for (int i = 0; i < N_HOSTS; i++) {
		pthread_rwlock_init(&places[i].lock, NULL);
		place_fill(&places[i]);
	}
	for (uintptr_t i = 0; i < N_THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, thread_working, (void *)(i + 1)) == 0);
	kill_at_random(harness_slow() > 1 ? SECONDS / 4 : SECONDS);
	stop = 1;
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("     %ld sorted, %ld parsed, %ld kills, %ld calls ended by them\n", n_sorted, n_parsed, n_killed, n_died);
	EXPECT_EQUAL(n_wrong, 0);
	EXPECT(n_sorted > 0 && n_parsed > 0 && n_died > 0);
	remote_end();
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_64_threads_at_work_when_hosts_are_killed_then_each_call_returns_and_nothing_is_left, 90),
};
HARNESS_MAIN(tests)
