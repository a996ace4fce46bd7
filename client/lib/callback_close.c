/* SPDX-License-Identifier: MIT */
#include "lib/callback_close.h"

#include "base/clock.h"
#include "lib/callback_drain.h"
#include "lib/callback_use.h"
#include "lib/client.h"
#include "lib/client_lane.h"
#include "lib/deferred.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/options.h"
#include "lib/port.h"
#include "lib/queue_fds.h"
#include "lib/thread.h"
#include "lib/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#define CLOSE_TIMEOUT_DEFAULT_MS 10000

/* ---- Telling the host ---- */

static Cbb__CloseCallback close_message(const struct cbb_callback *callback, const char *where, bool abort)
{
	Cbb__CloseCallback message = CBB__CLOSE_CALLBACK__INIT;
	message.slot = callback->slot;
	message.generation = callback->generation;
	message.where.data = (uint8_t *)(uintptr_t)where;
	message.where.len = where ? strlen(where) : 0;
	message.abort = abort;
	return message;
}

int callback_put_close(struct cbb_callback *callback, struct lane *lane)
{
	Cbb__CloseCallback message = close_message(callback, callback->closed_where, false);
	return lane_put(lane, CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, &message.base);
}

/*
 * On its event lane, whose CallbackEnded says that nothing more comes; or where that has ended, its end behind what
 * came before. False: there is no such lane, or nothing is left there.
 */
static bool tell_port(struct cbb_callback *callback, const Cbb__CloseCallback *message)
{
	struct cbb_queue *queue = callback_queue(callback);
	struct port *port = queue ? port_find(queue, callback->host) : NULL;
	if (!port)
		return false;
	pthread_mutex_lock(&queue->lock);
	bool over = callback->delivery == CBB_LISTENER ? port->over : port->ended;
	if (message->abort)
		deferred_cut_off(port, callback);
	if (!over && !atomic_exchange(&callback->ending, true))
		queue->n_ending++;
	port_send(port, CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, &message->base);
	pthread_mutex_unlock(&queue->lock);
	return !over;
}

static void tell_host(struct cbb_callback *callback, const char *where, bool abort)
{
	Cbb__CloseCallback message = close_message(callback, where, abort);
	bool told = tell_port(callback, &message);
	/* Also ahead of whatever this thread sends next: then the host knows for certain. */
	client_lane_close_callback(callback, &message, !told);
	if (!told)
		callback_ended(callback, false);
}

void callback_shut(struct cbb_callback *callback, const char *where, bool abort)
{
	uint8_t state = CALLBACK_OPEN;
	if (!atomic_compare_exchange_strong(&callback->state, &state, abort ? CALLBACK_CLOSED : CALLBACK_DRAINING)) {
		/* It may be cut off while it drains. */
		if (abort && state == CALLBACK_DRAINING &&
		    atomic_compare_exchange_strong(&callback->state, &state, CALLBACK_CLOSED) && !callback->ended)
			tell_host(callback, where, true);
		return;
	}
	callback_use_end(callback);
	if (atomic_load(&callback->told)) {
		tell_host(callback, where, abort);
		return;
	}
	if (where)
		callback->closed_where = strdup(where);
	callback_ended(callback, false);
}

/* ---- The end ---- */

static void finalize(struct cbb_callback *callback)
{
	if (callback->rules->finalizer)
		callback->rules->finalizer(callback, callback->user_data);
	if (callback->host->fork_epoch == fork_epoch()) /* not where it returns in a child, too */
		callback_use_gone(callback);
}

static void finalize_task(struct task *task)
{
	const size_t at = offsetof(struct cbb_callback, finalizing);
	struct cbb_callback *callback = (struct cbb_callback *)(void *)((char *)task - at);
	task->run = NULL;
	finalize(callback);
}

/* Nothing is left: once. */
static void finalize_as_task(struct cbb_callback *callback, bool locked)
{
	struct cbb_queue *queue = callback_queue(callback);
	if (atomic_exchange(&callback->finalized, true))
		return;
	if (!queue)
		queue = callback->host->client->default_queue;
	callback->finalizing.host = callback->host;
	callback->finalizing.run = finalize_task;
	if (locked)
		queue_add_task_locked(queue, &callback->finalizing);
	else
		queue_add_task(queue, &callback->finalizing);
}

/* What cbb_queue_close waits for. */
static void count_ending(struct cbb_callback *callback, bool locked)
{
	struct cbb_queue *queue = callback_queue(callback);
	if (!queue || !atomic_exchange(&callback->ending, false))
		return;
	if (!locked)
		pthread_mutex_lock(&queue->lock);
	queue->n_ending--;
	if (!locked)
		pthread_mutex_unlock(&queue->lock);
}

void callback_ended(struct cbb_callback *callback, bool locked)
{
	atomic_store(&callback->state, CALLBACK_CLOSED);
	if (atomic_exchange(&callback->ended, true))
		return;
	callback_table_retire(&callback->host->callbacks, callback);
	count_ending(callback, locked);
	if (atomic_fetch_or(&callback->n_running, CALLBACK_LEFT_LAST) == 0)
		finalize_as_task(callback, locked);
}

