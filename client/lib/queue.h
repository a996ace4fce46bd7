/* SPDX-License-Identifier: MIT */
/*
 * A queue: where the program says its handlers run. What arrives for it comes through ports, one per host
 * (lib/port.h), and as tasks of this side's own; lib/dispatch.h runs it.
 */
#ifndef CBB_CLIENT_QUEUE_H
#define CBB_CLIENT_QUEUE_H

#include "cbbroker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct cbb_host;
struct port;
struct queue_lane;
struct queue_team;

#define QUEUES_MAX 1024
#define QUEUE_STALL_DEFAULT_MS 10000

/* What an entry of queue->lanes_fd stands for: the first member of it. */
enum source_kind { SOURCE_EVENTS, SOURCE_PROCESS, SOURCE_LANE, SOURCE_TIMER, SOURCE_LEFT };

struct source {
	enum source_kind kind;
	struct port *port;
};

/*
 * Where something came from last: more comes from there more often than not, so it is waited for directly. (Waiting for
 * that socket itself saves an epoll_wait, and on a native thread's lane the wait may spin, if that thread runs on
 * another core.)
 */
struct likely {
	struct port *port;         /* NULL: nowhere */
	struct queue_lane *lane;   /* of a native thread; NULL: events */
};

/* Something to be run on the queue: part of what it is about, which `run` may free. Called without the lock. */
struct task {
	struct task *prev, *next;
	void (*run)(struct task *task);
	struct cbb_host *host;     /* held while it runs */
};

/* What is being run of the queue: on the stack of the thread that runs it. */
struct running {
	struct running *prev, *next;
	struct port *port;         /* NULL: a task */
	uint32_t native_thread;    /* whose invocation it is; no two of one native thread run at once. 0: none */
	uint64_t client_thread;    /* client_thread.id of who runs it */
};

struct cbb_queue {
	struct cbb_client *client;
	struct cbb_queue *prev, *next; /* client->queues */
	unsigned fork_epoch;
	uint32_t number;
	uint32_t bit;              /* lib/queue_bits.h; 0: none */
	char *name;
	uint64_t max_events, max_bytes, stall_ms;
	bool pull;
	int fd;                    /* epoll of the next two: what the program waits on. lanes_fd is in it from when the program
	                              asks for it, since each message wakes that descriptor, too */
	int lanes_fd;              /* epoll of the ports' sockets: what a thread polls beside the call that it waits for */
	int ready_fd;              /* eventfd: readable when there is something that no socket shows */
	int left_fd;               /* eventfd among the sockets, for threads that wait in calls: native threads wait, and no
	                              socket shows it */
	struct source left;
	_Atomic uint64_t dispatcher; /* client_thread.id; 0: none */
	_Atomic bool stop;
	_Atomic uint32_t n_holders; /* callbacks that name it, closed ones too, and itself while it is open */

	pthread_mutex_t lock;      /* of everything below, and of the ports. No handler, no waiting under it */
	pthread_cond_t changed;    /* something was run to its end */
	struct port *ports;        /* utlist */
	struct task *tasks;        /* utlist */
	struct running *running;   /* utlist */
	unsigned n_dispatching;    /* threads between dispatch_begin and dispatch_end */
	uint64_t n_done;           /* of what was run, or fetched and completed */
	struct likely direct;      /* what lanes_fd does not show, because the dispatcher waits for it directly */
	unsigned n_likely;         /* waits in a row that found something where it came from before; the dispatcher's */
	unsigned n_unlooked;       /* the same since all sockets were looked at */
	bool fd_shown;             /* the program has asked for `fd`, and that shows everything */
	bool served_in_call;       /* that is its dispatcher until now, which waits in a call: for a moment */
	bool dispatched;           /* a serial queue is being dispatched */
	_Atomic bool closing;
	bool lanes_first;          /* whose turn it is: native threads that wait, or events */
	bool has_priorities;       /* some callback has a priority */
	struct cbb_callback *callbacks; /* utlist: those that name this queue and are not closed */
	uint32_t n_ending;         /* closed callbacks of which the host has not said that nothing follows */
	uint32_t n_refs;           /* callbacks that keep cbb_queue_run waiting */
	uint32_t n_async;          /* calls of cbb_call_async that are not over */
	struct queue_team *_Atomic team; /* threads of cbb_queue_start; NULL */
};

/* The default queue: made with the client. */
int queue_default_open(struct cbb_client *client);
/* With the client, when its hosts are freed. */
void queues_free(struct cbb_client *client);
/* WOULD_DEADLOCK with a detail text if this thread runs something of any of the client's queues. */
int queues_check_outside(struct cbb_client *client);
/* Ends the threads of started queues. 0, STATUS_TIMEOUT. */
int queues_end_teams(struct cbb_client *client, uint64_t deadline_ns);
/* The client is not disconnected after all. */
void queues_go_on(struct cbb_client *client);

/* Adds a task. Not with the lock; with it. */
void queue_add_task(struct cbb_queue *queue, struct task *task);
void queue_add_task_locked(struct cbb_queue *queue, struct task *task);

/* What keeps cbb_queue_run waiting. Not with the lock. */
void queue_ref(struct cbb_queue *queue);
void queue_unref(struct cbb_queue *queue);

/* Keeps the memory of the queue beyond its end, with its lock and its number. Nothing is run there any more. */
void queue_hold(struct cbb_queue *queue);
void queue_release(struct cbb_queue *queue);

#endif
