/* SPDX-License-Identifier: MIT */
/*
 * Bytes of one source -> tokens. Comments and blanks are skipped; a `#` is a token for the stream to judge.
 */
#ifndef CBB_INTERFACE_LEXER_H
#define CBB_INTERFACE_LEXER_H

#include "interface/token.h"

struct lexer {
	const struct source *source;
	size_t offset;
	uint32_t line, column;
};

void lexer_init(struct lexer *lexer, const struct source *source);

/* After TOKEN_END or TOKEN_BAD the same again. */
void lexer_next(struct lexer *lexer, struct token *ret_token);

/* The value of the character or escape at text[*at], which moves behind it; -1 if it is none. */
int lexer_character(const char *text, size_t size, size_t *at);

#endif
