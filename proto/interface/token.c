/* SPDX-License-Identifier: MIT */
#include "interface/token.h"

#include "base/detail.h"
#include "cbbroker.pb-c.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_SHOWN 160 /* characters of the source line in an error */

bool token_is_mark(const struct token *token, int mark)
{
	return token->kind == TOKEN_MARK && token->mark == mark;
}

bool token_is_name(const struct token *token, const char *name)
{
	return token->kind == TOKEN_NAME && strlen(name) == token->size && memcmp(name, token->text, token->size) == 0;
}

bool token_same(const struct token *left, const struct token *right)
{
	return left->size == right->size && memcmp(left->text, right->text, left->size) == 0;
}

/* The line that the token is in, without indentation; of a very long line the part around the token. */
static void source_line(const struct token *token, char line[static LINE_SHOWN + 1])
{
	const char *text = token->source->text, *end = text + token->source->size;
	const char *from = token->text, *last = token->text;
	while (from > text && from[-1] != '\n' && token->text - from < LINE_SHOWN / 2)
		from--;
	while (from < token->text && (*from == ' ' || *from == '\t'))
		from++;
	while (last < end && *last != '\n' && last - from < LINE_SHOWN)
		last++;
	size_t n = (size_t)(last - from);
	for (size_t i = 0; i < n; i++)
		line[i] = (unsigned char)from[i] < 0x20 || (unsigned char)from[i] >= 0x7f ? ' ' : from[i];
	while (n > 0 && line[n - 1] == ' ')
		n--;
	line[n] = '\0';
}

int fail_at(const struct token *token, const char *hint, const char *format, ...)
{
	char message[400], line[LINE_SHOWN + 1];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	bool is_bad = token->kind == TOKEN_BAD;
	source_line(token, line);
	return detail_set(CBB__STATUS__STATUS_INTERFACE, "%.120s:%u:%u: %s\n    %s\nHint: %.300s", token->source->name,
	                  token->line, token->column, is_bad ? token->problem : message, line,
	                  is_bad ? token->hint : hint);
}

int fail_memory(void)
{
	return detail_set(-ENOMEM, "no memory for the interface");
}
