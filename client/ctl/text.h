/* SPDX-License-Identifier: MIT */
/*
 * Output for people: texts made safe and short, times and sizes in units, tables. The texts live until text_free_all().
 */
#ifndef CBB_CTL_TEXT_H
#define CBB_CTL_TEXT_H

#include "cbbroker.pb-c.h"

#include <stdbool.h>

/* Printable, cut at `cut` characters with "…" behind (0: never). */
const char *text_of(const ProtobufCBinaryData *bytes, unsigned cut);
const char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *text_duration(uint64_t ms);      /* "12.3 s", "4 min 5 s", "3 h 2 min" */
const char *text_size(uint64_t bytes);       /* "1.2 MiB" */
const char *text_rate(uint64_t n, uint64_t ms); /* per second, on average */
const char *text_state(Cbb__HostState state);   /* "running" */
const char *text_client(const Cbb__HostInfo *info); /* "4711 (uid 1000, demo)" */
void text_free_all(void);

/* Columns as wide as their widest cell. cells[row * n_columns + column]. */
void text_table(const char *const *cells, unsigned n_rows, unsigned n_columns);

#endif
