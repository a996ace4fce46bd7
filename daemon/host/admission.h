/* SPDX-License-Identifier: MIT */
/*
 * Whether there is room for an event, and what happens if there is none: the overflow rules.
 */
#ifndef CBB_HOST_ADMISSION_H
#define CBB_HOST_ADMISSION_H

struct binding;
struct event;

/* What became of an event that was not refused. */
enum admission {
	ADMISSION_TAKEN = 0,
	ADMISSION_FULL = 1,      /* there is no room, and the thread said that it does not wait: nothing happened */
	ADMISSION_LOST = 2       /* and more: ADMISSION_LOST + enum Loss */
};

/* Waits for room, where that is the rule. enum admission; STATUS_CLOSED, -ENOTCONN (the queue has ended), -ENOMEM. */
int admission_pass(struct binding *binding, const struct event *event);

#endif
