/* SPDX-License-Identifier: MIT */
/* A broker in this process with small limits: what is at the limit works, one more is refused in words. */
#include "broker/broker.h"
#include "broker/session.h"
#include "support/raw_client.h"

#include <poll.h>
#include <signal.h>

static struct broker broker;

static void given_limits(unsigned sessions, unsigned hosts, unsigned ended)
{
	struct broker_limits limits = BROKER_LIMITS_DEFAULT;
	limits.sessions_per_uid = sessions;
	limits.hosts_per_uid = hosts;
	limits.ended_per_session = ended;
	limits.pending_per_uid = 2;
	REQUIRE_EQUAL(broker_open(&broker, harness_program("hostile_host"), &limits), 0);
}

/* Lets the broker work until it has said something. */
static Cbb__FrameType turn_until_frame(struct raw_client *client)
{
	struct pollfd poller = {.fd = client->connection.fd, .events = POLLIN};
	while (!connection_partial(&client->connection) && poll(&poller, 1, 0) == 0)
		loop_turn_wait(&broker.loop);
	return raw_receive(client);
}

static void connect_to_broker(struct raw_client *client)
{
	int pair[2];
	memset(client, 0, sizeof *client);
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	connection_init(&client->connection, pair[1], FRAME_SESSION_MAX_BYTES);
	broker_accepted(&broker, pair[0]);
}

static int open_session(struct raw_client *client)
{
	Cbb__Hello hello;
	connect_to_broker(client);
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_SESSION);
	raw_send(client, CBB__FRAME_TYPE__FRAME_HELLO, &hello.base);
	REQUIRE_EQUAL(turn_until_frame(client), CBB__FRAME_TYPE__FRAME_HELLO_REPLY);
	const Cbb__HelloReply *reply = raw_unpack(client, &cbb__hello_reply__descriptor);
	if (reply->status < 0)
		EXPECT_CONTAINS(raw_text(reply->detail), "which is the broker's limit");
	return reply->status;
}

static int open_host(struct raw_client *client, uint64_t *ret_host)
{
	Cbb__OpenHost message;
	ProtobufCBinaryData environment = raw_bytes("HOSTILE=none");
	raw_open_host_init(&message, client);
	message.environment = &environment;
	message.n_environment = 1;
	raw_send(client, CBB__FRAME_TYPE__FRAME_OPEN_HOST, &message.base);
	if (turn_until_frame(client) == CBB__FRAME_TYPE__FRAME_HOST_OPENED) {
		*ret_host = ((Cbb__HostOpened *)raw_unpack(client, &cbb__host_opened__descriptor))->host;
		return 0;
	}
	return raw_done(client, NULL);
}

static void close_host(struct raw_client *client, uint64_t host)
{
	raw_send_close_host(client, host);
	REQUIRE_EQUAL(turn_until_frame(client), CBB__FRAME_TYPE__FRAME_HOST_EXITED);
	REQUIRE_EQUAL(turn_until_frame(client), CBB__FRAME_TYPE__FRAME_DONE);
	EXPECT_EQUAL(raw_done(client, NULL), 0);
}

static void end_broker(void)
{
	broker_stop(&broker, "the test ends");
	while (broker.n_alive)
		loop_turn_wait(&broker.loop);
	broker_close(&broker);
	EXPECT(broker.accounts.by_uid == NULL); /* everything that was charged is given back */
}

static void given_sessions_at_the_limit_when_one_more_comes_then_it_is_refused_until_one_ends(void)
{
	struct raw_client clients[3];
	given_limits(2, 0, 0);
	EXPECT_EQUAL(open_session(&clients[0]), 0);
	EXPECT_EQUAL(open_session(&clients[1]), 0);
	EXPECT_EQUAL(open_session(&clients[2]), CBB__STATUS__STATUS_LIMIT);
	raw_close(&clients[2]);
	raw_close(&clients[0]);
	while (broker.sessions && broker.sessions->next)
		loop_turn_wait(&broker.loop);
	EXPECT_EQUAL(open_session(&clients[2]), 0);
	raw_close(&clients[1]);
	raw_close(&clients[2]);
	end_broker();
}

static void given_hosts_at_the_limit_when_one_more_is_opened_then_it_is_refused_until_one_ends(void)
{
	struct raw_client client;
	uint64_t first = 0, second = 0, third = 0;
	given_limits(1, 2, 1);
	REQUIRE_EQUAL(open_session(&client), 0);
	EXPECT_EQUAL(open_host(&client, &first), 0);
	EXPECT_EQUAL(open_host(&client, &second), 0);
	EXPECT_EQUAL(open_host(&client, &third), CBB__STATUS__STATUS_LIMIT);
	close_host(&client, first);
	EXPECT_EQUAL(open_host(&client, &third), 0);
	EXPECT(third > second); /* numbers do not come again */
	raw_close(&client);
	end_broker();
}

static void given_pending_connections_at_the_limit_when_one_more_comes_then_it_is_turned_away(void)
{
	struct raw_client clients[3];
	given_limits(8, 0, 0);
	connect_to_broker(&clients[0]);
	connect_to_broker(&clients[1]);
	connect_to_broker(&clients[2]);
	REQUIRE_EQUAL(turn_until_frame(&clients[2]), CBB__FRAME_TYPE__FRAME_HELLO_REPLY);
	const Cbb__HelloReply *reply = raw_unpack(&clients[2], &cbb__hello_reply__descriptor);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_LIMIT);
	for (int i = 0; i < 3; i++)
		raw_close(&clients[i]);
	while (broker.hellos)
		loop_turn_wait(&broker.loop);
	EXPECT_EQUAL(open_session(&clients[0]), 0);
	raw_close(&clients[0]);
	end_broker();
}

static void given_no_ended_hosts_to_keep_when_one_ends_then_it_is_forgotten(void)
{
	struct raw_client client;
	uint64_t host = 0;
	given_limits(1, 1, 0);
	REQUIRE_EQUAL(open_session(&client), 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQUAL(open_host(&client, &host), 0);
		close_host(&client, host);
		EXPECT(broker.hosts == NULL);
	}
	raw_close(&client);
	end_broker();
}

static void given_hosts_that_run_when_the_broker_is_closed_then_they_are_killed(void)
{
	struct raw_client client;
	uint64_t host = 0;
	given_limits(1, 1, 1);
	REQUIRE_EQUAL(open_session(&client), 0);
	EXPECT_EQUAL(open_host(&client, &host), 0);
	broker_close(&broker);
	EXPECT(harness_wait_child(-1, NULL, 15000));
	raw_close(&client);
}

static const struct test tests[] = {
    TEST(given_sessions_at_the_limit_when_one_more_comes_then_it_is_refused_until_one_ends),
    TEST(given_hosts_at_the_limit_when_one_more_is_opened_then_it_is_refused_until_one_ends),
    TEST(given_pending_connections_at_the_limit_when_one_more_comes_then_it_is_turned_away),
    TEST(given_no_ended_hosts_to_keep_when_one_ends_then_it_is_forgotten),
    TEST(given_hosts_that_run_when_the_broker_is_closed_then_they_are_killed),
};
HARNESS_MAIN(tests)
