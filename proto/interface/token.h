/* SPDX-License-Identifier: MIT */
/*
 * The words of a .cbi text, each with its place, and errors that point at one.
 */
#ifndef CBB_INTERFACE_TOKEN_H
#define CBB_INTERFACE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source {
	struct source *next;
	const char *name;
	char *text;
	size_t size;
};

enum token_kind {
	TOKEN_END,
	TOKEN_BAD,     /* not a word of the language: `problem` says why */
	TOKEN_NAME,
	TOKEN_INTEGER, /* a character constant too */
	TOKEN_REAL,
	TOKEN_STRING,  /* text includes the quotes */
	TOKEN_MARK,    /* `mark`: the character itself, or one of enum mark */
};

enum mark {
	MARK_ARROW = 256, /* -> */
	MARK_EQUAL,       /* == */
	MARK_UNEQUAL,     /* != */
	MARK_AT_MOST,     /* <= */
	MARK_AT_LEAST,    /* >= */
	MARK_LEFT,        /* << */
	MARK_RIGHT,       /* >> */
	MARK_AND,         /* && */
	MARK_OR,          /* || */
	MARK_ELLIPSIS,    /* ... */
};

struct token {
	enum token_kind kind;
	int mark;
	const struct source *source; /* stays until the parser is done */
	const char *text;
	uint32_t size;
	uint32_t line, column;       /* from 1; columns count bytes */
	int64_t integer;
	double real;
	const char *problem, *hint;  /* TOKEN_BAD */
};

bool token_is_mark(const struct token *token, int mark);
bool token_is_name(const struct token *token, const char *name);
bool token_same(const struct token *left, const struct token *right);

/* For printf's %.*s: what was found, at most 40 characters of it. */
#define TOKEN_TEXT(token) (int)((token)->size < 40 ? (token)->size : 40), (token)->text

/*
 * Sets the detail text "file:line:column: message", the source line, and the hint. Returns STATUS_INTERFACE.
 * At a TOKEN_BAD the reason why it is bad goes before any message.
 */
int fail_at(const struct token *token, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* fail_at() for where there is no memory: -ENOMEM. */
int fail_memory(void);

#endif
