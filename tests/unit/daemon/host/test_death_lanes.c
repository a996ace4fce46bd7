/* SPDX-License-Identifier: MIT */
#include "host/death.h"
#include "support/harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whether this end reads end of file. */
static bool is_shut(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void make_pair(int pair[2])
{
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void given_lanes_when_all_are_shut_then_those_that_were_removed_are_not(void)
{
	int kept[2], removed[2];
	make_pair(kept);
	make_pair(removed);
	EXPECT_EQUAL(death_add_lane(removed[1]), 0);
	EXPECT_EQUAL(death_add_lane(kept[1]), 0);
	death_remove_lane(removed[1]);
	death_shut_lanes();
	EXPECT(is_shut(kept[0]));
	EXPECT(!is_shut(removed[0]));
	death_remove_lane(kept[1]);
	close_pair(kept);
	close_pair(removed);
}

static void given_descriptor_zero_when_added_then_it_is_a_lane_like_any_other(void)
{
	int pair[2], saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
	make_pair(pair);
	dup2(pair[1], STDIN_FILENO);
	EXPECT_EQUAL(death_add_lane(STDIN_FILENO), 0);
	death_shut_lanes();
	EXPECT(is_shut(pair[0]));
	death_remove_lane(STDIN_FILENO);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close_pair(pair);
}

static void given_a_lane_that_is_unknown_when_removed_then_nothing_happens(void)
{
	death_remove_lane(5);
	death_remove_lane(-1);
}

static void given_more_lanes_than_the_table_when_all_are_shut_then_none_is_left_out(void)
{
	enum { N = 2 * DEATH_LANES_MAX + 3 };
	static int pairs[N][2];
	struct rlimit limit = {0};
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 2 * N + 64)
		SKIP("needs %d descriptors, the hard limit is %llu", 2 * N + 64, (unsigned long long)limit.rlim_cur);
	for (int i = 0; i < N; i++) {
		make_pair(pairs[i]);
		REQUIRE_EQUAL(death_add_lane(pairs[i][1]), 0);
	}
	death_shut_lanes();
	int n_shut = 0;
	for (int i = 0; i < N; i++) {
		n_shut += is_shut(pairs[i][0]);
		death_remove_lane(pairs[i][1]);
		close_pair(pairs[i]);
	}
	EXPECT_EQUAL(n_shut, N);
}

/* ---- From many threads ---- */

static void *add_and_remove(void *context)
{
	int fd = *(int *)context;
	for (int i = 0; i < 2000; i++) {
		if (death_add_lane(fd) != 0)
			return context;
		death_remove_lane(fd);
	}
	return death_add_lane(fd) == 0 ? NULL : context;
}

static void given_many_threads_when_they_add_and_remove_then_each_lane_is_there_once(void)
{
	enum { N = 8 };
	int pairs[N][2];
	pthread_t threads[N];
	for (int i = 0; i < N; i++) {
		make_pair(pairs[i]);
		REQUIRE_EQUAL(pthread_create(&threads[i], NULL, add_and_remove, &pairs[i][1]), 0);
	}
	for (int i = 0; i < N; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		EXPECT(failed == NULL);
	}
	death_remove_lane(pairs[0][1]);
	death_shut_lanes();
	EXPECT(!is_shut(pairs[0][0]));
	for (int i = 1; i < N; i++) {
		EXPECT(is_shut(pairs[i][0]));
		death_remove_lane(pairs[i][1]);
	}
	for (int i = 0; i < N; i++)
		close_pair(pairs[i]);
}

static const struct test tests[] = {
    TEST(given_lanes_when_all_are_shut_then_those_that_were_removed_are_not),
    TEST(given_descriptor_zero_when_added_then_it_is_a_lane_like_any_other),
    TEST(given_a_lane_that_is_unknown_when_removed_then_nothing_happens),
    TEST(given_more_lanes_than_the_table_when_all_are_shut_then_none_is_left_out),
    TEST(given_many_threads_when_they_add_and_remove_then_each_lane_is_there_once),
};
HARNESS_MAIN(tests)
