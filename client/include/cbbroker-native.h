/* SPDX-License-Identifier: MIT */
/*
 * For authors of native libraries: what a library can learn about the function pointers that it was given, when it
 * runs in a host of cbbroker. Nothing of this is needed to be called from such a host; a library that uses it works
 * elsewhere, too: there is nothing to link, and outside of a host every function here gives CBB_NATIVE_NO_HOST and
 * does nothing.
 *
 *     handler(data);                             a function pointer from the program
 *     if (cbb_native_status() == CBB_NATIVE_CLOSING)
 *         stop_producing();
 *
 * Any thread may call any function at any time, but not in a signal handler. What is said of "this thread" is said of
 * the calling thread alone.
 */
#ifndef CBBROKER_NATIVE_H
#define CBBROKER_NATIVE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What became of a call through a function pointer. Above 0: the event is lost, in the way that the program chose. */
enum cbb_native_status {
	CBB_NATIVE_OK = 0,              /* answered; or, if it was an event: accepted */
	CBB_NATIVE_REJECTED = 1,        /* no room: this event is lost */
	CBB_NATIVE_DROPPED = 2,         /* the same, where older ones are dropped, but all of them have left */
	CBB_NATIVE_RATE = 4,            /* more than the program wants in a second: this event is lost */
	CBB_NATIVE_TIMED_OUT = 5,       /* waited for room in vain: this event is lost */
	CBB_NATIVE_FULL = -1,           /* no room, and this thread does not wait: nothing happened, see
	                                   cbb_native_set_nonblocking() */
	CBB_NATIVE_CLOSING = -2,        /* the program has closed the callback, or aborted it: nothing happened */
	CBB_NATIVE_TIMEOUT = -3,        /* no answer in time, or nobody there to give one: on_error */
	CBB_NATIVE_WOULD_DEADLOCK = -4, /* the wait could never have ended: on_error, or the event is lost */
	CBB_NATIVE_WRONG_THREAD = -5,   /* the callback may not be called on this thread: on_error */
	CBB_NATIVE_FAILED = -6,         /* the handler failed, or its answer did not fit: on_error */
	CBB_NATIVE_UNKNOWN = -7,        /* the pointer is no callback that was opened; or this thread has called none */
	CBB_NATIVE_NO_HOST = -8         /* this process is no host */
};

typedef void (*cbb_native_function)(void);

/* What a host offers. Grows at the end; `size` says how far. Only the functions below look at it. */
struct cbb_native_functions {
	size_t size;
	int (*status)(void);
	int (*set_nonblocking)(int on);
	int (*acquire)(cbb_native_function callback);
	int (*release)(cbb_native_function callback, int abort);
	int (*ref)(cbb_native_function callback);
	int (*unref)(cbb_native_function callback);
};

#if defined(__GNUC__)
extern const struct cbb_native_functions cbb_native_functions __attribute__((weak, visibility("default")));
#define CBB_NATIVE_HAS_(member)                                                                                        \
	(&cbb_native_functions && cbb_native_functions.size > offsetof(struct cbb_native_functions, member))
#define CBB_NATIVE_UNUSED_ __attribute__((unused))
#else
#error "cbbroker-native.h needs weak symbols"
#endif

/*
 * How this thread's last call of a callback ended: enum cbb_native_status; expect values added later. Callbacks
 * of the same thread that ran inside that call (in a function that the handler called) do not count.
 */
CBB_NATIVE_UNUSED_ static inline int cbb_native_status(void)
{
	return CBB_NATIVE_HAS_(status) ? cbb_native_functions.status() : CBB_NATIVE_NO_HOST;
}

/*
 * Whether this thread waits for room with its events, where the program wants that. 1: it does not; an event that
 * finds no room ends with CBB_NATIVE_FULL, nothing is queued and nothing counts as lost: what it spoke of is still the
 * caller's. Lasts until changed. Returns what it was before (0 at first).
 */
CBB_NATIVE_UNUSED_ static inline int cbb_native_set_nonblocking(int on)
{
	return CBB_NATIVE_HAS_(set_nonblocking) ? cbb_native_functions.set_nonblocking(on) : CBB_NATIVE_NO_HOST;
}

/*
 * One more user of the callback, and one fewer: the release of the last closes it once what was called before is
 * handled. With `abort`, release closes it whoever else uses it, and what no handler has begun is handed back to the
 * program. The program counts, and begins with the number that it gave when it opened the callback. The pointer may be
 * compared and called for ever; after the close, calls end with CBB_NATIVE_CLOSING.
 *
 * CBB_NATIVE_OK; CBB_NATIVE_CLOSING (closed: the caller is no user, and must not release what it did not acquire);
 * CBB_NATIVE_UNKNOWN; CBB_NATIVE_FULL (the program has not read for long: nothing happened, say it again later).
 */
CBB_NATIVE_UNUSED_ static inline int cbb_native_acquire(cbb_native_function callback)
{
	return CBB_NATIVE_HAS_(acquire) ? cbb_native_functions.acquire(callback) : CBB_NATIVE_NO_HOST;
}

CBB_NATIVE_UNUSED_ static inline int cbb_native_release(cbb_native_function callback, int abort)
{
	return CBB_NATIVE_HAS_(release) ? cbb_native_functions.release(callback, abort) : CBB_NATIVE_NO_HOST;
}

/*
 * Whether the callback keeps the program's queue running: counted by the program, 1 at first, never below 0. It says
 * nothing about delivery. Results as above.
 */
CBB_NATIVE_UNUSED_ static inline int cbb_native_ref(cbb_native_function callback)
{
	return CBB_NATIVE_HAS_(ref) ? cbb_native_functions.ref(callback) : CBB_NATIVE_NO_HOST;
}

CBB_NATIVE_UNUSED_ static inline int cbb_native_unref(cbb_native_function callback)
{
	return CBB_NATIVE_HAS_(unref) ? cbb_native_functions.unref(callback) : CBB_NATIVE_NO_HOST;
}

#ifdef __cplusplus
}
#endif

#endif
