/* SPDX-License-Identifier: MIT */
#include "host/listener.h"

#include "host/closure.h"

#include <stdlib.h>

/* What is on its way can neither be dropped nor replaced: so a part stays here. */
static uint64_t window_of(const struct listener *listener)
{
	uint64_t half = listener->max_queued > 1 ? listener->max_queued / 2 : listener->max_queued;
	switch (listener->overflow) {
	case CBB__OVERFLOW__OVERFLOW_LATEST:
		return 1;
	case CBB__OVERFLOW__OVERFLOW_COALESCE:
		return half && half < LISTENER_COALESCE_WINDOW ? half : LISTENER_COALESCE_WINDOW;
	case CBB__OVERFLOW__OVERFLOW_DROP_OLDEST:
		return half ? half : UINT64_MAX;
	default:
		return UINT64_MAX;
	}
}

static int key_of(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->n_params; i++)
		if (plan->params[i]->key)
			return (int)i;
	return -1;
}

struct listener *listener_new(struct closure *closure, const Cbb__OpenCallback *message)
{
	struct listener *listener = calloc(1, sizeof *listener);
	if (!listener)
		return NULL;
	listener->closure = closure;
	listener->overflow = message->overflow;
	listener->max_queued = message->max_queued == UINT64_MAX ? 0 : message->max_queued;
	listener->wait_ms = message->wait_ms;
	listener->rate_per_s = message->rate_per_s;
	listener->paused = message->paused;
	listener->window = window_of(listener);
	listener->key = key_of(closure->plan);
	return listener;
}

bool listener_is_same(const struct listener *listener, const Cbb__OpenCallback *message)
{
	uint64_t max_queued = message->max_queued == UINT64_MAX ? 0 : message->max_queued;
	return listener->overflow == message->overflow && listener->max_queued == max_queued &&
	       listener->wait_ms == message->wait_ms && listener->rate_per_s == message->rate_per_s;
}
