/* SPDX-License-Identifier: MIT */
/*
 * What is known of a thread of this process: its name, what it is in, and its alternate signal stack, on which
 * even a stack overflow can be recorded. The record is thread-local memory: no allocation, and a signal handler
 * may read it.
 */
#ifndef CBB_HOST_THREAD_H
#define CBB_HOST_THREAD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define HOST_THREAD_NAME_BYTES 16

struct host_thread {
	pid_t id;                           /* 0: not entered */
	char name[HOST_THREAD_NAME_BYTES];  /* as of host_thread_enter, or of its last pthread_setname_np */
	/* Of the innermost call in flight on this thread, NULL if none. The texts must stay while they are set. */
	const char *_Atomic library;
	const char *_Atomic function;
	const char *_Atomic callback;
	void *lane;                         /* that it serves, or waits on; belongs to lane_thread and blocking */
	int call_result;                    /* of its last call of a callback, if it has_called one: a negative status,
	                                       or enum admission */
	bool has_called;
	void *native;                       /* what queues keep for it; belongs to native_thread */
	void *alternate_stack;              /* mapping with its guard page; NULL: none of ours */
	stack_t previous_stack;             /* what the thread had before */
	unsigned destructor_rounds;
};

/* This thread's record; NULL on a thread that never entered. Async-signal-safe. */
struct host_thread *host_thread_current(void);

/*
 * Gives this thread a record and an alternate signal stack. A non-NULL name also becomes the thread's name for the
 * kernel; NULL keeps the one it has. Entering twice changes the name only. 0, or -errno if there
 * is no alternate stack; the record exists in any case.
 */
int host_thread_enter(const char *name);

/* Gives the stack back; the record is gone. Harmless on a thread that never entered. */
void host_thread_leave(void);

/* Blocks every signal on this thread but the fatal ones of death.h: for threads that run no foreign code. */
void host_thread_block_signals(void);

#endif
