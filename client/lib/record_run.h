/* SPDX-License-Identifier: MIT */
/*
 * What came over an event lane is run: events, and what is told between them.
 */
#ifndef CBB_CLIENT_RECORD_RUN_H
#define CBB_CLIENT_RECORD_RUN_H

#include "lib/port.h"

/*
 * Runs a record; `hand_back`: its events go to on_dropped. *running is the callback whose handler runs, meanwhile: a
 * handler may not return. Without the lock. Whether a function of the program may have run; -EBADMSG with a detail
 * text: the host lies.
 */
int record_run(struct port *port, struct record *record, bool hand_back, struct cbb_callback **running);

/* Runs an event: what its message says. The same results. */
int event_run(struct port *port, struct hot *event, bool hand_back, struct cbb_callback **running);

/* Everything that is left of a port that nobody knows any more. */
void records_hand_back(struct port *port);

#endif
