/* SPDX-License-Identifier: MIT */
/* A session's frames: after a proper Hello, bytes over a real socket into a real broker. */
#include "broker/broker.h"
#include "wire/connection.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No host is started: at the limit of none every OpenHost is refused after its checks. */
static struct broker *the_broker(void)
{
	static struct broker broker;
	static const struct broker_limits limits = {.pending_per_uid = 4, .sessions_per_uid = 4, .hosts_per_uid = 0,
	                                            .hello_ms = 60000, .partial_ms = 60000, .stall_ms = 60000,
	                                            .start_max_ms = 60000};
	if (!broker.host_program && broker_open(&broker, "/nonexistent", &limits) < 0)
		abort();
	return &broker;
}

static void say_hello(int fd)
{
	struct connection connection;
	Cbb__Hello hello = CBB__HELLO__INIT;
	hello.version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	hello.purpose = CBB__PURPOSE__PURPOSE_SESSION;
	connection_init(&connection, fd, FRAME_HELLO_MAX_BYTES);
	connection_queue(&connection, CBB__FRAME_TYPE__FRAME_HELLO, &hello.base, NULL, 0);
	connection_flush(&connection);
	connection_take_fd(&connection);
	connection_free(&connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct broker *broker = the_broker();
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	broker_accepted(broker, pair[0]);
	say_hello(pair[1]);
	for (int turns = 0; !broker->sessions; turns++) {
		if (turns == 10000)
			abort();
		loop_turn(&broker->loop);
	}
	send(pair[1], data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	loop_turn(&broker->loop);
	shutdown(pair[1], SHUT_WR);
	for (int turns = 0; broker->hellos || broker->sessions; turns++) {
		if (turns == 10000)
			abort(); /* it waits for nobody */
		loop_turn(&broker->loop);
	}
	close(pair[1]);
	return 0;
}
