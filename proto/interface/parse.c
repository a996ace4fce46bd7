/* SPDX-License-Identifier: MIT */
#include "interface/parse.h"

#include "interface/check.h"
#include "interface/declaration.h"
#include "interface/parser.h"
#include "interface/transfer.h"

#include <stdlib.h>

int parser_enter(struct parser *parser)
{
	if (parser->nesting == NESTING_MAX)
		return fail_at(&parser->tokens.at, "brackets and types nest at most 32 deep; use typedefs",
		               "this is nested too deep");
	parser->nesting++;
	return 0;
}

void parser_leave(struct parser *parser)
{
	parser->nesting--;
}

void *parser_allocate(struct parser *parser, size_t size)
{
	return memory_allocate(&parser->memory, size);
}

int parser_check_tables(struct parser *parser, const struct token *token)
{
	if (parser->model.is_full)
		return fail_at(token, "describe the functions that are used, not all of the library",
		               "the interface is too large: a table of it has more than %d entries", INTERFACE_TABLE_MAX);
	return parser->model.is_exhausted ? fail_memory() : 0;
}

static int parse_text(struct parser *parser)
{
	while (parser->tokens.at.kind != TOKEN_END) {
		struct token begin = parser->tokens.at;
		int r = declaration_parse(parser);
		if (r == 0)
			r = parser_check_tables(parser, &begin);
		if (r < 0)
			return r;
	}
	return transfer_check(parser);
}

static int parse_into(struct parser *parser, struct interface *interface)
{
	cbb__interface__init(&interface->message);
	model_init(&parser->model, &interface->message, interface->memory);
	symbols_init(&parser->symbols, &parser->memory, &parser->model);
	int r = parse_text(parser);
	symbols_close(&parser->symbols);
	model_close(&parser->model);
	return r < 0 ? r : interface_check(&interface->message);
}

int interface_parse(const char *file, const char *text, size_t size, interface_include *include, void *context,
                    struct interface **ret_interface)
{
	struct parser parser = {0};
	struct interface *interface = calloc(1, sizeof *interface);
	if (interface)
		interface->memory = calloc(1, sizeof *interface->memory);
	if (!interface || !interface->memory) {
		interface_free(interface);
		return fail_memory();
	}
	int r = tokens_open(&parser.tokens, &parser.memory, file, text, size, include, context);
	if (r == 0)
		r = parse_into(&parser, interface);
	tokens_close(&parser.tokens);
	memory_free(&parser.memory);
	if (r < 0)
		interface_free(interface);
	else
		*ret_interface = interface;
	return r;
}

struct interface *interface_free(struct interface *interface)
{
	if (!interface)
		return NULL;
	if (interface->memory)
		memory_free(interface->memory);
	free(interface->memory);
	free(interface);
	return NULL;
}
