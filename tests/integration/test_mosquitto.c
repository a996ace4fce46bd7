/* SPDX-License-Identifier: MIT */
/* libmosquitto with a thread of its own, against a broker on the loopback that the test starts. */
#include "support/remote.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define BROKER "/usr/sbin/mosquitto"
#define TOPIC "cbbroker/test"
#define N_MESSAGES 50

static cbb_library *library;
static cbb_queue *queue;
static struct mosquitto *mosq;
static int port, owner_data;
static pid_t broker;
static _Atomic long n_connected, n_messages, n_published, n_disconnected;
static pid_t library_thread;

#define MOSQ(name) CBB_SYMBOL(library, __typeof__(name), #name)

static void expect_done(int result)
{
	EXPECT_CALL_OK();
	if (result != MOSQ_ERR_SUCCESS)
		FAIL("libmosquitto says %d", result);
}

/* ---- The broker ---- */

static struct sockaddr_in loopback(int at_port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)at_port),
	                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int free_port(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
	REQUIRE(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

static bool broker_answers(void *context)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = connect(fd, (struct sockaddr *)&address, sizeof address);
	(void)context;
	close(fd);
	return r == 0;
}

/* It ends at once if another program has taken the port meanwhile. */
static bool broker_has_ended(void)
{
	if (waitpid(broker, NULL, WNOHANG) != broker)
		return false;
	broker = 0;
	return true;
}

static bool broker_answers_or_has_ended(void *context)
{
	return broker_has_ended() || broker_answers(context);
}

static void start_broker(void)
{
	port = free_port();
	const char *config = harness_temp_file("mosquitto.conf", harness_format("listener %d 127.0.0.1\nallow_anonymous true\n"
	                                                                        "persistence false\nuser root\n", port));
	const char *const command[] = {BROKER, "-c", config, NULL};
	broker = harness_start(command, harness_temp_path("mosquitto.log"));
	harness_wait_until(broker_answers_or_has_ended, NULL, 20000);
}

static void given_a_mosquitto_broker(void)
{
	if (access(BROKER, X_OK) < 0)
		SKIP("needs the broker of Debian's package mosquitto");
	for (int i = 0; broker == 0 && i < 10; i++)
		start_broker();
	if (broker == 0 || !broker_answers(NULL)) {
		FAIL("the broker does not answer: %s", harness_read_file(harness_temp_path("mosquitto.log")));
		expect_end();
	}
}

static void end_broker(void)
{
	int status = 0;
	REQUIRE(kill(broker, SIGTERM) == 0);
	EXPECT(harness_wait_child(broker, &status, 10000));
}

/* ---- The client's handlers: called by the library's thread, run on the dispatcher ---- */

static void note_thread(void *user)
{
	const cbb_invocation *invocation = cbb_invocation_current();
	EXPECT(user == &owner_data);
	EXPECT(cbb_invocation_call(invocation) == NULL);
	library_thread = cbb_invocation_thread(invocation);
}

static void on_connect(struct mosquitto *client, void *user, int code)
{
	note_thread(user);
	EXPECT(client == mosq);
	EXPECT_EQUAL(code, 0);
	expect_done(MOSQ(mosquitto_subscribe)(client, NULL, TOPIC, 1));
	n_connected++;
}

static void publish_number(struct mosquitto *client, int number)
{
	char text[32];
	int length = snprintf(text, sizeof text, "message %d", number);
	expect_done(MOSQ(mosquitto_publish)(client, NULL, TOPIC, length, text, 1, false));
}

static void on_subscribe(struct mosquitto *client, void *user, int mid, int n, const int *granted_qos)
{
	note_thread(user);
	EXPECT(mid > 0 && n == 1 && granted_qos[0] == 1);
	publish_number(client, 0);
}

static void on_publish(struct mosquitto *client, void *user, int mid)
{
	(void)client, (void)mid;
	note_thread(user);
	n_published++;
}

/* Each message publishes the next; the last disconnects. */
static void on_message(struct mosquitto *client, void *user, const struct mosquitto_message *message)
{
	const char *expected = harness_format("message %d", (int)n_messages);
	note_thread(user);
	EXPECT_STRING(message->topic, TOPIC);
	EXPECT_BYTES(message->payload, (size_t)message->payloadlen, expected, strlen(expected));
	if (++n_messages < N_MESSAGES)
		publish_number(client, (int)n_messages);
	else
		expect_done(MOSQ(mosquitto_disconnect)(client));
}

static void on_disconnect(struct mosquitto *client, void *user, int code)
{
	(void)client;
	note_thread(user);
	EXPECT_EQUAL(code, 0);
	n_disconnected++;
}

typedef void on_disconnect_fn(struct mosquitto *client, void *user, int code);

static void given_a_client(on_disconnect_fn *on_end)
{
	given_a_mosquitto_broker();
	given_a_host();
	queue = cbb_queue_default(remote_client);
	REMOTE_OK(cbb_library_open(remote_host, "mosquitto", &library));
	expect_done(MOSQ(mosquitto_lib_init)());
	mosq = MOSQ(mosquitto_new)("a test", true, &owner_data);
	REQUIRE(mosq != NULL);
	MOSQ(mosquitto_connect_callback_set)(mosq, on_connect);
	MOSQ(mosquitto_subscribe_callback_set)(mosq, on_subscribe);
	MOSQ(mosquitto_publish_callback_set)(mosq, on_publish);
	MOSQ(mosquitto_message_callback_set)(mosq, on_message);
	MOSQ(mosquitto_disconnect_callback_set)(mosq, on_end);
	EXPECT_CALL_OK();
	expect_done(MOSQ(mosquitto_connect)(mosq, "127.0.0.1", port, 60));
	expect_done(MOSQ(mosquitto_loop_start)(mosq));
}

static void dispatch_until_reached(const _Atomic long *counter, long n)
{
	while (*counter < n)
		if (cbb_queue_dispatch(queue, 20000ull * harness_slow(), 0) <= 0) {
			FAIL("nothing came: %ld of %ld, %s", *counter, n, cbb_last_error_text());
			expect_end();
		}
}

static void end_client(void)
{
	MOSQ(mosquitto_destroy)(mosq);
	EXPECT_CALL_OK();
	expect_done(MOSQ(mosquitto_lib_cleanup)());
	remote_end();
	end_broker();
}

/* ---- Tests ---- */

static void given_a_loop_thread_then_messages_go_round_until_one_disconnects_in_its_handler(void)
{
	given_a_client(on_disconnect);
	dispatch_until_reached(&n_disconnected, 1);
	expect_done(MOSQ(mosquitto_loop_stop)(mosq, false));
	EXPECT_EQUAL(n_connected, 1);
	EXPECT_EQUAL(n_messages, N_MESSAGES);
	EXPECT(n_published >= N_MESSAGES - 1);
	EXPECT(library_thread > 0 && library_thread != gettid());
	EXPECT_EQUAL(remote_report().wrong_thread_calls, 0);
	end_client();
}

/* This thread waits in the call that joins the library's thread, which waits for this thread's handlers. */
static void given_a_thread_in_callbacks_when_loop_stop_joins_it_then_it_returns(void)
{
	given_a_client(on_disconnect);
	dispatch_until_reached(&n_connected, 1);
	expect_done(MOSQ(mosquitto_disconnect)(mosq)); /* its callback may come in here, or in the next call */
	expect_done(MOSQ(mosquitto_loop_stop)(mosq, false));
	EXPECT_EQUAL(n_disconnected, 1);
	end_client();
}

static int stop_result;

static void on_disconnect_stopping(struct mosquitto *client, void *user, int code)
{
	stop_result = MOSQ(mosquitto_loop_stop)(client, false); /* on the library's own thread, as in one process */
	EXPECT_CALL_OK();
	on_disconnect(client, user, code);
}

static void given_loop_stop_in_a_handler_then_it_returns_and_the_thread_ends(void)
{
	given_a_client(on_disconnect_stopping);
	dispatch_until_reached(&n_disconnected, 1);
	EXPECT_EQUAL(stop_result, MOSQ_ERR_SUCCESS);
	EXPECT_EQUAL(n_messages, N_MESSAGES);
	remote_end(); /* not destroyed: its thread was not joined, and may look at it once more */
	end_broker();
}

/* The thread is cancelled while it waits inside a callback: the callback is finished, then the thread ends. */
static void given_a_thread_in_a_callback_when_loop_stop_forces_it_then_it_returns(void)
{
	given_a_client(on_disconnect);
	dispatch_until_reached(&n_messages, 3);
	expect_done(MOSQ(mosquitto_loop_stop)(mosq, true));
	EXPECT(n_messages >= 3);
	long before = n_messages;
	EXPECT_EQUAL(cbb_queue_dispatch(queue, 0, 0), 0); /* nobody is there who could call */
	EXPECT_EQUAL(n_messages, before);
	EXPECT_EQUAL(remote_report().state, CBB_HOST_RUNNING);
	remote_end();
	end_broker();
}

static void on_disconnect_forcing(struct mosquitto *client, void *user, int code)
{
	stop_result = MOSQ(mosquitto_loop_stop)(client, true); /* cancels the thread that this handler is called by */
	EXPECT_CALL_OK();
	on_disconnect(client, user, code);
}

static void given_loop_stop_with_force_in_a_handler_then_the_handler_ends_first(void)
{
	given_a_client(on_disconnect_forcing);
	dispatch_until_reached(&n_disconnected, 1);
	EXPECT_EQUAL(stop_result, MOSQ_ERR_SUCCESS);
	EXPECT_EQUAL(remote_report().state, CBB_HOST_RUNNING);
	remote_end();
	end_broker();
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_a_loop_thread_then_messages_go_round_until_one_disconnects_in_its_handler, 60),
	TEST_TIMEOUT(given_a_thread_in_callbacks_when_loop_stop_joins_it_then_it_returns, 60),
	TEST_TIMEOUT(given_loop_stop_in_a_handler_then_it_returns_and_the_thread_ends, 60),
	TEST_TIMEOUT(given_a_thread_in_a_callback_when_loop_stop_forces_it_then_it_returns, 60),
	TEST_TIMEOUT(given_loop_stop_with_force_in_a_handler_then_the_handler_ends_first, 60),
};
HARNESS_MAIN(tests)
