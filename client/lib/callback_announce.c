/* SPDX-License-Identifier: MIT */
#include "lib/callback_announce.h"

#include "lib/callback_close.h"
#include "lib/client.h"
#include "lib/port.h"

#include <string.h>

/* The enumerations of header and protocol have the same order; the header's begin with "default". */
static Cbb__Overflow overflow_of(const struct callback_rules *rules)
{
	return rules->overflow ? (Cbb__Overflow)(rules->overflow - CBB_OVERFLOW_WAIT) : CBB__OVERFLOW__OVERFLOW_WAIT;
}

static int put_open(const struct cbb_callback *callback, struct lane *lane)
{
	Cbb__OpenCallback message = CBB__OPEN_CALLBACK__INIT;
	const char *name = callback->name ? callback->name : callback->type->plan->name;
	message.slot = callback->slot;
	message.generation = callback->generation;
	message.library = callback->type->library->number;
	message.function = callback->type->plan->index;
	message.timeout_ms = callback->kind == CALLBACK_PLAIN ? callback->type->plan->function->timeout_ms
	                                                      : callback->timeout_ms;
	message.plain = callback->kind == CALLBACK_PLAIN;
	message.name.data = (uint8_t *)(uintptr_t)name;
	message.name.len = strnlen(name, 127);
	message.delivery = (Cbb__Delivery)callback->delivery;
	message.queue = callback->queue ? callback->queue->number : 0;
	if (callback->delivery == CBB_LISTENER) {
		message.queue = callback_queue(callback)->number;
		message.overflow = overflow_of(callback->rules);
		message.max_queued = callback->rules->max_queued;
		message.wait_ms = callback->rules->wait_ms;
		message.rate_per_s = callback->rules->rate_per_s;
		message.paused = atomic_load(&callback->paused);
	} else if (callback->delivery == CBB_BLOCKING) {
		message.queue = callback_queue(callback)->number;
	}
	return lane_put(lane, CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, &message.base);
}

int callback_announce(struct cbb_callback *callback, struct lane *lane, uint64_t deadline_ns)
{
	/* Also what never runs there: that the host refused a call is told on an event lane. */
	struct cbb_queue *queue = callback_queue(callback) ? callback_queue(callback) : callback->host->client->default_queue;
	struct port *port;
	int r = 0;
	if (atomic_load(&callback->state) == CALLBACK_OPEN)
		r = port_get(queue, callback->host, deadline_ns, &port);
	if (r < 0)
		return r;
	/* Set before `state` is read; the closer sets that before it reads this: one sees the other. */
	atomic_store(&callback->told, true);
	r = put_open(callback, lane);
	if (r == 0 && atomic_load(&callback->state) != CALLBACK_OPEN)
		r = callback_put_close(callback, lane);
	return r;
}
