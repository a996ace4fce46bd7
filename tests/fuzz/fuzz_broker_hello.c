/* SPDX-License-Identifier: MIT */
/* The broker's first frame: bytes over a real socket into a real broker, which must have done with them afterwards. */
#include "broker/broker.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No host is started; the deadlines are not what is tested. */
static struct broker *the_broker(void)
{
	static struct broker broker;
	static const struct broker_limits limits = {
	    .pending_per_uid = 4, .sessions_per_uid = 4, .hello_ms = 60000, .partial_ms = 60000, .stall_ms = 60000};
	if (!broker.host_program && broker_open(&broker, "/nonexistent", &limits) < 0)
		abort();
	return &broker;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct broker *broker = the_broker();
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	broker_accepted(broker, pair[0]);
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
