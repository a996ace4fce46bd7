/* SPDX-License-Identifier: MIT */
/*
 * What the program cannot see by itself: native code got on_error, or an event went nowhere. It is told in a notice,
 * and on the callback's event lane for the program's hook.
 */
#ifndef CBB_HOST_FAILURE_H
#define CBB_HOST_FAILURE_H

struct closure;
struct queue;

/* Any thread, without locks. The words say what happened and what settles it. */
void failure_tell(const struct closure *closure, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Nobody dispatches the queue. */
void failure_stalled(const struct closure *closure, const struct queue *queue);

#endif
