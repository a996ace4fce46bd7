/* SPDX-License-Identifier: MIT */
#include "interface/specifier.h"

#include "interface/aggregate.h"
#include "interface/layout.h"

#include <limits.h>
#include <string.h>

#define TYPE_HINT "a type is one of C's, a typedef, struct or enum declared above, or built in such as size_t"

enum base { BASE_VOID, BASE_BOOL, BASE_CHAR, BASE_SHORT, BASE_INT, BASE_LONG, BASE_SIGNED, BASE_UNSIGNED, BASE_FLOAT,
	    BASE_DOUBLE, BASE_COUNT };

static const struct {
	const char *name;
	enum base base;
} base_words[] = {
    {"void", BASE_VOID},         {"_Bool", BASE_BOOL},    {"bool", BASE_BOOL},         {"char", BASE_CHAR},
    {"short", BASE_SHORT},       {"int", BASE_INT},       {"long", BASE_LONG},         {"signed", BASE_SIGNED},
    {"unsigned", BASE_UNSIGNED}, {"float", BASE_FLOAT},   {"double", BASE_DOUBLE},     {"__signed__", BASE_SIGNED},
};

static const struct {
	const char *name, *hint;
} refused[] = {
    {"__builtin_va_list", "leave the function out: arguments of unknown types cannot cross"},
    {"_Complex", "leave the function out, or wrap it in one that takes a struct of two numbers"},
    {"__int128", "leave the function out: integers have at most 64 bits here"},
    {"_Float128", "leave the function out: use long double"},
    {"_Atomic", "leave it out: memory that others change cannot be copied"},
    {"volatile", "leave it out: what crosses is copied once"},
    {"static", "declare functions that the shared object exports"},
    {"inline", "declare functions that the shared object exports"},
    {"register", "leave it out"},
    {"auto", "leave it out"},
    {"_Thread_local", "only functions and types can be declared"},
    {"_Noreturn", "leave the function out: a call must come back"},
    {"_Alignas", "leave it out: fields lie where C places them"},
    {"__attribute__", "take it out: an interface file is plain C and attributes in brackets"},
    {"__extension__", "take it out: an interface file is plain C"},
    {"typeof", "write the type out"},
    {"__typeof__", "write the type out"},
};

static int base_of(const struct token *token)
{
	for (size_t i = 0; i < sizeof base_words / sizeof *base_words; i++)
		if (token_is_name(token, base_words[i].name))
			return (int)base_words[i].base;
	return -1;
}

static int refuse(const struct token *token)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (token_is_name(token, refused[i].name))
			return fail_at(token, refused[i].hint, "'%s' is not offered by this version", refused[i].name);
	return 0;
}

bool specifier_take_const(struct parser *parser)
{
	bool is_const = false;
	for (;;) {
		const struct token *at = &parser->tokens.at;
		if (token_is_name(at, "const"))
			is_const = true;
		else if (!token_is_name(at, "restrict") && !token_is_name(at, "__restrict"))
			return is_const;
		tokens_next(&parser->tokens);
	}
}

bool specifier_is_next(struct parser *parser, const struct token *token)
{
	if (token->kind != TOKEN_NAME)
		return false;
	if (base_of(token) >= 0 || token_is_name(token, "struct") || token_is_name(token, "union") ||
	    token_is_name(token, "enum") || token_is_name(token, "const"))
		return true;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (token_is_name(token, refused[i].name))
			return true;
	const struct symbol *symbol = symbols_find(&parser->symbols, token);
	return symbol && symbol->kind == SYMBOL_TYPEDEF;
}

/* Sizes of integers by their words; 0: the words do not go together. */
static size_t integer_size(const unsigned words[static BASE_COUNT])
{
	if (words[BASE_CHAR])
		return words[BASE_CHAR] == 1 && !words[BASE_SHORT] && !words[BASE_LONG] && !words[BASE_INT] ? 1 : 0;
	if (words[BASE_INT] > 1 || words[BASE_SHORT] > 1 || words[BASE_LONG] > 2 || (words[BASE_SHORT] && words[BASE_LONG]))
		return 0;
	if (words[BASE_SHORT])
		return sizeof(short);
	return words[BASE_LONG] ? sizeof(long) : sizeof(int);
}

static const char *integer_name(const unsigned words[static BASE_COUNT])
{
	bool is_unsigned = words[BASE_UNSIGNED] > 0;
	if (words[BASE_CHAR])
		return is_unsigned ? "unsigned char" : words[BASE_SIGNED] ? "signed char" : "char";
	if (words[BASE_SHORT])
		return is_unsigned ? "unsigned short" : "short";
	if (words[BASE_LONG] == 2)
		return is_unsigned ? "unsigned long long" : "long long";
	if (words[BASE_LONG])
		return is_unsigned ? "unsigned long" : "long";
	return is_unsigned ? "unsigned int" : "int";
}

