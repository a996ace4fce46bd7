/* SPDX-License-Identifier: MIT */
#include "lib/async_call.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/handler.h"
#include "lib/queue_fds.h"
#include "lib/queue_lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <utlist.h>

/* ---- Beginning ---- */

void async_leave_lane(struct queue_lane *lane)
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

int async_start(struct cbb_async *async)
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
		async_leave_lane(lane);
	lane_put_back(lane, r);
	pthread_mutex_unlock(&queue->lock);
	queue_wake(queue);
	return r;
}

static void start_task(struct task *task)
{
	struct cbb_async *async = (struct cbb_async *)(void *)task;
	task->run = NULL;
	int r = async_start(async);
	if (r == 0)
		return;
	async_set_status(async, r);
	async_start_next(async->call.library->host->async);
	async_finish(async);
}

void async_start_next(struct async_calls *calls)
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
	async_set_status(async, r);
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
	async_leave_lane(lane);
	pthread_mutex_unlock(&queue->lock);
	async_start_next(async->call.library->host->async);
	async_finish(async);
	return r == -EBADMSG ? r : 0;
}

void async_lost(struct queue_lane *lane, int r)
{
	struct cbb_async *async = lane->async;
	struct cbb_host *host = lane->source.port->host;
	if (async) {
		const char *name = async->function->plan->name;
		async_leave_lane(lane);
		async_finish_later(async, r == -ECANCELED ? detail_set(r, "%s: a handler under it was left", name)
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
	async_leave_lane(lane);
	clear_timer(lane);
	async_finish_later(async, detail_set(CBB_ERR_TIMEOUT, "%s did not return within its deadline (host h%llu)",
	                                      async->function->plan->name, (unsigned long long)base->host->id));
	async->gives_place = true;
	if (lane_put(&base->lane, CBB__FRAME_TYPE__FRAME_ABANDON, &message.base) < 0 || lane_send(&base->lane, 0) < 0)
		port_drop_lane(lane);
}
