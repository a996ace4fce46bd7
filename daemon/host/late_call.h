/* SPDX-License-Identifier: MIT */
/*
 * A call through a function pointer that is closed, or that nothing arms: use after close, defused.
 */
#ifndef CBB_HOST_LATE_CALL_H
#define CBB_HOST_LATE_CALL_H

struct closure;

/* Counts it; the first of each closure is also told, with the native stack. */
void late_call_note(struct closure *closure);

#endif
