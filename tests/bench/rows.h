/* SPDX-License-Identifier: MIT */
/*
 * The rows: each function measures one thing for `ms` and adds it to the table. 0, or a negative code with a detail
 * text.
 */
#ifndef CBB_BENCH_ROWS_H
#define CBB_BENCH_ROWS_H

/* rows_raw.c: what the machine itself takes */
int row_raw_block(unsigned ms);
int row_raw_spin(unsigned ms);
int row_raw_stream(unsigned ms);
int row_raw_lone(unsigned ms);

/* rows_call.c: round trips */
int row_call(unsigned ms);
int row_callback(unsigned ms);
int row_callback_nested_call(unsigned ms);

/* rows_thread.c: round trips from a thread of the library */
int row_callback_thread(unsigned ms);
int row_callback_thread_in_call(unsigned ms);

/* rows_listener.c: events */
int row_listener_1(unsigned ms);
int row_listener_8(unsigned ms);
int row_listener_lone(unsigned ms);
int row_close_under_load(unsigned ms);

/* rows_library.c: whole operations of ordinary libraries */
int row_qsort_10k(unsigned ms);
int row_expat_1mb(unsigned ms);

/* rows_host.c: a host's beginning, rest and end */
int row_host_start(unsigned ms);
int row_host_idle(unsigned ms);
int row_death_status(unsigned ms);

/* rows_callback.c: opening, and memory */
int row_callback_open(unsigned ms);

/* rows_many.c: more callbacks than anybody has */
int row_callback_closed(unsigned ms);
int row_live_100k(unsigned ms);

#endif
