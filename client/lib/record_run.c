/* SPDX-License-Identifier: MIT */
#include "lib/record_run.h"

#include "lib/callback_close.h"
#include "lib/callback_use.h"
#include "lib/claim.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/failure.h"
#include "lib/invocation.h"
#include "lib/library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- Events ---- */

static void run_handler(struct cbb_invocation *invocation)
{
	int r = invocation_run(invocation);
	if (r == 0)
		thread_pop_invocation(invocation);
	invocation_note_failure(invocation, r);
	invocation_free_failure(invocation);
}

/* The callback was closed before its handler could begin. */
static void hand_event_back(struct cbb_invocation *invocation)
{
	struct cbb_callback *callback = invocation->callback;
	callback_count(&callback->counts.dropped);
	if (callback->rules->on_dropped)
		callback->rules->on_dropped(invocation, invocation->marshal.arguments, callback->user_data);
}

static void refuse_event(struct cbb_invocation *invocation, int r)
{
	callback_count(&invocation->callback->counts.refused);
	invocation_note_failure(invocation, r);
}

static int event_with(struct cbb_invocation *invocation, struct hot *event, bool hand_back, struct cbb_callback **running)
{
	struct cbb_callback *callback = invocation->callback;
	int r = invocation_decode(invocation, event);
	if (r == -EBADMSG)
		return r;
	if (r < 0) {
		refuse_event(invocation, r);
	} else if (hand_back || callback_begin(callback, true) < 0) {
		hand_event_back(invocation);
	} else {
		*running = callback;
		run_handler(invocation);
		*running = NULL;
		callback_end(callback);
	}
	return 0;
}

int event_run(struct port *port, struct hot *event, bool hand_back, struct cbb_callback **running)
{
	struct client_thread *thread = thread_self();
	if (!thread)
		return 0;
	/* Again: it may have ended meanwhile. Where everything ends, in whatever order, that is no breach. */
	struct cbb_callback *callback = NULL;
	int r = 0;
	if (hand_back)
		callback = callback_table_find(&port->host->callbacks, event->slot, event->generation);
	else
		r = claim_event(port, event, &callback);
	if (r < 0 || !callback)
		return r;
	struct cbb_invocation invocation = {
	    .callback = callback, .host = port->host, .arena = &thread->arena, .event = true,
	    .mark = arena_mark(&thread->arena)};
	r = event_with(&invocation, event, hand_back, running);
	arena_release(&thread->arena, invocation.mark);
	return r < 0 ? r : 1;
}

/* ---- What is told between them ---- */

static struct frame frame_of(const struct record *record)
{
	return (struct frame){.type = record->type, .body = record->body, .size = record->size};
}

static int garbled(void)
{
	return detail_prefix(-EBADMSG, "on an event lane: ");
}

/* No more than there can be. */
static void count_lost(struct cbb_callback *callback, uint64_t n)
{
	uint64_t before = atomic_load_explicit(&callback->counts.lost, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&callback->counts.lost, &before, before > UINT64_MAX - n ? UINT64_MAX : before + n))
		;
}

static int run_lost(struct port *port, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__Lost *message = unpack_frame(&arena, &cbb__lost__descriptor, frame);
	struct cbb_callback *callback = NULL;
	int r = message ? claim_lost(port, message, &callback) : garbled();
	if (r < 0)
		return r;
	const cbb_loss loss = {.size = sizeof loss, .count = message->count, .why = (int32_t)message->why,
	                       .first_sequence = message->first, .last_sequence = message->last};
	count_lost(callback, message->count);
	if (!callback->rules->on_lost)
		return 0;
	callback->rules->on_lost(callback, &loss, callback->user_data);
	return 1;
}

static int run_ended(struct port *port, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__CallbackEnded *message = unpack_frame(&arena, &cbb__callback_ended__descriptor, frame);
	struct cbb_callback *callback = NULL;
	int r = message ? claim_ended(port, message, &callback) : garbled();
	if (callback)
		callback_ended(callback, false);
	return r;
}

static int run_use(struct port *port, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__CallbackUse *message = unpack_frame(&arena, &cbb__callback_use__descriptor, frame);
	struct cbb_callback *callback = NULL;
	int r = message ? claim_use(port, message, &callback) : garbled();
	if (callback)
		callback_use_change(callback, message->use);
	return r;
}

#define FAILED_TEXT_MAX_BYTES 512

static int run_failed(struct port *port, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__Failed *message = unpack_frame(&arena, &cbb__failed__descriptor, frame);
	struct cbb_callback *callback =
	    message ? callback_table_find(&port->host->callbacks, message->slot, message->generation) : NULL;
	char text[FAILED_TEXT_MAX_BYTES], thread_name[16];
	if (!message)
		return garbled();
	detail_set_bytes(0, message->detail.data, message->detail.len);
	/* The host knows the queue by its number. */
	snprintf(text, sizeof text, "%s [%s]", detail_text(), port->queue->name);
	detail_set_bytes(0, message->thread_name.data, message->thread_name.len);
	snprintf(thread_name, sizeof thread_name, "%s", detail_text());
	const cbb_failure failure = {
	    .size = sizeof failure, .code = message->status, .thread = (int32_t)message->thread, .text = text,
	    .thread_name = thread_name,
	    .callback = callback && callback->kind != CALLBACK_PLAIN ? callback : NULL,
	    .callback_name = !callback ? "" : callback->name ? callback->name : callback->type->plan->name};
	return failure_tell(port->host->client, &failure);
}

static int run_end(struct port *port)
{
	port_punish(port); /* first: whoever uses the host from now on hears why */
	detail_begin();
	host_note_death(port->host, NULL);
	/* First: who closes a callback from now on ends it, or it is ended below. */
	pthread_mutex_lock(&port->queue->lock);
	port->over = true;
	pthread_mutex_unlock(&port->queue->lock);
	callbacks_end_with_port(port->host, port->queue);
	return 0;
}

int record_run(struct port *port, struct record *record, bool hand_back, struct cbb_callback **running)
{
	struct frame frame = frame_of(record);
	switch (record->type) {
	case CBB__FRAME_TYPE__FRAME_EVENT:
		return event_run(port, record->hot, hand_back, running);
	case CBB__FRAME_TYPE__FRAME_LOST: return run_lost(port, &frame);
	case CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED: return run_ended(port, &frame);
	case CBB__FRAME_TYPE__FRAME_CALLBACK_USE: return run_use(port, &frame);
	case CBB__FRAME_TYPE__FRAME_FAILED: return run_failed(port, &frame);
	default: return run_end(port);
	}
}

void records_hand_back(struct port *port)
{
	struct cbb_callback *running = NULL;
	while (port->records) {
		struct record *record = port->records;
		DL_DELETE(port->records, record);
		/* Losses are told, ends end; of what native code wants nothing is left. */
		if (record->type != CBB__FRAME_TYPE__FRAME_NONE)
			record_run(port, record, true, &running);
		else
			callbacks_end_with_port(port->host, port->queue);
		free(record);
	}
}
