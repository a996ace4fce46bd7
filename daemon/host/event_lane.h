/* SPDX-License-Identifier: MIT */
/*
 * The event lane of a queue: what is to be sent, who sends it, and what the client has taken. Whoever finds nobody
 * sending sends all that has gathered, outside the lock and without waiting; what the socket does not take, the
 * service thread sends. Everything with the queue's lock.
 *
 * What is sent when: if the client has received all that was sent, at once. Else it is busy, and
 * says so before it sleeps: till then events gather, up to a batch. The service thread's tick bounds this, should the
 * client be several threads of which one waits.
 */
#ifndef CBB_HOST_EVENT_LANE_H
#define CBB_HOST_EVENT_LANE_H

#include "base/buffer.h"
#include "cbbroker.pb-c.h"

#include <stdbool.h>

struct closure;
struct listener;
struct loss;
struct queue;

/* A batch: then it is sent although the client is busy. */
#define EVENT_LANE_BATCH_EVENTS 256
#define EVENT_LANE_BATCH_BYTES (32u << 10)
/* How long a part of a batch may lie. */
#define EVENT_LANE_TICK_MS 10
/* What an unlimited queue may have on its way. */
#define EVENT_LANE_WINDOW_EVENTS 512
#define EVENT_LANE_WINDOW_BYTES (8u << 20)
/* FAILED frames not sent; more are in the notices only. */
#define EVENT_LANE_FAILED_MAX 64
/* Bytes of native code's wishes (CALLBACK_USE) and others not sent. */
#define EVENT_LANE_USES_MAX_BYTES 65536
/* So often in a row a thread sends what others have added meanwhile. */
#define EVENT_LANE_SENDS_MAX 32
/* Events taken behind one that is not. */
#define EVENT_LANE_SPAN_MAX (1u << 20)

/* An event on its way. */
struct flight {
	struct listener *listener;   /* NULL: taken */
	uint32_t size;
};

struct event_lane {
	int fd;                      /* -1: ended */
	struct buffer fill;          /* events and what has its place among them */
	struct buffer control;       /* what has no place among them */
	struct buffer sending;       /* the sender's alone */
	size_t n_sent;               /* bytes of it */
	bool is_sending;             /* somebody is */
	bool is_full;                /* the socket takes no more, or not yet, or others shall: the service thread goes on */
	bool force;                  /* send also what is less than a batch */
	bool tick_wanted;            /* something waits for the service thread's tick */
	uint64_t window_events;
	uint64_t window_bytes;
	uint64_t n_committed;        /* EVENT frames in `fill` and before */
	uint64_t n_handed;           /* EVENT frames in `sending` and before */
	uint64_t n_gone;             /* EVENT frames that the socket has */
	uint64_t n_received;         /* by the client's word */
	uint64_t n_taken;            /* all up to this one */
	struct flight *flights;      /* ring: of event k at k % capacity, for those after n_taken */
	size_t capacity;
	uint64_t flying_events;
	uint64_t flying_bytes;
	uint32_t room_told;          /* as of the last ROOM_WANTED */
	unsigned n_failed;           /* FAILED frames in `control` */
};

void event_lane_init(struct event_lane *lane, int fd, uint64_t max_events, uint64_t max_bytes);
/* The queue is dead. The socket is closed by whoever is the last to use it. */
void event_lane_end(struct queue *queue);
void event_lane_free(struct event_lane *lane);

/* ---- What is to be sent ---- */

void event_lane_put_loss(struct event_lane *lane, const struct listener *listener, const struct loss *loss);
void event_lane_put_ended(struct event_lane *lane, const struct closure *closure);

/* Sent at once. */
void event_lane_want_lane(struct queue *queue, uint32_t thread);
void event_lane_put_failed(struct queue *queue, const Cbb__Failed *failed);
/* false: so much of this is unsent that no more is taken. */
bool event_lane_put_use(struct queue *queue, const struct closure *closure, Cbb__Use use);

/* ---- Sending ---- */

/* Sends what should go. Lets go of the lock while it does. `force`: also what is less than a batch. */
void event_lane_flush(struct queue *queue, bool force);
/* The same, and what has been committed so far has left when it returns, as far as the socket takes it. */
void event_lane_flush_all(struct queue *queue);
/* Whether the client has read everything that was to be sent. */
bool event_lane_is_read(const struct event_lane *lane);
/* event_flow_tick is called soon, and then everything is sent. */
void event_lane_want_tick(struct event_lane *lane);
/* The socket has room again. Service thread. */
void event_lane_writable(struct queue *queue);

#endif
