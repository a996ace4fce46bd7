/* SPDX-License-Identifier: MIT */
/*
 * The stream of tokens of a text and of what it includes, with two tokens in view.
 */
#ifndef CBB_INTERFACE_TOKENS_H
#define CBB_INTERFACE_TOKENS_H

#include "interface/memory.h"
#include "interface/lexer.h"
#include "interface/parse.h"

#define TEXT_MAX_BYTES (1u << 20) /* all sources together */
#define INCLUDE_DEPTH_MAX 8

struct tokens {
	struct token at, after;  /* the next token and the one behind it */
	struct lexer stack[INCLUDE_DEPTH_MAX + 1];
	unsigned depth;          /* of includes; stack[depth] is being read */
	struct source *sources;
	size_t total_bytes;
	interface_include *include;
	void *context;
	struct interface_memory *memory;
	char problem[300];       /* of a TOKEN_BAD made here */
};

/* The text is copied. 0, -ENOMEM, or STATUS_INTERFACE (too large). */
int tokens_open(struct tokens *tokens, struct interface_memory *memory, const char *file, const char *text, size_t size,
                interface_include *include, void *context);
void tokens_close(struct tokens *tokens);

void tokens_next(struct tokens *tokens);

/* Steps over the mark if it is next. */
bool tokens_take(struct tokens *tokens, int mark);

/* The same, or fails: "expected ... after the parameter". */
int tokens_expect(struct tokens *tokens, int mark, const char *where, const char *hint);

#endif
