/* SPDX-License-Identifier: MIT */
#include "lib/claim.h"

#include "lib/callback.h"
#include "lib/error.h"

#include <errno.h>

static struct cbb_callback *find(const struct port *port, uint32_t slot, uint32_t generation)
{
	return callback_table_find(&port->host->callbacks, slot, generation);
}

static int unknown(const char *frame, uint32_t slot, uint32_t generation)
{
	return detail_set(-EBADMSG, "%s of callback %u/%u, which is not open", frame, slot, generation);
}

static bool is_listener_of(const struct port *port, const struct cbb_callback *callback)
{
	return callback->delivery == CBB_LISTENER && callback_queue(callback) == port->queue;
}

int claim_event(const struct port *port, const struct hot *event, struct cbb_callback **ret_callback)
{
	struct cbb_callback *callback = find(port, event->slot, event->generation);
	if (!callback || atomic_load(&callback->ended))
		return unknown("EVENT", event->slot, event->generation);
	if (!is_listener_of(port, callback))
		return detail_set(-EBADMSG, "EVENT of callback %u/%u, which is no listener of %s", event->slot,
		                  event->generation, port->queue->name);
	if (event->parent != 0)
		return detail_set(-EBADMSG, "EVENT with a parent, call %llu", (unsigned long long)event->parent);
	*ret_callback = callback;
	return 0;
}

bool claim_is_over(const struct port *port, const struct hot *event)
{
	const struct cbb_callback *callback = find(port, event->slot, event->generation);
	return !callback || atomic_load(&callback->ended);
}

int claim_invoke(const struct port *port, const struct hot *invoke)
{
	const struct cbb_callback *callback = find(port, invoke->slot, invoke->generation);
	if (!callback)
		return 0;
	if (callback->delivery == CBB_LISTENER || callback_queue(callback) != port->queue)
		return detail_set(-EBADMSG, "INVOKE of callback %u/%u, which is %s", invoke->slot, invoke->generation,
		                  callback->delivery == CBB_LISTENER ? "a listener" : "not of that queue");
	return 0;
}

int claim_lost(const struct port *port, const Cbb__Lost *message, struct cbb_callback **ret_callback)
{
	struct cbb_callback *callback = find(port, message->slot, message->generation);
	if (!callback || atomic_load(&callback->ended) || !is_listener_of(port, callback))
		return unknown("LOST", message->slot, message->generation);
	if (message->count == 0 || message->why < CBB__LOSS__LOSS_REJECTED ||
	    message->why > CBB__LOSS__LOSS_TIMEOUT)
		return detail_set(-EBADMSG, "LOST of %llu events, reason %d", (unsigned long long)message->count,
		                  (int)message->why);
	*ret_callback = callback;
	return 0;
}

int claim_ended(const struct port *port, const Cbb__CallbackEnded *message, struct cbb_callback **ret_callback)
{
	struct cbb_callback *callback = find(port, message->slot, message->generation);
	if (callback && atomic_load(&callback->state) == CALLBACK_OPEN)
		return detail_set(-EBADMSG, "CALLBACK_ENDED of callback %u/%u, which is open", message->slot,
		                  message->generation);
	*ret_callback = callback && callback->kind != CALLBACK_PLAIN && !atomic_load(&callback->ended) ? callback : NULL;
	return 0;
}

int claim_use(const struct port *port, const Cbb__CallbackUse *message, struct cbb_callback **ret_callback)
{
	struct cbb_callback *callback = find(port, message->slot, message->generation);
	if (message->use < CBB__USE__USE_ACQUIRE || message->use > CBB__USE__USE_UNREF)
		return detail_set(-EBADMSG, "CALLBACK_USE %d", (int)message->use);
	*ret_callback = callback && callback->kind != CALLBACK_PLAIN ? callback : NULL;
	return 0;
}
