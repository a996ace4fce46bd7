/* SPDX-License-Identifier: MIT */
#include "host/host.h"

#include "wire/frame.h"

static struct host self = {
    .max_payload_bytes = FRAME_PAYLOAD_DEFAULT_BYTES,
    .stack_bytes = 8u << 20,
    .max_closures = HOST_CLOSURES_DEFAULT,
    .client_pidfd = -1,
};

_Atomic bool host_forked_child;

const struct host *host_self(void)
{
	return &self;
}

void host_become(const struct host *host)
{
	self = *host;
}
