/* SPDX-License-Identifier: MIT */
#include "lib/queue.h"

#include "base/clock.h"
#include "lib/callback_close.h"
#include "lib/client.h"
#include "lib/deferred.h"
#include "lib/dispatch.h"
#include "lib/dispatch_run.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/options.h"
#include "lib/port.h"
#include "lib/queue_fds.h"
#include "lib/team.h"
#include "lib/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define EVENTS_DEFAULT 1024
#define BYTES_DEFAULT (16u << 20)
#define CLOSE_TIMEOUT_MS 10000

/* ---- Beginning and end ---- */

void queue_hold(struct cbb_queue *queue)
{
	atomic_fetch_add(&queue->n_holders, 1);
}

void queue_release(struct cbb_queue *queue)
{
	if (atomic_fetch_sub(&queue->n_holders, 1) > 1)
		return;
	pthread_mutex_destroy(&queue->lock);
	pthread_cond_destroy(&queue->changed);
	free(queue->name);
	free(queue);
}

static void queue_free(struct cbb_queue *queue)
{
	queue_fds_close(queue);
	queue_release(queue);
}

static void cond_init_monotonic(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
}

static uint64_t or_default(uint64_t value, uint64_t standard)
{
	return value ? value : standard;
}

static int queue_new(struct cbb_client *client, const cbb_queue_options *options, struct cbb_queue **ret_queue)
{
	struct cbb_queue *queue = calloc(1, sizeof *queue);
	if (!queue)
		return -ENOMEM;
	queue->client = client;
	queue->n_holders = 1;
	queue->fork_epoch = client->fork_epoch;
	queue->max_events = or_default(options->max_events, EVENTS_DEFAULT);
	queue->max_bytes = or_default(options->max_bytes, BYTES_DEFAULT);
	queue->stall_ms = or_default(options->stall_timeout_ms, QUEUE_STALL_DEFAULT_MS);
	queue->pull = options->pull;
	pthread_mutex_init(&queue->lock, NULL);
	cond_init_monotonic(&queue->changed);
	int r = queue_fds_open(queue);
	if (r == 0 && options->name && !(queue->name = strdup(options->name)))
		r = -ENOMEM;
	if (r < 0) {
		queue_free(queue);
		return r;
	}
	*ret_queue = queue;
	return 0;
}

static int queue_name(struct cbb_queue *queue)
{
	return queue->name || asprintf(&queue->name, "queue %u", queue->number) >= 0 ? 0 : -ENOMEM;
}

static int queue_link(struct cbb_queue *queue)
{
	struct cbb_client *client = queue->client;
	int r = 0;
	pthread_mutex_lock(&client->queues_lock);
	if (client->n_queues == QUEUES_MAX) {
		r = detail_set(CBB_ERR_LIMIT, "%d queues are open: close some", QUEUES_MAX);
	} else {
		queue_bits_open(queue);
		client->n_queues++;
		DL_APPEND(client->queues, queue);
	}
	pthread_mutex_unlock(&client->queues_lock);
	return r == 0 ? queue_name(queue) : r;
}

static void queue_unlink(struct cbb_queue *queue)
{
	struct cbb_client *client = queue->client;
	bool forked = queue->fork_epoch != fork_epoch(); /* then some other thread may have held the lock */
	if (!forked)
		pthread_mutex_lock(&client->queues_lock);
	queue_bits_close(queue);
	DL_DELETE(client->queues, queue);
	client->n_queues--;
	if (!forked)
		pthread_mutex_unlock(&client->queues_lock);
}

static int queue_open(struct cbb_client *client, const cbb_queue_options *options, struct cbb_queue **ret_queue)
{
	struct cbb_queue *queue = NULL;
	int r = queue_new(client, options, &queue);
	if (r == 0) {
		r = queue_link(queue);
		if (r < 0)
			queue_free(queue);
	}
	if (r == 0)
		*ret_queue = queue;
	return r;
}

int queue_default_open(struct cbb_client *client)
{
	const cbb_queue_options options = {.size = sizeof options, .name = "default queue"};
	int r = queue_open(client, &options, &client->default_queue);
	if (r == 0)
		dispatch_become(client->default_queue);
	return r;
}

int cbb_queue_open(cbb_client *client, const cbb_queue_options *options, cbb_queue **ret_queue)
{
	error_begin();
	cbb_queue_options known;
	if (!client || !ret_queue)
		return error_end(detail_set(-EINVAL, "cbb_queue_open: client or ret_queue is NULL"));
	int r = options_take(&known, sizeof known, options);
	if (r == 0)
		r = fork_check(client->fork_epoch);
	if (r == 0 && (known.reserved || known.pull < 0 || known.pull > 1))
		r = detail_set(-EINVAL, "cbb_queue_options: pull is %d (0 or 1), reserved is %d (0)", (int)known.pull,
		               (int)known.reserved);
	return error_end(r < 0 ? r : queue_open(client, &known, ret_queue));
}

cbb_queue *cbb_queue_default(cbb_client *client)
{
	return client ? client->default_queue : NULL;
}

/* ---- Closing ---- */

