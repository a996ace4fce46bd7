/* SPDX-License-Identifier: MIT */
#include "lib/async.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/call.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/handler.h"
#include "lib/options.h"
#include "lib/pick.h"
#include "lib/side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utlist.h>

#define RUNNING_DEFAULT 8
#define WAITING_DEFAULT 1024

enum async_state { ASYNC_WAITING, ASYNC_RUNNING, ASYNC_OVER };

struct cbb_async {
	struct task task;             /* its completion, when no dispatcher found it */
	struct cbb_async *prev, *next; /* async_calls.all */
	struct cbb_async *waiting_prev, *waiting_next;
	struct cbb_queue *queue;
	struct port *port;
	enum async_state state;       /* under async_calls.lock, as the lists */
	struct call_frame call;
	struct side_callbacks callbacks;
	struct client_lane staging;   /* holds the message until a lane is free, and the arena */
	uint64_t timeout_ms;
	cbb_function *function;
	struct queue_lane *lane;      /* while it runs */
	bool gives_place;             /* it counts among the running until its completion runs */
	int status;                   /* and its words: for the task */
	char *words;
	cbb_async_done *done;
	void *user_data;
	void **arguments;             /* copies: arguments[i] points into memory behind */
};

/* Of a host. */
struct async_calls {
	pthread_mutex_t lock;
	unsigned n_running;
	uint64_t n_waiting;
	uint64_t max_running, max_waiting;
	struct cbb_async *all, *waiting; /* utlists */
};

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
static void finish(struct cbb_async *async)
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

static void start_next(struct async_calls *calls);

static void finish_now(struct cbb_async *async)
{
	async->task.run = NULL;
	finish(async);
}

static void finish_task(struct task *task)
{
	struct cbb_async *async = (struct cbb_async *)(void *)task;
	if (async->gives_place)
		start_next(async->call.library->host->async);
	finish_now(async);
}

/* The words are the detail text. */
static void set_status(struct cbb_async *async, int status)
{
	async->status = status;
	async->words = status < 0 ? strdup(detail_text()) : NULL;
	if (status < 0 && !async->call.marshal.plan->returns_void && async->call.marshal.result)
		plan_store_on_error(async->call.marshal.plan, async->call.marshal.result);
}

static void finish_later_locked(struct cbb_async *async, int status)
{
	set_status(async, status);
	async->task.run = finish_task;
	queue_add_task_locked(async->queue, &async->task);
}

/* ---- Running ---- */

static void lane_leave(struct queue_lane *lane)
{
	lane->async = NULL;
	lane->base.depth = 0;
	lane->base.in_use = false;
}

/* With the queue's lock: a lane of this port that is free. */
static struct queue_lane *free_lane(struct port *port)
{
	struct queue_lane *lane;
	DL_FOREACH (port->lanes, lane)
		if (lane->for_async && !lane->async && !lane->serving && !lane->base.abandoned && !lane->base.dead)
			return lane;
	return NULL;
}

/* A lane that is this call's, and at which this thread is. */
static int get_lane(struct cbb_async *async, struct queue_lane **ret_lane)
{
	struct port *port = async->port;
	pthread_mutex_lock(&port->queue->lock);
	*ret_lane = free_lane(port);
	if (*ret_lane) {
		(*ret_lane)->async = async;
		(*ret_lane)->serving = true;
	}
	pthread_mutex_unlock(&port->queue->lock);
	if (*ret_lane)
		return 0;
	const struct session_lane wanted = {.host = port->host->id, .kind = CBB__LANE_KIND__LANE_CLIENT_THREAD,
	                                    .thread_name = "async"};
	int fd = host_attach(port->host, &wanted, CLOCK_NEVER);
	return fd < 0 ? fd : port_add_lane(port, fd, async, ret_lane);
}

/* The deadline is looked at by the queue's dispatcher. */
static int set_timer(struct queue_lane *lane, uint64_t deadline_ns)
{
	if (deadline_ns == CLOCK_NEVER)
		return 0;
	if (lane->timer_fd < 0) {
		int r = port_add_timer(lane);
		if (r < 0)
			return r;
	}
	const struct itimerspec time = {.it_value = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
	                                             .tv_nsec = (long)(deadline_ns % 1000000000u)}};
	return timerfd_settime(lane->timer_fd, TFD_TIMER_ABSTIME, &time, NULL) < 0 ? -errno : 0;
}

static void clear_timer(struct queue_lane *lane)
{
	const struct itimerspec never = {0};
	if (lane->timer_fd >= 0)
		timerfd_settime(lane->timer_fd, 0, &never, NULL);
}

/* The message goes out. */
static int send_on(struct cbb_async *async, struct queue_lane *lane)
{
	struct client_lane *base = &lane->base;
	struct buffer staged = async->staging.lane.out;
	async->staging.lane.out = base->lane.out;
	base->lane.out = staged;
	async->lane = lane;
	async->call.lane = base;
	base->in_use = true;
	if (base->last_sequence < async->call.sequence)
		base->last_sequence = async->call.sequence;
	base->levels[0] = (struct lane_level){.frame = &async->call, .sequence = async->call.sequence,
	                                      .deadline_ns = async->call.deadline_ns, .mark = arena_mark(&base->arena)};
	base->depth = 1;
	int r = set_timer(lane, async->call.deadline_ns);
	return r < 0 ? r : lane_send(&base->lane, clock_deadline_ns(base->host->client->session.timeout_ms));
}

