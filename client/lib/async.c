/* SPDX-License-Identifier: MIT */
#include "lib/async_call.h"

#include "base/clock.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/options.h"
#include "lib/queue_fds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define RUNNING_DEFAULT 8
#define WAITING_DEFAULT 1024

/* ---- Making ---- */

static struct async_calls *calls_of(struct cbb_host *host)
{
	pthread_mutex_lock(&host->lock);
	if (!host->async && (host->async = calloc(1, sizeof *host->async))) {
		pthread_mutex_init(&host->async->lock, NULL);
		host->async->max_running = host->max_async_calls ? host->max_async_calls : RUNNING_DEFAULT;
		host->async->max_waiting = host->max_async_waiting ? host->max_async_waiting : WAITING_DEFAULT;
	}
	struct async_calls *calls = host->async;
	pthread_mutex_unlock(&host->lock);
	return calls;
}

void async_calls_free(struct async_calls *calls)
{
	if (!calls)
		return;
	pthread_mutex_destroy(&calls->lock);
	free(calls);
}

static void async_free(struct cbb_async *async)
{
	lane_free(&async->staging.lane);
	arena_free(&async->staging.arena);
	free(async->words);
	free(async->arguments);
	free(async);
}

/* The objects that arguments[i] point to are the caller's, perhaps on its stack. */
static int copy_arguments(struct cbb_async *async, const struct plan *plan, void *const *arguments)
{
	size_t bytes = plan->n_params * sizeof *async->arguments;
	for (uint32_t i = 0; i < plan->n_params; i++)
		bytes += (plan->interface->types[plan->params[i]->type]->size_bytes + 15) / 16 * 16;
	async->arguments = malloc(bytes + 16);
	if (!async->arguments)
		return -ENOMEM;
	uintptr_t at = ((uintptr_t)(async->arguments + plan->n_params) + 15) / 16 * 16;
	for (uint32_t i = 0; i < plan->n_params; i++) {
		size_t size = plan->interface->types[plan->params[i]->type]->size_bytes;
		async->arguments[i] = memcpy((void *)at, arguments[i], size);
		at += (size + 15) / 16 * 16;
	}
	return 0;
}

static struct cbb_async *async_new(struct cbb_function *function, void *result, const cbb_async_options *options,
                                   struct cbb_queue *queue, struct port *port)
{
	struct cbb_host *host = function->library->host;
	struct cbb_async *async = calloc(1, sizeof *async);
	if (!async)
		return NULL;
	async->queue = queue;
	async->port = port;
	async->function = function;
	async->task.host = host;
	async->done = options->done;
	async->user_data = options->user_data;
	async->timeout_ms = options->timeout_ms;
	/* The bytes are only put together here; the socket is another's. */
	lane_init(&async->staging.lane, -1, -1, host->max_payload_bytes);
	arena_init(&async->staging.arena, 2 * (host->max_payload_bytes + FRAME_OVERHEAD_BYTES));
	async->staging.host = host;
	async->call = (struct call_frame){
	    .marshal = {.plan = function->plan, .side = &side_call, .result = result, .arena = &async->staging.arena},
	    .library = function->library, .lane = &async->staging,
	    .deadline_ns = clock_deadline_ns(host->client->session.timeout_ms),
	    .n_opened = atomic_load_explicit(&host->handles.n_opened, memory_order_relaxed),
	    .callbacks = function->plan->has_callbacks ? &async->callbacks : NULL};
	return async;
}

/* ---- Completion ---- */

/* Runs `done` and frees it. No lock. */
static void finish_it(struct cbb_async *async)
{
	struct cbb_queue *queue = async->queue;
	struct async_calls *calls = async->call.library->host->async;
	pthread_mutex_lock(&calls->lock);
	DL_DELETE(calls->all, async);
	pthread_mutex_unlock(&calls->lock);
	error_begin();
	error_end_call(async->status < 0 ? detail_set(async->status, "%s", async->words ? async->words : "") : 0);
	if (async->done)
		async->done(async, async->status, async->user_data);
	if (queue->fork_epoch != fork_epoch()) /* it returns in a child, too, where the queue is nobody's */
		return;
	async_free(async);
	pthread_mutex_lock(&queue->lock);
	bool last = --queue->n_async == 0;
	pthread_mutex_unlock(&queue->lock);
	if (last)
		queue_wake(queue);
}

