/* SPDX-License-Identifier: MIT */
/*
 * What all parts of the parser share.
 */
#ifndef CBB_INTERFACE_PARSER_H
#define CBB_INTERFACE_PARSER_H

#include "interface/model.h"
#include "interface/symbols.h"
#include "interface/tokens.h"
#include "interface/tree.h"

#define NESTING_MAX 32 /* brackets in brackets of any kind, in the text */

struct parser {
	struct interface_memory memory; /* until the parser is done */
	struct tokens tokens;
	struct model model;
	struct symbols symbols;
	struct transfer *transfers;     /* free functions that were named; checked at the end */
	unsigned nesting;
	unsigned weight;                /* of all functions; see INTERFACE_VALUES_MAX */
	bool has_library, has_header;
};

/* Around everything recursive; parser_enter fails beyond NESTING_MAX. */
int parser_enter(struct parser *parser);
void parser_leave(struct parser *parser);

/* Fails at this token if memory or a table's limit is exhausted. */
int parser_check_tables(struct parser *parser, const struct token *token);

void *parser_allocate(struct parser *parser, size_t size);

#endif
