/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define LINE_SIZE 2048

static char program_name[64] = "cbbroker";
static int least_priority = LOG_INFO;
static bool to_journal;

void log_open(const char *program, enum log_least least)
{
	snprintf(program_name, sizeof program_name, "%s", program);
	least_priority = least == LOG_LEAST_INFO ? LOG_INFO : least == LOG_LEAST_WARNING ? LOG_WARNING : LOG_ERR;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

/* One write per line: lines of several processes on one descriptor do not mix. */
static void log_line(int priority, const char *format, va_list arguments)
{
	char line[LINE_SIZE];
	size_t n = 0;
	if (to_journal)
		n = (size_t)snprintf(line, sizeof line, "<%d>", priority);
	n += (size_t)snprintf(line + n, sizeof line - n, "%s: ", program_name);
	int text = vsnprintf(line + n, sizeof line - n - 1, format, arguments);
	if (text > 0)
		n += (size_t)text < sizeof line - n - 1 ? (size_t)text : sizeof line - n - 2;
	line[n++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, n);
	(void)written; /* a log that cannot be written has nobody to tell */
}

#define LOG_FUNCTION(name, priority)                                                                                   \
	void name(const char *format, ...)                                                                             \
	{                                                                                                              \
		va_list arguments;                                                                                     \
		va_start(arguments, format);                                                                           \
		if ((priority) <= least_priority)                                                                      \
			log_line(priority, format, arguments);                                                         \
		va_end(arguments);                                                                                     \
	}

LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_warning, LOG_WARNING)
LOG_FUNCTION(log_error, LOG_ERR)
