/* SPDX-License-Identifier: MIT */
#include "lib/team.h"

#include "base/clock.h"
#include "lib/dispatch.h"
#include "lib/dispatch_run.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/queue_fds.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <utlist.h>

#define THREADS_MAX 256

struct queue_team {
	struct cbb_queue *queue;
	bool ending;             /* under queue->lock, as the next two */
	bool waited;             /* one of the threads waits on the descriptor */
	unsigned n_alive;
	unsigned n_threads;
	pthread_t threads[];
};

/* ---- A thread ---- */

/* With the lock, which is given up meanwhile: this thread waits for what arrives. */
static void wait_for_all(struct queue_team *team)
{
	struct cbb_queue *queue = team->queue;
	struct port *port;
	struct pollfd pollers[] = {{.fd = queue->lanes_fd, .events = POLLIN}, {.fd = queue->ready_fd, .events = POLLIN}};
	team->waited = true;
	DL_FOREACH (queue->ports, port)
		port_tell(port, true);
	pthread_mutex_unlock(&queue->lock);
	dispatch_tend(queue);
	poll(pollers, 2, -1);
	queue_clear(queue);
	dispatch_tend(queue);
	pthread_mutex_lock(&queue->lock);
	team->waited = false;
}

/* With the lock: until something is picked (true), or the end. */
static bool pick_or_wait(struct queue_team *team, struct dispatch *dispatch)
{
	struct cbb_queue *queue = team->queue;
	bool look = false;
	while (!team->ending) {
		if (dispatch_pick(dispatch, look))
			return true;
		look = !team->waited;
		if (look)
			wait_for_all(team);
		else
			pthread_cond_wait(&queue->changed, &queue->lock);
	}
	return false;
}

/* One of the others looks for more, while this one runs what it has picked. */
static void work(struct queue_team *team, struct dispatch *dispatch)
{
	struct cbb_queue *queue = team->queue;
	struct port *port;
	pthread_mutex_lock(&queue->lock);
	while (pick_or_wait(team, dispatch)) {
		/* What was read is acknowledged ahead of the handler: the other threads want more. */
		DL_FOREACH (queue->ports, port)
			port_tell(port, true);
		pthread_cond_broadcast(&queue->changed);
		pthread_mutex_unlock(&queue->lock);
		dispatch_run(dispatch, NULL);
		if (dispatch_has_forked(dispatch))
			return;
		pthread_mutex_lock(&queue->lock);
	}
	pthread_mutex_unlock(&queue->lock);
}

/* Also when a handler ends the thread. */
static void thread_ends(void *data)
{
	struct queue_team *team = data;
	struct cbb_queue *queue = team->queue;
	if (queue->fork_epoch != fork_epoch())
		return;
	pthread_mutex_lock(&queue->lock);
	team->n_alive--;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

static void *thread_main(void *data)
{
	struct queue_team *team = data;
	struct dispatch *dispatch;
	prctl(PR_SET_NAME, "cbb-queue");
	pthread_cleanup_push(thread_ends, team);
	if (dispatch_begin(team->queue, DISPATCH_PARALLEL, &dispatch, &dispatch) == 0) {
		work(team, dispatch);
		dispatch_end(dispatch);
	}
	pthread_cleanup_pop(1);
	return NULL;
}

/* ---- Beginning and end ---- */

/* The program's signals are its own threads' matter. */
static int start_thread(struct queue_team *team)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = -pthread_create(&team->threads[team->n_threads], NULL, thread_main, team);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int start_threads(struct queue_team *team, unsigned n_threads)
{
	int r = 0;
	while (team->n_threads < n_threads && r == 0) {
		pthread_mutex_lock(&team->queue->lock);
		team->n_alive++;
		pthread_mutex_unlock(&team->queue->lock);
		r = start_thread(team);
		if (r == 0) {
			team->n_threads++;
			continue;
		}
		pthread_mutex_lock(&team->queue->lock);
		team->n_alive--;
		pthread_mutex_unlock(&team->queue->lock);
	}
	return r;
}

static int claim(struct cbb_queue *queue, struct queue_team *team)
{
	int r = 0;
	pthread_mutex_lock(&queue->lock);
	if (queue->team || queue->dispatched || atomic_load(&queue->closing))
		r = detail_set(CBB_ERR_BUSY, "%s is %s", queue->name, queue->team ? "started already" : "being dispatched");
	else
		queue->team = team;
	queue_wait_generally(queue);
	pthread_mutex_unlock(&queue->lock);
	if (r == 0)
		dispatch_give_up(queue);
	return r;
}

int cbb_queue_start(cbb_queue *queue, unsigned n_threads)
{
	error_begin();
	if (!queue || n_threads == 0 || n_threads > THREADS_MAX)
		return error_end(detail_set(-EINVAL, "cbb_queue_start: queue is NULL, or %u is not 1 to %d threads", n_threads,
		                            THREADS_MAX));
	int r = fork_check(queue->fork_epoch);
	if (r == 0 && queue->pull)
		r = detail_set(CBB_ERR_UNSUPPORTED, "%s is a pull queue: it runs no handlers", queue->name);
	if (r < 0)
		return error_end(r);
	struct queue_team *team = calloc(1, sizeof *team + n_threads * sizeof *team->threads);
	if (!team)
		return error_end(-ENOMEM);
	team->queue = queue;
	r = claim(queue, team);
	if (r < 0) {
		free(team);
		return error_end(r);
	}
	r = start_threads(team, n_threads);
	if (r < 0) {
		detail_set(r, "%s: %u of %u threads started", queue->name, team->n_threads, n_threads);
		team_end(queue, CLOCK_NEVER);
	}
	return error_end(r);
}

int team_end(struct cbb_queue *queue, uint64_t deadline_ns)
{
	struct queue_team *team = queue->team;
	if (!team)
		return 0;
	struct timespec until = clock_timespec(deadline_ns);
	int r = 0;
	pthread_mutex_lock(&queue->lock);
	team->ending = true;
	pthread_cond_broadcast(&queue->changed);
	queue_wake(queue);
	while (team->n_alive && r == 0)
		r = deadline_ns == CLOCK_NEVER ? pthread_cond_wait(&queue->changed, &queue->lock)
		                               : pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
	bool ended = team->n_alive == 0;
	pthread_mutex_unlock(&queue->lock);
	if (!ended)
		return detail_set(CBB_ERR_TIMEOUT, "%s: a handler still runs on one of its threads", queue->name);
	for (unsigned i = 0; i < team->n_threads; i++)
		pthread_join(team->threads[i], NULL);
	queue->team = NULL;
	free(team);
	return 0;
}
