/* SPDX-License-Identifier: MIT */
/*
 * The daemons' log: lines on standard error, with a journal priority in front when the journal reads it.
 * The client library never logs.
 */
#ifndef CBB_BASE_LOG_H
#define CBB_BASE_LOG_H

/* The least important lines that are written. */
enum log_least { LOG_LEAST_INFO, LOG_LEAST_WARNING, LOG_LEAST_ERROR };

/* `program` stands in front of each line: "cbbrokerd", "cbb-host h3". Copied. */
void log_open(const char *program, enum log_least least);

void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
