/* SPDX-License-Identifier: MIT */
/*
 * A callback on its way: arguments to the client, calls of its handler served meanwhile, result back.
 */
#ifndef CBB_HOST_CALLBACK_H
#define CBB_HOST_CALLBACK_H

#include <stdint.h>

struct binding;
struct closure;
struct host_lane;
struct thread_lane;

/*
 * Runs the handler. 0: *object (of the result's C type) is set, and errno is what native code shall see. Negative:
 * native code gets on_error; what was irregular is on the telemetry page.
 */
int callback_call(struct host_lane *lane, const struct closure *closure, void *const *arguments, void *object);

/*
 * The same on a lane of a queue, by a thread that is in no call of the queue's dispatcher. The binding's events go
 * first. STATUS_BUSY: the queue stalls; then nobody has begun the handler.
 */
int callback_call_queue(struct binding *binding, struct host_lane *lane, const struct closure *closure,
                        void *const *arguments, void *object, uint64_t deadline_ns);

/* The events that went along on this lane are answered, or never will be. For a thread that ends inside. */
void callback_return_events(struct thread_lane *lane);

/* Numbers of invocations: events have them, too. */
uint64_t callback_next_sequence(void);

#endif
