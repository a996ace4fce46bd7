/* SPDX-License-Identifier: MIT */
/* A broker or host whose descriptors are used up loses what is being passed to it, and nothing else. */
#include "support/raw_client.h"

#include <fcntl.h>
#include <sys/resource.h>

static struct harness_broker *broker;
static struct raw_client client;

static uint64_t given_a_host(uint32_t *ret_pid)
{
	Cbb__OpenHost message;
	broker = harness_start_broker(NULL);
	raw_open_session(&client, broker->socket);
	raw_open_host_init(&message, &client);
	uint64_t host = raw_open_host(&client, &message, NULL, 0, ret_pid);
	REQUIRE(host != 0);
	return host;
}

/* From now on it gets no descriptor above its standard ones; those it has stay. Returns the limit there was. */
static struct rlimit when_used_up(pid_t pid)
{
	struct rlimit before, none;
	REQUIRE_EQUAL(prlimit(pid, RLIMIT_NOFILE, NULL, &before), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
	REQUIRE_EQUAL(prlimit(pid, RLIMIT_NOFILE, &none, NULL), 0);
	return before;
}

static void given_a_host_without_descriptors_when_a_lane_is_asked_for_then_it_ends_and_the_host_lives(void)
{
	struct raw_client lane;
	Cbb__Hello hello;
	uint32_t pid = 0;
	uint64_t host = given_a_host(&pid);
	/* One that serves a lane has taken what it needs itself. */
	EXPECT_EQUAL(raw_attach(&lane, broker->socket, &client, host)->status, 0);
	raw_close(&lane);
	struct rlimit before = when_used_up((pid_t)pid);
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_ATTACH);
	hello.token = (ProtobufCBinaryData){.len = sizeof client.token, .data = client.token};
	hello.host = host;
	hello.lane = CBB__LANE_KIND__LANE_CLIENT_THREAD;
	raw_open(&lane, broker->socket);
	raw_send(&lane, CBB__FRAME_TYPE__FRAME_HELLO, &hello.base);
	raw_expect_end(&lane);
	raw_close(&lane);
	REQUIRE_EQUAL(prlimit((pid_t)pid, RLIMIT_NOFILE, &before, NULL), 0);
	EXPECT_EQUAL(raw_attach(&lane, broker->socket, &client, host)->status, 0);
	raw_close(&lane);
	const Cbb__HostStatusReply *status = raw_status(&client, host);
	REQUIRE(status && status->n_notices > 0);
	EXPECT_CONTAINS(raw_text(status->notices[0]), "no descriptors left");
	raw_close(&client);
}

static void given_a_broker_without_descriptors_when_a_host_comes_with_some_then_the_words_say_so_and_the_session_lives(void)
{
	Cbb__OpenHost message;
	const char *words = NULL;
	uint32_t pid = 0;
	given_a_host(&pid);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct rlimit before = when_used_up(broker->pid);
	raw_open_host_init(&message, &client);
	message.has_stdin = message.has_stdout = message.has_stderr = true;
	EXPECT_EQUAL(raw_open_host(&client, &message, (const int[]){dup(null), dup(null), dup(null)}, 3, NULL), 0);
	EXPECT_EQUAL(raw_done(&client, &words), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(words, "no descriptors left");
	REQUIRE_EQUAL(prlimit(broker->pid, RLIMIT_NOFILE, &before, NULL), 0);
	close(null);
	const Cbb__HostList *list = raw_list(&client);
	REQUIRE_EQUAL(list->n_hosts, 1);
	EXPECT_EQUAL(list->hosts[0]->pid, pid);
	raw_close(&client);
}

static const struct test tests[] = {
    TEST(given_a_host_without_descriptors_when_a_lane_is_asked_for_then_it_ends_and_the_host_lives),
    TEST(given_a_broker_without_descriptors_when_a_host_comes_with_some_then_the_words_say_so_and_the_session_lives),
};
HARNESS_MAIN(tests)