/* From here on whoever reads its lane completes it; or it has not begun, with a negative code. */
static int start(struct cbb_async *async)
{
	struct queue_lane *lane = NULL;
	struct cbb_queue *queue = async->queue;
	async->call.deadline_ns = call_deadline(async->function, async->timeout_ms);
	int r = get_lane(async, &lane);
	if (r < 0)
		return r;
	r = send_on(async, lane);
	if (r < 0)
		r = detail_set(r == -ETIMEDOUT ? CBB_ERR_TIMEOUT : CBB_ERR_HOST_DIED, "%s: host h%llu did not take the call: %s",
		               async->function->plan->name, (unsigned long long)async->port->host->id, strerror(-r));
	pthread_mutex_lock(&queue->lock);
	if (r < 0)
		lane_leave(lane);
	lane_put_back(lane, r);
	pthread_mutex_unlock(&queue->lock);
	queue_wake(queue);
	return r;
}

static void start_task(struct task *task)
{
	struct cbb_async *async = (struct cbb_async *)(void *)task;
	task->run = NULL;
	int r = start(async);
	if (r == 0)
		return;
	set_status(async, r);
	start_next(async->call.library->host->async);
	finish(async);
}

/* A call is over, or did not begin: its place is the next one's, which its own queue starts. */
static void start_next(struct async_calls *calls)
{
	pthread_mutex_lock(&calls->lock);
	struct cbb_async *next = calls->waiting;
	if (next) {
		DL_DELETE2(calls->waiting, next, waiting_prev, waiting_next);
		calls->n_waiting--;
		next->state = ASYNC_RUNNING;
		next->task.run = start_task;
		queue_add_task(next->queue, &next->task); /* with the lock: else its queue might end, and it with that */
	} else {
		calls->n_running--;
	}
	pthread_mutex_unlock(&calls->lock);
}

/* ---- What arrives on its lane ---- */

int async_serve_callback(struct dispatch *dispatch)
{
	struct client_lane *lane = &dispatch->work.lane->base;
	LL_PREPEND2(dispatch->thread->lanes, lane, thread_next);
	int r = handler_serve(lane, &dispatch->work.hot);
	LL_DELETE2(dispatch->thread->lanes, lane, thread_next);
	return r;
}

static int status_of(struct cbb_async *async, struct lane_level *level, int r)
{
	if (r == 0 && level->fails)
		r = detail_set(level->fails, "%s", level->fails_text ? level->fails_text : "a handler made this call fail");
	free(level->fails_text);
	level->fails_text = NULL;
	set_status(async, r);
	return r;
}

int async_complete(struct queue_lane *lane, const struct frame *frame, struct hot *hot)
{
	struct cbb_async *async = lane->async;
	struct cbb_queue *queue = async->queue;
	int error_number;
	if (hot->sequence != async->call.sequence)
		return detail_set(-EBADMSG, "a Return for call %llu, which is not the one in flight",
		                  (unsigned long long)hot->sequence);
	clear_timer(lane);
	int r = call_take_return(&async->call, frame, hot, &error_number);
	status_of(async, &lane->base.levels[0], r);
	pthread_mutex_lock(&queue->lock);
	lane_leave(lane);
	pthread_mutex_unlock(&queue->lock);
	start_next(async->call.library->host->async);
	finish(async);
	return r == -EBADMSG ? r : 0;
}

void async_lost(struct queue_lane *lane, int r)
{
	struct cbb_async *async = lane->async;
	struct cbb_host *host = lane->source.port->host;
	if (async) {
		const char *name = async->function->plan->name;
		lane_leave(lane);
		finish_later_locked(async, r == -ECANCELED ? detail_set(r, "%s: a handler under it was left", name)
		                                           : host_note_death(host, name));
		async->gives_place = true;
	}
	port_drop_lane(lane);
}

void async_late(struct queue_lane *lane)
{
	struct cbb_async *async = lane->async;
	struct client_lane *base = &lane->base;
	Cbb__Abandon message = CBB__ABANDON__INIT;
	if (!async || lane->serving) {
		lane->late = async != NULL; /* a handler runs under it: looked at again when that is over */
		clear_timer(lane);
		return;
	}
	message.sequence = base->abandoned = async->call.sequence;
	lane_leave(lane);
	clear_timer(lane);
	finish_later_locked(async, detail_set(CBB_ERR_TIMEOUT, "%s did not return within its deadline (host h%llu)",
	                                      async->function->plan->name, (unsigned long long)base->host->id));
	async->gives_place = true;
	if (lane_put(&base->lane, CBB__FRAME_TYPE__FRAME_ABANDON, &message.base) < 0 || lane_send(&base->lane, 0) < 0)
		port_drop_lane(lane);
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
		bool over = async->task.run == finish_task;
		if (async->lane && async->lane->async == async)
			lane_leave(async->lane);
		pthread_mutex_unlock(&queue->lock);
		if (!over)
			set_status(async, ended(port, async));
		if (running || async->gives_place)
			start_next(calls);
		finish_now(async);
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
	start_next(calls);
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
	r = starts ? start(async) : 0;
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
	finish_later_locked(async, detail_set(-ECANCELED, "%s was cancelled before it began", async->function->plan->name));
	pthread_mutex_unlock(&async->queue->lock);
	return 0;
}