static void abort_callbacks(struct cbb_queue *queue, uint64_t deadline_ns)
{
	cbb_close_options options = {.size = sizeof options, .mode = CBB_CLOSE_ABORT, .where = "cbb_queue_close"};
	for (;;) {
		int left_ms = clock_left_ms(deadline_ns);
		options.timeout_ms = left_ms > 0 ? (uint64_t)left_ms : 1; /* of all together */
		pthread_mutex_lock(&queue->lock);
		struct cbb_callback *callback = queue->callbacks;
		pthread_mutex_unlock(&queue->lock);
		if (!callback)
			return;
		callback_close(callback, &options);
	}
}

/* Until no thread is inside. */
static int wait_empty(struct cbb_queue *queue, uint64_t deadline_ns)
{
	int r = 0;
	struct timespec until = clock_timespec(deadline_ns);
	pthread_mutex_lock(&queue->lock);
	while (r == 0 && (queue->n_dispatching || queue->running))
		r = pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
	bool empty = !queue->n_dispatching && !queue->running;
	pthread_mutex_unlock(&queue->lock);
	return empty ? 0 : detail_set(CBB_ERR_TIMEOUT, "%s: a handler still runs", queue->name);
}

static void cut_off_deferred(struct cbb_queue *queue)
{
	struct port *port;
	pthread_mutex_lock(&queue->lock);
	DL_FOREACH (queue->ports, port)
		deferred_cut_off(port, NULL);
	pthread_mutex_unlock(&queue->lock);
}

static int queue_close(struct cbb_queue *queue)
{
	if (queue == queue->client->default_queue)
		return detail_set(CBB_ERR_WOULD_DEADLOCK, "the default queue ends with its client");
	dispatch_unwind(&queue);
	if (dispatch_is_inside(queue))
		return detail_set(CBB_ERR_WOULD_DEADLOCK, "%s closed inside one of its handlers", queue->name);
	uint64_t deadline_ns = clock_deadline_ns(CLOSE_TIMEOUT_MS);
	pthread_mutex_lock(&queue->lock);
	queue->closing = true;
	pthread_mutex_unlock(&queue->lock);
	cut_off_deferred(queue);
	abort_callbacks(queue, deadline_ns);
	int r = team_end(queue, deadline_ns);
	if (r == 0) {
		queue_wake(queue);
		r = wait_empty(queue, deadline_ns);
	}
	if (r < 0)
		return r;
	dispatch_ending(queue, deadline_ns);
	ports_end_of_queue(queue);
	dispatch_tasks(queue);
	queue_unlink(queue);
	queue_free(queue);
	return 0;
}

cbb_queue *cbb_queue_close(cbb_queue *queue)
{
	error_begin();
	if (!queue)
		return NULL;
	if (queue->fork_epoch != fork_epoch()) {
		queue_unlink(queue);
		queue_free(queue);
		return NULL;
	}
	int r = queue_close(queue);
	if (r < 0)
		error_end(r);
	return r < 0 ? queue : NULL;
}

int queues_check_outside(struct cbb_client *client)
{
	int r = 0;
	struct cbb_queue *queue;
	pthread_mutex_lock(&client->queues_lock);
	DL_FOREACH (client->queues, queue)
		if (r == 0 && dispatch_is_inside(queue))
			r = detail_set(CBB_ERR_WOULD_DEADLOCK, "disconnected inside a handler of %s", queue->name);
	pthread_mutex_unlock(&client->queues_lock);
	return r;
}

int queues_end_teams(struct cbb_client *client, uint64_t deadline_ns)
{
	int r = 0;
	/* Nobody opens or closes queues while the client is disconnected. */
	for (struct cbb_queue *queue = client->queues; queue && r == 0; queue = queue->next) {
		r = team_end(queue, deadline_ns);
		if (r == 0) {
			pthread_mutex_lock(&queue->lock);
			queue->closing = true;
			pthread_mutex_unlock(&queue->lock);
			queue_wake(queue);
			r = wait_empty(queue, deadline_ns);
		}
	}
	return r;
}

void queues_go_on(struct cbb_client *client)
{
	struct cbb_queue *queue;
	pthread_mutex_lock(&client->queues_lock);
	DL_FOREACH (client->queues, queue)
		atomic_store(&queue->closing, false);
	pthread_mutex_unlock(&client->queues_lock);
}

void queues_free(struct cbb_client *client)
{
	while (client->queues) {
		struct cbb_queue *queue = client->queues;
		if (client->fork_epoch == fork_epoch())
			dispatch_tasks(queue);
		queue_unlink(queue);
		queue_free(queue);
	}
	client->default_queue = NULL;
}

/* ---- What there is to do ---- */

void queue_add_task(struct cbb_queue *queue, struct task *task)
{
	pthread_mutex_lock(&queue->lock);
	queue_add_task_locked(queue, task);
	pthread_mutex_unlock(&queue->lock);
}

void queue_add_task_locked(struct cbb_queue *queue, struct task *task)
{
	DL_APPEND(queue->tasks, task);
	queue_wake(queue);
}

void queue_ref(struct cbb_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->n_refs++;
	pthread_mutex_unlock(&queue->lock);
}

void queue_unref(struct cbb_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	bool last = --queue->n_refs == 0;
	pthread_mutex_unlock(&queue->lock);
	if (last)
		queue_wake(queue); /* cbb_queue_run may return */
}

int cbb_queue_stop(cbb_queue *queue)
{
	if (!queue)
		return -EINVAL;
	atomic_store(&queue->stop, true);
	queue_wake(queue);
	return 0;
}
