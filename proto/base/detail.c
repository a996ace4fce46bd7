/* SPDX-License-Identifier: MIT */
#include "base/detail.h"

#include "base/printable.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Not initial-exec: a program may dlopen the client library, and static TLS has no kilobyte to spare then. */
static __thread char text[DETAIL_SIZE];
static __thread bool fresh_text;

int detail_set(int code, const char *format, ...)
{
	char fresh[DETAIL_SIZE]; /* the arguments may point into `text` */
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(fresh, sizeof fresh, format, arguments);
	va_end(arguments);
	memcpy(text, fresh, sizeof text);
	fresh_text = true;
	return code;
}

int detail_set_bytes(int code, const void *bytes, size_t size)
{
	const unsigned char *from = bytes;
	size_t n = size < sizeof text - 1 ? size : sizeof text - 1;
	for (size_t i = 0; i < n; i++)
		text[i] = printable_is_control(i ? from[i - 1] : 0, from[i]) && from[i] != '\n' ? '?' : (char)from[i];
	text[n] = '\0';
	fresh_text = true;
	return code;
}

int detail_prefix(int code, const char *format, ...)
{
	char fresh[DETAIL_SIZE];
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(fresh, sizeof fresh, format, arguments);
	va_end(arguments);
	if (n >= 0 && (size_t)n < sizeof fresh)
		snprintf(fresh + n, sizeof fresh - (size_t)n, "%s", text);
	memcpy(text, fresh, sizeof text);
	fresh_text = true;
	return code;
}

const char *detail_text(void)
{
	return text;
}

void detail_begin(void)
{
	fresh_text = false;
}

void detail_default(const char *words)
{
	if (!fresh_text)
		detail_set(0, "%s", words);
}
