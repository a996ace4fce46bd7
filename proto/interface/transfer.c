/* SPDX-License-Identifier: MIT */
#include "interface/transfer.h"

struct transfer {
	struct transfer *next;
	struct token name;
};

int transfer_remember(struct parser *parser, const struct token *name)
{
	struct transfer *transfer = parser_allocate(parser, sizeof *transfer);
	if (!transfer)
		return fail_memory();
	*transfer = (struct transfer){.next = parser->transfers, .name = *name};
	parser->transfers = transfer;
	return 0;
}

static bool frees(struct parser *parser, const struct symbol *symbol)
{
	if (symbol->kind != SYMBOL_FUNCTION)
		return false;
	const Cbb__Function *function = parser->model.message->functions[symbol->function];
	const Cbb__Param *param = model_param(&parser->model, function->first);
	return function->n == 1 && model_type(&parser->model, param->type)->kind == CBB__KIND__KIND_POINTER &&
	       param->mode != CBB__MODE__MODE_USERDATA && param->mode != CBB__MODE__MODE_CALLBACK;
}

int transfer_check(struct parser *parser)
{
	for (const struct transfer *transfer = parser->transfers; transfer; transfer = transfer->next) {
		if (token_is_name(&transfer->name, "free"))
			continue;
		const struct symbol *symbol = symbols_find(&parser->symbols, &transfer->name);
		if (!symbol || !frees(parser, symbol))
			return fail_at(&transfer->name,
			               "it is free, or a function declared in this text with one parameter, the pointer: "
			               "void name_free([handle] void *memory)",
			               "'%.*s' cannot free memory", TOKEN_TEXT(&transfer->name));
	}
	return 0;
}
