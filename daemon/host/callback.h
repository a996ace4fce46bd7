/* SPDX-License-Identifier: MIT */
/*
 * A callback on its way: arguments to the client, calls of its handler served meanwhile, result back.
 */
#ifndef CBB_HOST_CALLBACK_H
#define CBB_HOST_CALLBACK_H

struct closure;
struct host_lane;

/*
 * Runs the handler. 0: *object (of the result's C type) is set, and errno is what native code shall see. Negative: native
 * code gets on_error; what was irregular is on the telemetry page.
 */
int callback_call(struct host_lane *lane, const struct closure *closure, void *const *arguments, void *object);

#endif