/* The type of these words; false if they do not go together. */
static bool base_type(struct model *model, const unsigned words[static BASE_COUNT], uint32_t *ret_type)
{
	unsigned total = 0;
	for (int i = 0; i < BASE_COUNT; i++)
		total += words[i];
	if (words[BASE_VOID] || words[BASE_BOOL] || words[BASE_FLOAT]) {
		*ret_type = words[BASE_VOID]   ? 0
		            : words[BASE_BOOL] ? model_scalar(model, CBB__KIND__KIND_BOOL, "_Bool")
		                               : model_scalar(model, CBB__KIND__KIND_F32, "float");
		return total == 1;
	}
	if (words[BASE_DOUBLE]) {
		*ret_type = words[BASE_LONG] ? model_scalar(model, CBB__KIND__KIND_LONG_DOUBLE, "long double")
		                             : model_scalar(model, CBB__KIND__KIND_F64, "double");
		return words[BASE_DOUBLE] == 1 && total == 1 + words[BASE_LONG] && words[BASE_LONG] <= 1;
	}
	size_t size = integer_size(words);
	bool is_signed = !words[BASE_UNSIGNED];
	if (words[BASE_CHAR] && !words[BASE_SIGNED] && !words[BASE_UNSIGNED])
		is_signed = CHAR_MIN < 0;
	if (size == 0 || words[BASE_SIGNED] + words[BASE_UNSIGNED] > 1)
		return false;
	*ret_type = model_scalar(model, layout_integer(size, is_signed), integer_name(words));
	return true;
}

/* `unsigned long int`, in any order, with const between. */
static int parse_base(struct parser *parser, struct specifier *specifier)
{
	struct tokens *tokens = &parser->tokens;
	struct token first = tokens->at;
	unsigned words[BASE_COUNT] = {0};
	int base;
	while ((base = base_of(&tokens->at)) >= 0) {
		words[base] += words[base] < 9;
		tokens_next(tokens);
		specifier->type.is_const |= specifier_take_const(parser);
	}
	int r = refuse(&tokens->at);
	if (r < 0)
		return r;
	if (!base_type(&parser->model, words, &specifier->type.type))
		return fail_at(&first, TYPE_HINT, "these words make no type");
	return 0;
}

static int parse_alias(struct parser *parser, struct specifier *specifier)
{
	struct tokens *tokens = &parser->tokens;
	if (tokens->at.kind != TOKEN_NAME)
		return fail_at(&tokens->at, TYPE_HINT, "a type is expected, not '%.*s'", TOKEN_TEXT(&tokens->at));
	const struct symbol *symbol = symbols_find(&parser->symbols, &tokens->at);
	if (symbol && symbol->kind != SYMBOL_TYPEDEF)
		return fail_at(&tokens->at, TYPE_HINT, "'%.*s' is no type", TOKEN_TEXT(&tokens->at));
	if (!symbol) {
		bool is_tag = symbols_find_tag(&parser->symbols, &tokens->at) != NULL;
		return fail_at(&tokens->at, is_tag ? "write struct, union or enum in front of it" : TYPE_HINT,
		               "the type '%.*s' is not declared", TOKEN_TEXT(&tokens->at));
	}
	specifier->alias = symbol;
	specifier->type.type = symbol->type.type;
	specifier->type.is_const |= symbol->type.is_const;
	tokens_next(tokens);
	return 0;
}

int specifier_parse(struct parser *parser, struct specifier *specifier)
{
	struct tokens *tokens = &parser->tokens;
	specifier->type = (struct qualified){.is_const = specifier_take_const(parser)};
	specifier->alias = NULL;
	int r = refuse(&tokens->at);
	if (r < 0)
		return r;
	if (token_is_name(&tokens->at, "struct"))
		r = aggregate_parse_struct(parser, specifier->may_define, &specifier->type.type);
	else if (token_is_name(&tokens->at, "union"))
		r = aggregate_parse_union(parser, specifier->may_define, &specifier->type.type);
	else if (token_is_name(&tokens->at, "enum"))
		r = aggregate_parse_enum(parser, specifier->may_define, &specifier->type.type);
	else if (base_of(&tokens->at) >= 0)
		r = parse_base(parser, specifier);
	else
		r = parse_alias(parser, specifier);
	if (r < 0)
		return r;
	specifier->type.is_const |= specifier_take_const(parser);
	return refuse(&tokens->at);
}
