/* SPDX-License-Identifier: MIT */
/*
 * What a host says on the lanes of a queue about callbacks, against what the program opened: no handler runs for a
 * claim that cannot be true. Each gives 0, or -EBADMSG with a detail text.
 */
#ifndef CBB_CLIENT_CLAIM_H
#define CBB_CLIENT_CLAIM_H

#include "lib/port.h"

/* An EVENT of a listener of this queue; and which. */
int claim_event(const struct port *port, const struct hot *event, struct cbb_callback **ret_callback);
/*
 * Whether the callback of an event on a thread lane has ended: no lie, for the native thread may have stopped waiting,
 * and then the host says the end on the event lane.
 */
bool claim_is_over(const struct port *port, const struct hot *event);
/* An Invoke of a native thread: what is not open is no lie, for closing may cross it. */
int claim_invoke(const struct port *port, const struct hot *invoke);

/*
 * The callback of a LOST, CALLBACK_ENDED or CALLBACK_USE. NULL in ret_callback: a plain function, or one that has
 * ended.
 */
int claim_lost(const struct port *port, const Cbb__Lost *message, struct cbb_callback **ret_callback);
int claim_ended(const struct port *port, const Cbb__CallbackEnded *message, struct cbb_callback **ret_callback);
int claim_use(const struct port *port, const Cbb__CallbackUse *message, struct cbb_callback **ret_callback);

#endif
