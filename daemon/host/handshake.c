/* SPDX-License-Identifier: MIT */
#include "host/handshake.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "telemetry/page.h"
#include "wire/unpack.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SOFTWARE "cbb-host " CBB_VERSION
/* Below it a lane's thread could not even load a library. */
#define STACK_MIN_BYTES (128u << 10)

static ProtobufCBinaryData text_bytes(const char *text)
{
	return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static int send_hello(struct connection *connection, int status, const char *detail, uint64_t deadline_ns)
{
	Cbb__HostHello hello = CBB__HOST_HELLO__INIT;
	hello.version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	hello.software = text_bytes(SOFTWARE);
	hello.pid = (uint32_t)getpid();
	hello.status = status;
	hello.detail = text_bytes(detail);
	int r = connection_send(connection, CBB__FRAME_TYPE__FRAME_HOST_HELLO, &hello.base, NULL, 0, deadline_ns);
	if (r < 0)
		return detail_set(r, "the broker cannot be told of this host: %s", strerror(-r));
	return 0;
}

static int receive_setup(struct connection *connection, struct frame *ret_frame, uint64_t deadline_ns)
{
	int r = connection_receive(connection, ret_frame, deadline_ns);
	if (r == -ETIMEDOUT)
		return detail_set(r, "the broker did not send the setup within %d s", HANDSHAKE_TIMEOUT_MS / 1000);
	if (r == 0)
		return detail_set(CBB__STATUS__STATUS_BROKER_GONE, "the broker closed the connection before the setup");
	if (r == -EBADMSG)
		return r;
	if (r < 0)
		return detail_set(r, "the setup cannot be received: %s", strerror(-r));
	if (ret_frame->type != CBB__FRAME_TYPE__FRAME_HOST_SETUP) {
		frame_close_fds(ret_frame);
		return detail_set(CBB__STATUS__STATUS_PROTOCOL, "the broker sent %s where HOST_SETUP was due",
		                  frame_type_name((int)ret_frame->type));
	}
	return 0;
}

static int check_setup(const Cbb__HostSetup *setup, unsigned n_fds)
{
	if (setup->version != CBB__PROTOCOL_VERSION__PROTOCOL_VERSION)
		return detail_set(CBB__STATUS__STATUS_VERSION,
		                  "the broker speaks protocol version %u, %s speaks version %d: broker and host must "
		                  "come from the same installation",
		                  setup->version, SOFTWARE, CBB__PROTOCOL_VERSION__PROTOCOL_VERSION);
	if (n_fds != 1u + (setup->has_client_pidfd != 0))
		return detail_set(CBB__STATUS__STATUS_PROTOCOL, "HOST_SETUP came with %u descriptors instead of %u", n_fds,
		                  1u + (setup->has_client_pidfd != 0));
	if (setup->max_payload_bytes > FRAME_PAYLOAD_MAX_BYTES)
		return detail_set(CBB__STATUS__STATUS_PROTOCOL, "HOST_SETUP allows payloads of %llu bytes, the most is %u",
		                  (unsigned long long)setup->max_payload_bytes, FRAME_PAYLOAD_MAX_BYTES);
	return 0;
}

static struct host host_from_setup(const Cbb__HostSetup *setup)
{
	struct host host = *host_self(); /* the defaults */
	host.id = setup->host;
	host.client_pid = (pid_t)setup->client_pid;
	if (setup->max_payload_bytes)
		host.max_payload_bytes = setup->max_payload_bytes;
	if (setup->max_closures)
		host.max_closures = setup->max_closures;
	if (setup->stack_bytes)
		host.stack_bytes = setup->stack_bytes < STACK_MIN_BYTES ? STACK_MIN_BYTES : setup->stack_bytes;
	return host;
}

static int take_setup(struct frame *frame, struct host *ret_host)
{
	UNPACK_ARENA arena = {0};
	Cbb__HostSetup *setup = unpack_frame(&arena, &cbb__host_setup__descriptor, frame);
	if (!setup)
		return CBB__STATUS__STATUS_PROTOCOL;
	int r = check_setup(setup, frame->n_fds);
	if (r < 0)
		return r;
	struct host host = host_from_setup(setup);
	r = page_map(frame->fds[0], true, &host.page);
	if (r < 0)
		return r;
	if (setup->has_client_pidfd) {
		host.client_pidfd = frame->fds[1];
		frame->n_fds = 1; /* the mapping outlives the page's descriptor */
	}
	*ret_host = host;
	return 0;
}

int handshake(struct connection *connection, struct host *ret_host)
{
	uint64_t deadline_ns = clock_deadline_ns(HANDSHAKE_TIMEOUT_MS);
	struct frame frame;
	int r = send_hello(connection, 0, "", deadline_ns);
	if (r < 0)
		return r;
	r = receive_setup(connection, &frame, deadline_ns);
	if (r == 0) {
		r = take_setup(&frame, ret_host);
		frame_close_fds(&frame);
	}
	if (r < 0) {
		char why[DETAIL_SIZE];
		strcpy(why, detail_text());
		send_hello(connection, r, why, deadline_ns);
		detail_set(r, "%s", why);
	}
	return r;
}