void callback_left(struct cbb_callback *callback)
{
	struct cbb_queue *queue = callback_queue(callback);
	if (!queue)
		queue = callback->host->client->default_queue;
	pthread_mutex_lock(&queue->lock);
	callback_left_locked(callback);
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

void callback_left_locked(struct cbb_callback *callback)
{
	if (atomic_fetch_sub(&callback->n_running, 1) == CALLBACK_LEFT_LAST + 1)
		finalize_as_task(callback, true);
}

void callbacks_end_with_port(struct cbb_host *host, const struct cbb_queue *queue)
{
	struct callback_table *table = &host->callbacks;
	for (size_t i = 0;; i++) {
		pthread_mutex_lock(&table->lock);
		struct cbb_callback *callback = i < table->n_all ? table->all[i] : NULL;
		bool more = i < table->n_all;
		pthread_mutex_unlock(&table->lock);
		if (!more)
			return;
		if (callback->kind == CALLBACK_PLAIN || callback_queue(callback) != queue || !atomic_load(&callback->told))
			continue;
		uint8_t state = CALLBACK_OPEN;
		if (atomic_compare_exchange_strong(&callback->state, &state, CALLBACK_CLOSED))
			callback_use_end(callback);
		callback_ended(callback, false);
	}
}

/* Takes the finalizer out of its queue, if it still waits there. */
static void take_back(struct cbb_callback *callback)
{
	struct cbb_queue *queue = callback_queue(callback);
	if (!queue)
		queue = callback->host->client->default_queue;
	pthread_mutex_lock(&queue->lock);
	bool waits = callback->finalizing.run;
	if (waits)
		DL_DELETE(queue->tasks, &callback->finalizing);
	queue_wake(queue); /* cbb_queue_run waited for that, too */
	pthread_mutex_unlock(&queue->lock);
	if (waits)
		callback->finalizing.run(&callback->finalizing);
}

void callbacks_end(struct cbb_host *host)
{
	struct callback_table *table = &host->callbacks;
	if (host->fork_epoch != fork_epoch())
		return;
	for (size_t i = 0; i < table->n_all; i++) {
		struct cbb_callback *callback = table->all[i];
		if (callback->kind == CALLBACK_PLAIN)
			continue;
		uint8_t state = CALLBACK_OPEN;
		if (atomic_compare_exchange_strong(&callback->state, &state, CALLBACK_CLOSED))
			callback_use_end(callback);
		callback_ended(callback, false);
		take_back(callback);
	}
}

/* ---- Closing ---- */

int callback_close(struct cbb_callback *callback, const cbb_close_options *options)
{
	uint64_t timeout_ms = options->timeout_ms ? options->timeout_ms : CLOSE_TIMEOUT_DEFAULT_MS;
	bool abort = options->mode == CBB_CLOSE_ABORT;
	struct closing closing = {.callback = callback, .deadline_ns = clock_deadline_ns(timeout_ms)};
	callback_shut(callback, options->where, abort);
	unwind_host(callback->host, &closing, closing.deadline_ns);
	/* Once it has ended its queue may be gone. */
	closing.queue = atomic_load(&callback->ended) ? NULL : callback_queue(callback);
	closing.own = thread_count_running(callback);
	return callback_wait_closed(&closing, abort);
}

/* ---- The public function ---- */

static const char *where_words(const char *given, void *caller, char *buffer, size_t size)
{
	Dl_info info;
	if (given)
		return given;
	if (dladdr(caller, &info) && info.dli_sname)
		snprintf(buffer, size, "%s+0x%tx", info.dli_sname, (char *)caller - (char *)info.dli_saddr);
	else if (dladdr(caller, &info) && info.dli_fname)
		snprintf(buffer, size, "%s+0x%tx", info.dli_fname, (char *)caller - (char *)info.dli_fbase);
	else
		snprintf(buffer, size, "%p", caller);
	return buffer;
}

int cbb_callback_close(cbb_callback *callback, const cbb_close_options *options)
{
	error_begin();
	cbb_close_options known;
	char buffer[256];
	if (!callback)
		return 0;
	int r = fork_check(callback->host->fork_epoch); /* the handlers that run belong to threads of the parent */
	if (r == 0)
		r = options_take(&known, sizeof known, options);
	if (r == 0 && (known.reserved || known.mode < CBB_CLOSE_DRAIN || known.mode > CBB_CLOSE_ABORT))
		r = detail_set(-EINVAL, "cbb_close_options: mode is %d, reserved is %d", (int)known.mode, (int)known.reserved);
	if (r < 0)
		return error_end(r);
	if (atomic_load(&callback->state) == CALLBACK_OPEN)
		known.where = where_words(known.where, __builtin_return_address(0), buffer, sizeof buffer);
	return error_end(callback_close(callback, &known));
}

void cbb_callback_end(cbb_callback **callback)
{
	if (callback)
		cbb_callback_close(*callback, NULL);
}
