/* SPDX-License-Identifier: MIT */
#include "ctl/text.h"

#include "base/printable.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16

struct kept {
	struct kept *next;
	char text[];
};

static struct kept *all;

static char *text_new(size_t size)
{
	struct kept *kept = malloc(sizeof *kept + size);
	if (!kept) {
		perror("cbbctl");
		exit(1);
	}
	kept->next = all;
	all = kept;
	return kept->text;
}

void text_free_all(void)
{
	while (all) {
		struct kept *next = all->next;
		free(all);
		all = next;
	}
}

const char *text_format(const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int n = vsnprintf(NULL, 0, format, arguments);
	char *text = text_new((size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, format, again);
	va_end(again);
	va_end(arguments);
	return text;
}

/* A byte that goes on with a character of UTF-8. */
static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static unsigned width(const char *text)
{
	unsigned n = 0;
	for (; *text; text++)
		n += !continues(*text);
	return n;
}

const char *text_of(const ProtobufCBinaryData *bytes, unsigned cut)
{
	char *text = text_new(bytes->len + sizeof "…");
	unsigned n_characters = 0;
	size_t i = 0;
	for (; i < bytes->len; i++) {
		char c = (char)bytes->data[i];
		if (!continues(c) && cut && n_characters++ == cut)
			break;
		text[i] = printable_is_control(i ? bytes->data[i - 1] : 0, bytes->data[i]) ? '?' : c;
	}
	strcpy(text + i, i < bytes->len ? "…" : "");
	return text;
}

const char *text_duration(uint64_t ms)
{
	uint64_t s = ms / 1000;
	if (s < 60)
		return text_format("%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
	if (s < 3600)
		return text_format("%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	return text_format("%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
}

const char *text_size(uint64_t bytes)
{
	if (bytes < 1u << 20)
		return text_format("%.1f KiB", (double)bytes / 1024);
	return text_format("%.1f MiB", (double)bytes / (1u << 20));
}

const char *text_rate(uint64_t n, uint64_t ms)
{
	double rate = ms ? (double)n * 1000 / (double)ms : 0;
	return text_format(rate < 10 ? "%.1f" : "%.0f", rate);
}

const char *text_state(Cbb__HostState state)
{
	static const char *const names[] = {"unknown", "starting", "running", "ending", "ended"};
	return (unsigned)state < sizeof names / sizeof *names ? names[state] : names[0];
}

const char *text_client(const Cbb__HostInfo *info)
{
	return text_format("%u (uid %u, %s)", info->client_pid, info->client_uid, text_of(&info->client_comm, 0));
}

void text_table(const char *const *cells, unsigned n_rows, unsigned n_columns)
{
	unsigned widths[COLUMNS_MAX] = {0};
	for (unsigned i = 0; i < n_rows * n_columns; i++) {
		unsigned n = width(cells[i]);
		if (n > widths[i % n_columns])
			widths[i % n_columns] = n;
	}
	for (unsigned i = 0; i < n_rows * n_columns; i++) {
		bool last = (i + 1) % n_columns == 0;
		printf("%s", cells[i]);
		if (last)
			putchar('\n');
		else
			printf("%*s", (int)(widths[i % n_columns] - width(cells[i]) + 2), "");
	}
}
