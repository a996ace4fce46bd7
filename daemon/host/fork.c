/* SPDX-License-Identifier: MIT */
#include "host/fork.h"

#include "base/descriptor.h"
#include "host/death.h"
#include "host/host.h"
#include "host/service.h"

#include <pthread.h>

/* In the child of a process with threads: async-signal-safe calls only. The page stays mapped; nobody writes to it. */
static void in_child(void)
{
	atomic_store(&host_forked_child, true);
	service_close_descriptors();
	death_close_lanes();
	descriptor_close(host_self()->client_pidfd);
}

int fork_install(void)
{
	return -pthread_atfork(NULL, NULL, in_child);
}
