/* SPDX-License-Identifier: MIT */
/*
 * How this process ends: the death record on the telemetry page, and the end of every lane at that moment, so that each
 * waiting client thread learns it at once. By signal: a handler for the fatal ones. By exit(): see interpose.h.
 * A library that installs a handler of its own for one of these signals (a JVM does) has that signal from then on; we
 * do not fight it. A forked child of the library is not this process and leaves no record.
 */
#ifndef CBB_HOST_DEATH_H
#define CBB_HOST_DEATH_H

#include <stdbool.h>

struct telemetry_page;

/* Arms handlers and exit hook for this process. Once, on the main thread. page NULL: no record. 0 or -errno. */
int death_install(struct telemetry_page *page);

/* This end is wanted: exit() and _exit() leave no record from now on. */
void death_expected(void);

/*
 * exit(), _exit() or quick_exit() was called at `caller` (NULL: not known). Records it and ends every lane, then tells
 * the function given to death_on_exit. Does nothing before death_install, after death_expected, in a forked child.
 */
void death_by_exit(int status, const void *caller);
/* Called once, on the thread that called exit(), before exit handlers run. */
void death_on_exit(void (*begun)(int status));

/*
 * The lanes to be ended. Lock-free; a lane is known before its first byte is sent, and removed before it is closed.
 * death_add_lane: 0, or -ENOMEM (more lanes than the fixed table holds, and no memory for another table).
 */
#define DEATH_LANES_MAX 1024
int death_add_lane(int fd);
void death_remove_lane(int fd);

/* shutdown(2) of every lane: both ends read end of file. Async-signal-safe. */
void death_shut_lanes(void);
/* close(2) of every lane, for a forked child: the other process goes on using them. Async-signal-safe. */
void death_close_lanes(void);

#endif
