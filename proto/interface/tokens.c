/* SPDX-License-Identifier: MIT */
#include "interface/tokens.h"

#include "base/detail.h"
#include "cbbroker.pb-c.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INCLUDE_HINT "an include names another interface file: #include \"other.cbi\""

static void bad(struct tokens *tokens, struct token *token, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void bad(struct tokens *tokens, struct token *token, const char *hint, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(tokens->problem, sizeof tokens->problem, format, arguments);
	va_end(arguments);
	token->kind = TOKEN_BAD;
	token->problem = tokens->problem;
	token->hint = hint;
}

/* Takes over `text`. */
static struct source *source_add(struct tokens *tokens, const char *name, char *text, size_t size)
{
	struct source *source = memory_allocate(tokens->memory, sizeof *source);
	char *copy = memory_copy(tokens->memory, name, strlen(name));
	if (!source || !copy) {
		free(text);
		return NULL;
	}
	*source = (struct source){.next = tokens->sources, .name = copy, .text = text, .size = size};
	tokens->sources = source;
	tokens->total_bytes += size;
	return source;
}

static const struct source *source_find(const struct tokens *tokens, const char *name)
{
	const struct source *source = tokens->sources;
	while (source && strcmp(source->name, name) != 0)
		source = source->next;
	return source;
}

static bool source_in_progress(const struct tokens *tokens, const struct source *source)
{
	for (unsigned i = 0; i <= tokens->depth; i++)
		if (tokens->stack[i].source == source)
			return true;
	return false;
}

/* False: not the name of an interface file, with ret_name left alone. */
static bool include_name(const struct token *token, char ret_name[static 256])
{
	size_t n = token->kind == TOKEN_STRING ? token->size - 2 : 0;
	if (n < 5 || n > 255 || memcmp(token->text + 1 + n - 4, ".cbi", 4) != 0 || memchr(token->text, '/', n) ||
	    memchr(token->text, '\\', n) || token->text[1] == '.')
		return false;
	memcpy(ret_name, token->text + 1, n);
	ret_name[n] = '\0';
	return true;
}

static bool include_load(struct tokens *tokens, struct token *token, const char *name)
{
	size_t size = 0;
	char *text = tokens->include ? tokens->include(tokens->context, name, &size) : NULL;
	if (!text) {
		bad(tokens, token, "it is looked up by name among the installed interfaces",
		    "there is no interface file \"%s\"", name);
		return false;
	}
	if (size > TEXT_MAX_BYTES - tokens->total_bytes) {
		free(text);
		bad(tokens, token, "all texts of an interface together have at most 1 MiB", "\"%s\" is too large", name);
		return false;
	}
	const struct source *source = source_add(tokens, name, text, size);
	if (!source)
		bad(tokens, token, "no memory", "\"%s\" cannot be read", name);
	else
		lexer_init(&tokens->stack[++tokens->depth], source);
	return source != NULL;
}

/* A file is read once, however often it is included. False: the token has become TOKEN_BAD. */
static bool include(struct tokens *tokens, struct token *token)
{
	char name[256];
	if (!include_name(token, name)) {
		if (token->kind != TOKEN_BAD)
			bad(tokens, token, INCLUDE_HINT ", without a directory", "this names no interface file");
		return false;
	}
	const struct source *source = source_find(tokens, name);
	if (source && source_in_progress(tokens, source)) {
		bad(tokens, token, "take out one of the two includes", "\"%s\" includes itself", name);
		return false;
	}
	if (source)
		return true;
	if (tokens->depth == INCLUDE_DEPTH_MAX) {
		bad(tokens, token, "includes nest at most 8 deep", "\"%s\" is included too deep", name);
		return false;
	}
	return include_load(tokens, token, name);
}

/* The lexer stands behind `#`. */
static bool directive(struct tokens *tokens, struct token *token)
{
	struct lexer *lexer = &tokens->stack[tokens->depth];
	struct token word, name;
	lexer_next(lexer, &word);
	if (!token_is_name(&word, "include") || word.line != token->line) {
		if (word.line != token->line)
			word.size = 0;
		bad(tokens, token, INCLUDE_HINT "; constants are written as an enum", "#%.*s is refused", TOKEN_TEXT(&word));
		return false;
	}
	lexer_next(lexer, &name);
	if (name.line != word.line) {
		bad(tokens, token, INCLUDE_HINT, "a name is missing behind #include");
		return false;
	}
	*token = name;
	return include(tokens, token);
}

static bool begins_line(const struct token *token)
{
	const char *at = token->text;
	while (at > token->source->text && (at[-1] == ' ' || at[-1] == '\t'))
		at--;
	return at == token->source->text || at[-1] == '\n';
}

static void read_token(struct tokens *tokens, struct token *ret_token)
{
	for (;;) {
		lexer_next(&tokens->stack[tokens->depth], ret_token);
		if (ret_token->kind == TOKEN_END && tokens->depth > 0) {
			tokens->depth--;
		} else if (token_is_mark(ret_token, '#') && !begins_line(ret_token)) {
			bad(tokens, ret_token, INCLUDE_HINT " on a line of its own", "# has no place here");
			return;
		} else if (!token_is_mark(ret_token, '#') || !directive(tokens, ret_token)) {
			return;
		}
	}
}

void tokens_next(struct tokens *tokens)
{
	tokens->at = tokens->after;
	if (tokens->at.kind != TOKEN_BAD && tokens->at.kind != TOKEN_END)
		read_token(tokens, &tokens->after);
}

bool tokens_take(struct tokens *tokens, int mark)
{
	if (!token_is_mark(&tokens->at, mark))
		return false;
	tokens_next(tokens);
	return true;
}

int tokens_expect(struct tokens *tokens, int mark, const char *where, const char *hint)
{
	if (tokens_take(tokens, mark))
		return 0;
	if (tokens->at.kind == TOKEN_END)
		return fail_at(&tokens->at, hint, "the text ends, but '%c' is expected %s", mark, where);
	return fail_at(&tokens->at, hint, "'%c' is expected %s, not '%.*s'", mark, where, TOKEN_TEXT(&tokens->at));
}

int tokens_open(struct tokens *tokens, struct interface_memory *memory, const char *file, const char *text, size_t size,
                interface_include *include_text, void *context)
{
	*tokens = (struct tokens){.memory = memory, .include = include_text, .context = context};
	if (size > TEXT_MAX_BYTES)
		return detail_set(CBB__STATUS__STATUS_INTERFACE, "%.120s:1:1: the text has %zu bytes\nHint: at most 1 MiB",
		                  file, size);
	char *copy = malloc(size + 1);
	if (!copy)
		return fail_memory();
	if (size > 0)
		memcpy(copy, text, size);
	const struct source *source = source_add(tokens, file, copy, size);
	if (!source)
		return fail_memory();
	lexer_init(&tokens->stack[0], source);
	read_token(tokens, &tokens->at);
	tokens->after = tokens->at;
	if (tokens->at.kind != TOKEN_BAD && tokens->at.kind != TOKEN_END)
		read_token(tokens, &tokens->after);
	return 0;
}

void tokens_close(struct tokens *tokens)
{
	for (struct source *source = tokens->sources; source; source = source->next)
		free(source->text);
	tokens->sources = NULL;
}