void async_finish(struct cbb_async *async)
{
	async->task.run = NULL;
	finish_it(async);
}

void async_finish_task(struct task *task)
{
	struct cbb_async *async = (struct cbb_async *)(void *)task;
	if (async->gives_place)
		async_start_next(async->call.library->host->async);
	async_finish(async);
}

void async_set_status(struct cbb_async *async, int status)
{
	async->status = status;
	async->words = status < 0 ? strdup(detail_text()) : NULL;
	if (status < 0 && !async->call.marshal.plan->returns_void && async->call.marshal.result)
		plan_store_on_error(async->call.marshal.plan, async->call.marshal.result);
}

void async_finish_later(struct cbb_async *async, int status)
{
	async_set_status(async, status);
	async->task.run = async_finish_task;
	queue_add_task_locked(async->queue, &async->task);
}

/* ---- The end ---- */

static struct cbb_async *one_of(struct async_calls *calls, const struct port *port)
{
	struct cbb_async *async;
	pthread_mutex_lock(&calls->lock);
	DL_SEARCH_SCALAR(calls->all, async, port, port);
	if (async && async->state == ASYNC_WAITING) {
		DL_DELETE2(calls->waiting, async, waiting_prev, waiting_next);
		calls->n_waiting--;
	}
	pthread_mutex_unlock(&calls->lock);
	return async;
}

/* Its host ends, or only its queue. */
static int ended(const struct port *port, const struct cbb_async *async)
{
	bool host = atomic_load(&port->host->closing) || atomic_load(&port->host->dead);
	return detail_set(host ? CBB_ERR_HOST_DIED : CBB_ERR_CLOSED, "%s: its %s was closed", async->function->plan->name,
	                  host ? "host" : "queue");
}

void async_end_all(struct port *port)
{
	struct async_calls *calls = port->host->async;
	struct cbb_queue *queue = port->queue;
	struct cbb_async *async;
	if (!calls || queue->fork_epoch != fork_epoch())
		return;
	while ((async = one_of(calls, port))) {
		bool running = async->state == ASYNC_RUNNING && !async->gives_place;
		pthread_mutex_lock(&queue->lock);
		if (async->task.run)
			DL_DELETE(queue->tasks, &async->task);
		bool over = async->task.run == async_finish_task;
		if (async->lane && async->lane->async == async)
			async_leave_lane(async->lane);
		pthread_mutex_unlock(&queue->lock);
		if (!over)
			async_set_status(async, ended(port, async));
		if (running || async->gives_place)
			async_start_next(calls);
		async_finish(async);
	}
}

/* ---- The public functions ---- */

static int check_call(const cbb_function *function, void *const arguments[], const cbb_async_options *options)
{
	const struct plan *plan = function->plan;
	if (options->queue && (options->queue->client != function->library->host->client || options->queue->pull))
		return detail_set(-EINVAL, "%s: the queue is another connection's, or a pull queue", plan->name);
	if (!arguments && plan->n_params)
		return detail_set(-EINVAL, "%s: arguments is NULL", plan->name);
	if (options->n_arguments && options->n_arguments != plan->n_params)
		return detail_set(CBB_ERR_ARGUMENT, "%s takes %u arguments, not %zu", plan->name, plan->n_params,
		                  options->n_arguments);
	if (plan->variadic)
		return detail_set(CBB_ERR_UNSUPPORTED, "%s takes a variable number of arguments: call it from a thread of the "
		                  "program", plan->name);
	return 0;
}

/* Everything of the message is put together now: the arguments may change or go. */
static int stage(struct cbb_async *async, const struct plan *plan, void *const *arguments)
{
	static _Atomic uint64_t last_sequence;
	int r = copy_arguments(async, plan, arguments);
	if (r < 0)
		return r;
	async->call.marshal.arguments = async->arguments;
	async->call.sequence = atomic_fetch_add(&last_sequence, 1) + 1;
	return call_put(&async->call, errno);
}

