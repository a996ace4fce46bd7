/* SPDX-License-Identifier: MIT */
/*
 * Where a queue and a host meet: the event lane between them, and the lanes on which native threads of that host wait
 * for this queue. Everything here is under the queue's lock, unless it says otherwise.
 */
#ifndef CBB_CLIENT_PORT_H
#define CBB_CLIENT_PORT_H

#include "lib/client_lane.h"
#include "lib/queue.h"
#include "wire/hot.h"

/* What came over the event lane and is not dealt with, in order of arrival. */
struct record {
	struct record *prev, *next;
	Cbb__FrameType type;       /* FRAME_NONE: the end of the host */
	bool running;              /* a thread is at it; stays in the list until it is done */
	int32_t priority;          /* EVENT */
	uint32_t thread;           /* EVENT: native thread id */
	uint32_t slot, generation;
	uint64_t position;         /* EVENT: number on this event lane, from 1 */
	size_t size;
	size_t room;               /* of `memory` */
	struct hot *hot;           /* EVENT: what the message says, as far as it is in use (hot_bytes) */
	uint8_t *body;             /* the message */
	_Alignas(16) uint8_t memory[];
};

struct queue_lane;

struct port {
	struct source events;      /* the event lane's */
	struct source process;     /* the host's pidfd */
	struct cbb_queue *queue;
	struct cbb_host *host;
	struct port *prev, *next;           /* queue->ports */
	struct port *host_prev, *host_next; /* host->ports, under host->ports_lock */
	struct lane lane;
	bool ended;                /* end of file, or cut off: nothing more is read */
	bool over;                 /* and all that had come is dealt with */
	char *fault;               /* how the host broke the protocol: port_punish is due */
	bool waits_to_send;        /* something is left in lane.out: EPOLLOUT is on */
	struct record *records;    /* utlist */
	struct record *spare;      /* linked by next: steady use allocates nothing */
	uint64_t n_spare;
	uint64_t n_records, n_control;
	struct record *end_record; /* for the end of the host */
	uint64_t window_events;    /* more at one time the host may not send */
	uint64_t received;         /* EVENT frames read */
	uint64_t n_taken;          /* EVENT frames done with */
	uint64_t told_received, told_n_taken; /* as of the last EventsTaken */
	uint64_t told_ns;          /* when that was, coarsely */
	uint64_t tell_after_ns;    /* no longer than this is something untold: native threads wait for progress */
	uint64_t n_bytes;          /* of events that are not done with */
	uint64_t window_bytes;     /* and of these; counted generously, for the host counts in its own way */
	uint64_t *beyond;          /* positions done with behind the first that is not, not told yet */
	size_t n_beyond, beyond_capacity;
	unsigned n_wanted;         /* lanes that native threads wait for */
	unsigned n_wanted_beyond;  /* and others, once some of those that are there have ended */
	unsigned n_native_lanes;
	uint32_t n_room_wanted;    /* native threads that wait for room */
	struct queue_lane *lanes;  /* utlist */
	bool has_parked;           /* one of them is */
	struct hot hot;            /* for reading; too large for every stack */
};

/* A lane of a native thread that waits, or of an asynchronous call: belongs to the queue, not to a thread. */
struct queue_lane {
	struct source source;
	struct client_lane base;
	struct queue_lane *prev, *next;
	bool ready;                /* something may have arrived */
	bool parked;               /* what it holds waits for an event to come, or a handler to end */
	bool unwatched;            /* lanes_fd shows its end alone */
	uint64_t n_done_before;    /* queue->n_done when it was parked */
	bool serving;              /* a thread is at it, or an answer is deferred */
	struct cbb_deferred *deferring; /* of the handler that runs */
	struct cbb_deferred *deferred; /* what it waits for */
	bool for_async;            /* of asynchronous calls; else of native threads */
	struct cbb_async *async;   /* the call that runs on it */
	struct source timer;       /* of its deadline, or of how long it may be parked */
	int timer_fd;              /* -1: none yet */
	bool late;                 /* the deadline passed while a handler ran */
};

#define LANE_OF_TIMER(pointer) ((struct queue_lane *)(void *)((char *)(pointer) - offsetof(struct queue_lane, timer)))
#define LANE_OF_BASE(pointer) ((struct queue_lane *)(void *)((char *)(pointer) - offsetof(struct queue_lane, base)))

/*
 * The port of a queue and a host, attached if there is none. Not with the lock. 0 or a negative code with a detail
 * text.
 */
int port_get(struct cbb_queue *queue, struct cbb_host *host, uint64_t deadline_ns, struct port **ret_port);
/* The same without attaching: NULL. */
struct port *port_find(const struct cbb_queue *queue, struct cbb_host *host);

/* Reads what has arrived, without waiting. */
void port_read(struct port *port);
/* What a process that is gone, or a queue that is closed, has left in the socket. */
void port_read_rest(struct port *port);
/* The event lane has ended; `fault`: because of what the host did, as the detail text says. */
void port_end(struct port *port, bool fault);
/* Ends a host that broke the protocol. Not with the lock. */
void port_punish(struct port *port);

/* For the failure hook: an invocation was refused here, before any handler; the words are the detail text. */
void port_note_failure(struct port *port, const struct hot *invocation, int status);

/* What lanes hold may be run now: lib/park.h. */
void port_unpark(struct port *port);

/* Frees a record that is in no list. */
void port_free_record(struct port *port, struct record *record);

/* Done with a record: frees it. */
void port_done(struct port *port, struct record *record);
/* Tells the host how far the queue is. `now`: even if it is little, and was told a moment ago. */
void port_tell(struct port *port, bool now);
/* Sends a message on the event lane, at the latest when there is room. */
void port_send(struct port *port, Cbb__FrameType type, const ProtobufCMessage *message);
/* The socket has room again. */
void port_flush(struct port *port);

/* How many lanes to attach; they are then counted as attached. */
unsigned port_take_wanted(struct port *port);
/* Attaches lanes of native threads, which are counted. Not with the lock; failing is the host's matter. */
void port_attach_lanes(struct port *port, unsigned n);
/*
 * Takes a socket that is a lane of this port now. Not with the lock. A call's lane is one that the caller is at; a
 * native thread's is counted. 0 or -errno; then the socket is closed, and counted no more.
 */
int port_add_lane(struct port *port, int fd, struct cbb_async *async, struct queue_lane **ret_lane);
/* A timer for a lane, of one that the caller is at. 0 or -errno. */
int port_add_timer(struct queue_lane *lane);
/* Ends a lane that nobody is at. */
void port_drop_lane(struct queue_lane *lane);

/*
 * The host is being freed: everything left is run or handed back on this thread. No lock, nobody is inside the host.
 */
void ports_end(struct cbb_host *host);
/* The same for a queue's ports, while their hosts live on. */
void ports_end_of_queue(struct cbb_queue *queue);

#endif
