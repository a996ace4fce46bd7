/* SPDX-License-Identifier: MIT */
/*
 * cbb_report from what the broker says. Everything in it may come from the host: text is cleaned, nothing else
 * relies on it.
 */
#ifndef CBB_CLIENT_REPORT_H
#define CBB_CLIENT_REPORT_H

#include "cbbroker.h"
#include "lib/session.h"

#include <stdbool.h>

void report_take_exit(cbb_report *report, const Cbb__HostExited *exited);

/* What is known of a host when no broker answers. */
void report_take_silence(cbb_report *report, bool ended);

/* Asks for a running host. */
int report_ask(struct session *session, uint64_t host, cbb_report *report);

#endif