/* Whether it may begin at once; else it waits. */
static int enlist(struct async_calls *calls, struct cbb_async *async, bool *ret_start)
{
	int r = 0;
	pthread_mutex_lock(&calls->lock);
	*ret_start = calls->n_running < calls->max_running;
	if (*ret_start) {
		calls->n_running++;
		async->state = ASYNC_RUNNING;
	} else if (calls->n_waiting < calls->max_waiting) {
		calls->n_waiting++;
		DL_APPEND2(calls->waiting, async, waiting_prev, waiting_next);
	} else {
		r = detail_set(CBB_ERR_LIMIT, "%llu calls run and %llu wait: options max_async_calls and max_async_waiting",
		               (unsigned long long)calls->max_running, (unsigned long long)calls->max_waiting);
	}
	if (r == 0)
		DL_APPEND(calls->all, async);
	pthread_mutex_unlock(&calls->lock);
	return r;
}

static void count_in(struct cbb_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->n_async++;
	pthread_mutex_unlock(&queue->lock);
}

static void count_out(struct cbb_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	bool last = --queue->n_async == 0;
	pthread_mutex_unlock(&queue->lock);
	if (last)
		queue_wake(queue);
}

static void delist(struct async_calls *calls, struct cbb_async *async)
{
	pthread_mutex_lock(&calls->lock);
	DL_DELETE(calls->all, async);
	pthread_mutex_unlock(&calls->lock);
	async_start_next(calls);
}

static int begin(struct cbb_async *async, struct async_calls *calls, cbb_async **ret_async)
{
	bool starts = false;
	int r = enlist(calls, async, &starts);
	if (r < 0)
		return r;
	/* Once it has begun it may be over, and gone, at any moment. */
	if (ret_async)
		*ret_async = async;
	count_in(async->queue);
	struct cbb_queue *queue = async->queue;
	r = starts ? async_start(async) : 0;
	if (r < 0) {
		count_out(queue);
		delist(calls, async);
	}
	return r;
}

static int call_async(cbb_function *function, void *result, void *const arguments[], const cbb_async_options *options,
                      cbb_async **ret_async)
{
	struct cbb_host *host = function->library->host;
	struct cbb_queue *queue = options->queue ? options->queue : host->client->default_queue;
	struct async_calls *calls = calls_of(host);
	struct port *port = NULL;
	int r = calls ? port_get(queue, host, clock_deadline_ns(host->client->session.timeout_ms), &port) : -ENOMEM;
	if (r < 0)
		return r;
	struct cbb_async *async = async_new(function, result, options, queue, port);
	if (!async)
		return -ENOMEM;
	r = stage(async, function->plan, arguments);
	if (r == 0)
		r = begin(async, calls, ret_async);
	if (r < 0)
		async_free(async);
	return r;
}

int cbb_call_async(cbb_function *function, void *result, void *const arguments[], const cbb_async_options *options,
                   cbb_async **ret_async)
{
	error_begin();
	cbb_async_options known;
	if (!function)
		return error_end(detail_set(-EINVAL, "cbb_call_async: function is NULL"));
	struct cbb_host *host = function->library->host;
	int r = options_take(&known, sizeof known, options);
	if (r == 0)
		r = check_call(function, arguments, &known);
	if (r == 0)
		r = host_enter(host);
	if (r < 0)
		return error_end(r);
	r = call_async(function, result, arguments, &known, ret_async);
	host_leave(host);
	return error_end(r);
}

int cbb_async_cancel(cbb_async *async)
{
	error_begin();
	if (!async)
		return error_end(detail_set(-EINVAL, "cbb_async_cancel: async is NULL"));
	struct async_calls *calls = async->call.library->host->async;
	pthread_mutex_lock(&calls->lock);
	bool waits = async->state == ASYNC_WAITING;
	if (waits) {
		DL_DELETE2(calls->waiting, async, waiting_prev, waiting_next);
		calls->n_waiting--;
		async->state = ASYNC_OVER;
	}
	pthread_mutex_unlock(&calls->lock);
	if (!waits)
		return error_end(detail_set(CBB_ERR_BUSY, "%s has begun", async->function->plan->name));
	pthread_mutex_lock(&async->queue->lock);
	async_finish_later(async, detail_set(-ECANCELED, "%s was cancelled before it began", async->function->plan->name));
	pthread_mutex_unlock(&async->queue->lock);
	return 0;
}
