/* SPDX-License-Identifier: MIT */
/*
 * The host's side of the telemetry page. Without a page (unit tests) and in a forked child everything works and goes
 * nowhere. What the writer must remember is in private memory: a library that scribbles over the page misleads
 * readers only.
 */
#ifndef CBB_HOST_TELEMETRY_H
#define CBB_HOST_TELEMETRY_H

#include "telemetry/page.h"

#include <sys/types.h>

/* Once, before other threads exist. NULL: no page. */
void telemetry_open(struct telemetry_page *page);

/*
 * Adds a name for the function and callback fields of lane cells. Its offset; 0 (shown as "") if there is no
 * room or no page. Each call takes room: keep the offset. Lock-free.
 */
uint32_t telemetry_name(const char *name);

void telemetry_library_loaded(const char *path);

/*
 * A cell for the lane of this native thread. Never NULL: beyond PAGE_LANES_MAX, and without a page, it is memory that
 * nobody reads. Release adds its counters to the totals; the cell may then be another lane's.
 */
struct page_lane *telemetry_lane_claim(pid_t thread, const char *thread_name);
void telemetry_lane_release(struct page_lane *cell);
/* Another thread serves the lane from now on. */
void telemetry_lane_name(struct page_lane *cell, pid_t thread, const char *thread_name);

/* Something irregular that ends nothing, in words. Cut at PAGE_NOTICE_BYTES. Any thread, but no signal handler. */
void telemetry_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Counters. Lock-free. */
void telemetry_late_call(void);
void telemetry_wrong_thread_call(void);
void telemetry_late_answer(void);
void telemetry_late_result(void);
void telemetry_event(void);
void telemetry_lost_events(uint64_t n);
void telemetry_callback_opened(void);
void telemetry_callback_closed(void); /* one open callback fewer, one address more in quarantine */

#endif
