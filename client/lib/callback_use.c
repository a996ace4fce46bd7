/* SPDX-License-Identifier: MIT */
#include "lib/callback_use.h"

#include "lib/callback_close.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/options.h"
#include "lib/port.h"
#include "lib/queue_fds.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

static struct cbb_queue *ref_queue(const struct cbb_callback *callback)
{
	return callback->delivery == CBB_LOCAL ? NULL : callback_queue(callback);
}

void callback_use_begin(struct cbb_callback *callback, bool unrefed)
{
	struct cbb_queue *queue = ref_queue(callback);
	if (!queue)
		return;
	pthread_mutex_lock(&queue->lock);
	if (!unrefed) {
		callback->n_refs = 1;
		queue->n_refs++;
	}
	if (callback->priority)
		queue->has_priorities = true;
	if (callback->queue)
		DL_APPEND2(queue->callbacks, callback, queue_prev, queue_next);
	pthread_mutex_unlock(&queue->lock);
}

void callback_use_end(struct cbb_callback *callback)
{
	struct cbb_queue *queue = callback->queue;
	if (!queue)
		return;
	pthread_mutex_lock(&queue->lock);
	DL_DELETE2(queue->callbacks, callback, queue_prev, queue_next);
	pthread_mutex_unlock(&queue->lock);
}

void callback_use_gone(struct cbb_callback *callback)
{
	struct cbb_queue *queue = ref_queue(callback);
	if (queue && atomic_exchange(&callback->n_refs, 0))
		queue_unref(queue);
}

/* ---- References ---- */

static int check_open(const struct cbb_callback *callback, const char *what)
{
	if (!callback)
		return detail_set(-EINVAL, "%s: callback is NULL", what);
	int r = fork_check(callback->host->fork_epoch);
	if (r < 0)
		return r;
	return atomic_load(&callback->state) == CALLBACK_OPEN
	           ? 0
	           : detail_set(CBB_ERR_CLOSED, "%s: callback %s is closed", what, callback->name);
}

/* The queue counts the callback, however often it is ref'ed. */
static int change_refs(struct cbb_callback *callback, int by)
{
	struct cbb_queue *queue = ref_queue(callback);
	if (!queue)
		return 0;
	pthread_mutex_lock(&queue->lock);
	uint32_t before = callback->n_refs;
	uint32_t after = by < 0 && before == 0 ? 0 : before + (uint32_t)by;
	callback->n_refs = after;
	queue->n_refs += (after > 0) - (before > 0);
	bool last = before && !after && queue->n_refs == 0;
	pthread_mutex_unlock(&queue->lock);
	if (last)
		queue_wake(queue);
	return (int)after;
}

int cbb_callback_ref(cbb_callback *callback)
{
	error_begin();
	int r = check_open(callback, "cbb_callback_ref");
	return error_end(r < 0 ? r : change_refs(callback, 1));
}

int cbb_callback_unref(cbb_callback *callback)
{
	error_begin();
	int r = check_open(callback, "cbb_callback_unref");
	return error_end(r < 0 ? r : change_refs(callback, -1));
}

/* ---- Users ---- */

static int acquire(struct cbb_callback *callback)
{
	uint32_t n = atomic_load(&callback->n_users);
	do
		if (n == 0)
			return detail_set(CBB_ERR_CLOSED, "callback %s was released by its last user", callback->name);
	while (!atomic_compare_exchange_weak(&callback->n_users, &n, n + 1));
	return (int)n + 1;
}

static int release(struct cbb_callback *callback, const char *where)
{
	uint32_t n = atomic_load(&callback->n_users);
	do
		if (n == 0)
			return detail_set(CBB_ERR_CLOSED, "callback %s was released by its last user", callback->name);
	while (!atomic_compare_exchange_weak(&callback->n_users, &n, n - 1));
	if (n == 1)
		callback_shut(callback, where, false);
	return (int)n - 1;
}

int cbb_callback_acquire(cbb_callback *callback)
{
	error_begin();
	int r = check_open(callback, "cbb_callback_acquire");
	return error_end(r < 0 ? r : acquire(callback));
}

int cbb_callback_release(cbb_callback *callback)
{
	error_begin();
	int r = check_open(callback, "cbb_callback_release");
	return error_end(r < 0 ? r : release(callback, "cbb_callback_release"));
}

void callback_use_change(struct cbb_callback *callback, Cbb__Use use)
{
	if (atomic_load(&callback->state) != CALLBACK_OPEN)
		return;
	switch (use) {
	case CBB__USE__USE_ACQUIRE: acquire(callback); break;
	case CBB__USE__USE_RELEASE: release(callback, "native code's release"); break;
	case CBB__USE__USE_ABORT: callback_shut(callback, "native code's abort", true); break;
	case CBB__USE__USE_REF: change_refs(callback, 1); break;
	case CBB__USE__USE_UNREF: change_refs(callback, -1); break;
	default: break;
	}
}

/* ---- Pausing ---- */

static int set_paused(struct cbb_callback *callback, bool paused)
{
	Cbb__PauseCallback message = CBB__PAUSE_CALLBACK__INIT;
	if (callback->delivery != CBB_LISTENER)
		return detail_set(CBB_ERR_UNSUPPORTED, "callback %s is no listener: native code waits for its answers",
		                  callback->name);
	message.slot = callback->slot;
	message.generation = callback->generation;
	message.paused = paused;
	struct cbb_queue *queue = callback->queue;
	struct port *port = port_find(queue, callback->host);
	pthread_mutex_lock(&queue->lock);
	atomic_store(&callback->paused, paused); /* for OpenCallback, until the host has it */
	if (port)
		port_send(port, CBB__FRAME_TYPE__FRAME_PAUSE_CALLBACK, &message.base);
	pthread_mutex_unlock(&queue->lock);
	return 0;
}

int cbb_callback_pause(cbb_callback *callback)
{
	error_begin();
	int r = check_open(callback, "cbb_callback_pause");
	return error_end(r < 0 ? r : set_paused(callback, true));
}

int cbb_callback_resume(cbb_callback *callback)
{
	error_begin();
	int r = check_open(callback, "cbb_callback_resume");
	return error_end(r < 0 ? r : set_paused(callback, false));
}

/* ---- Counts ---- */

int cbb_callback_count(const cbb_callback *callback, cbb_callback_counts *counts)
{
	error_begin();
	if (!callback || !counts || counts->size < sizeof counts->size)
		return error_end(detail_set(-EINVAL, "cbb_callback_count: an argument is NULL, or counts.size not set"));
	const cbb_callback_counts known = {
	    .handled = callback->counts.handled, .failed = callback->counts.failed, .lost = callback->counts.lost,
	    .dropped = callback->counts.dropped, .refused = callback->counts.refused,
	    .late_answers = callback->counts.late_answers};
	options_give(counts, &known, sizeof known);
	return 0;
}
