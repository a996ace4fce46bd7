/* SPDX-License-Identifier: MIT */
/*
 * The call of a listener: its arguments become an event, and native code goes on.
 */
#ifndef CBB_HOST_EVENT_H
#define CBB_HOST_EVENT_H

struct closure;

/*
 * enum admission; STATUS_CLOSED; -ENOTCONN: the client has no such queue here any more; or what was told already.
 */
int event_call(struct closure *closure, void *const *arguments);

#endif
