/* SPDX-License-Identifier: MIT */
#include "interface/variadic.h"

#include "interface/choice.h"
#include "interface/declarator.h"
#include "interface/expression.h"
#include "interface/layout.h"

#define CASES_HINT \
	"write [select(parameter, case VALUE: type; ...)] in front of the function if a parameter decides, [sentinel(0, " \
	"type)] or [sentinel(0), select(int, case VALUE: type; ...)] if a list ends at a value, or leave the function out"

/* What is said about a `...`. */
struct ellipsis {
	const struct function_text *text;
	struct attribute *select, *sentinel;
	const struct declared *option; /* that chooses a case in a list; NULL */
	Cbb__Variadic kind;
	int64_t end;                   /* the sentinel's value */
	uint32_t base;
};

static struct attribute *find_attribute(const struct function_text *text, enum word word)
{
	struct attribute *found = attribute_find(text->params->variadic, word);
	return found ? found : attribute_find(text->result.attributes, word);
}

static int check_words(const struct function_text *text)
{
	const word_set words = ATTRIBUTE_BIT(WORD_SELECT) | ATTRIBUTE_BIT(WORD_SENTINEL);
	for (const struct attribute *at = text->result.attributes; at; at = at->next)
		if (words & ATTRIBUTE_BIT(at->word) && text->params->ellipsis.size == 0)
			return fail_at(&at->token, "it goes with functions that have ...", "[%s] is on '%.*s', which has no ...",
			               attribute_name(at->word), TOKEN_TEXT(&text->name));
	return attributes_allow(text->params->variadic, words, "...", "write [select(...)] or [sentinel(...)]");
}

/* What C passes through `...` as it is, and what it widens. */
static int check_type(struct parser *parser, const struct declared *declared)
{
	const Cbb__Type *type = model_type(&parser->model, declared->type.type);
	const struct token *at = &declared->name;
	bool is_small = layout_is_integer(type->kind) && type->size_bytes < sizeof(int);
	if (is_small || type->kind == CBB__KIND__KIND_F32)
		return fail_at(at, is_small ? "write int" : "write double", "through ... C passes %s where a type is smaller",
		               is_small ? "int" : "double");
	if (type->kind == CBB__KIND__KIND_STRUCT || type->kind == CBB__KIND__KIND_LONG_DOUBLE)
		return fail_at(at, "leave the case out", "structs and long double do not pass through ...");
	return 0;
}

/* The fixed parameters and the result of a function with `...`. */
static int check_fixed(struct parser *parser, const struct function_text *text)
{
	const Cbb__Type *result = model_type(&parser->model, text->result.type.type);
	bool is_plain = result->kind != CBB__KIND__KIND_STRUCT && result->kind != CBB__KIND__KIND_LONG_DOUBLE;
	for (size_t i = 0; i < text->params->n && is_plain; i++) {
		Cbb__Kind kind = model_type(&parser->model, text->params->items[i].type.type)->kind;
		is_plain = kind != CBB__KIND__KIND_STRUCT && kind != CBB__KIND__KIND_LONG_DOUBLE;
	}
	return is_plain ? 0
	                : fail_at(&text->name, "leave the function out",
	                          "functions with ... that take or return structs or long double are not offered");
}

/* The number of the parameter that chooses. */
static int find_selector(struct parser *parser, const struct ellipsis *ellipsis, uint32_t *ret_number)
{
	const struct token *name = &ellipsis->select->argument;
	const struct declared_list *params = ellipsis->text->params;
	for (size_t i = 0; i < params->n; i++) {
		if (!token_same(&params->items[i].name, name))
			continue;
		if (!layout_is_integer(model_type(&parser->model, params->items[i].type.type)->kind))
			return fail_at(name, "name an integer", "'%.*s' is no integer", TOKEN_TEXT(name));
		*ret_number = (uint32_t)i;
		return 0;
	}
	return fail_at(name, "name a parameter of the function, or give the type of an option beside [sentinel(...)]",
	               "'%.*s' is no parameter of '%.*s'", TOKEN_TEXT(name), TOKEN_TEXT(&ellipsis->text->name));
}

static int check_option(struct parser *parser, const struct ellipsis *ellipsis)
{
	const struct declared *option = ellipsis->option;
	Cbb__Kind kind = model_type(&parser->model, option->type.type)->kind;
	bool is_element = ellipsis->kind == CBB__VARIADIC__VARIADIC_ELEMENTS;
	if (option->attributes && !is_element)
		return fail_at(&option->attributes->token, "options are numbers", "[%s] has no meaning on an option",
		               attribute_name(option->attributes->word));
	if (kind == CBB__KIND__KIND_POINTER && ellipsis->end == 1)
		return fail_at(&ellipsis->sentinel->token, "a list of pointers ends at NULL or -1",
		               "the pointer 1 cannot be told from copied memory");
	if (!layout_is_integer(kind) && (!is_element || kind != CBB__KIND__KIND_POINTER))
		return fail_at(&option->name, is_element ? "elements are integers or pointers" : "options are integers",
		               "a list of these has no end that can be seen");
	return check_type(parser, option);
}

/* Which of the three kinds it is, with what the function's entry says. */
static int decide(struct parser *parser, struct ellipsis *ellipsis, Cbb__Function *function)
{
	const struct attribute *select = ellipsis->select, *sentinel = ellipsis->sentinel;
	const struct token *at = &ellipsis->text->params->ellipsis;
	int r;
	if (!select && !sentinel)
		return fail_at(at, CASES_HINT, "functions with ... say what it takes, and '%.*s' does not",
		               TOKEN_TEXT(&ellipsis->text->name));
	if (sentinel && (select ? sentinel->option.n > 0 || select->option.n == 0 : sentinel->option.n == 0))
		return fail_at(&sentinel->token,
		               "write [sentinel(0), select(int, case VALUE: type; ...)] or [sentinel(0, type)]",
		               "a list has either elements of one type, or options with their cases");
	if (!sentinel && select->option.n > 0)
		return fail_at(&select->token, "add sentinel(value), or name a parameter", "nothing ends this list of options");
	ellipsis->kind = !sentinel ? CBB__VARIADIC__VARIADIC_SELECT
	                 : select  ? CBB__VARIADIC__VARIADIC_LIST
	                           : CBB__VARIADIC__VARIADIC_ELEMENTS;
	function->variadic = ellipsis->kind;
	if (!sentinel)
		return find_selector(parser, ellipsis, &function->select);
	ellipsis->option = select ? &select->option.items[0] : &sentinel->option.items[0];
	if (sentinel->expression->kind != NODE_NULL) {
		r = expression_constant(parser, sentinel->expression, "a sentinel", &ellipsis->end);
		if (r < 0)
			return r;
	}
	function->sentinel = ellipsis->end;
	return check_option(parser, ellipsis);
}

static int check_name(const struct declared_list *params, const struct declared *param)
{
	for (size_t i = 0; param->name.size > 0 && i < params->n; i++)
		if (token_same(&params->items[i].name, &param->name))
			return fail_at(&param->name, "give it another name", "the parameter '%.*s' is declared twice",
			               TOKEN_TEXT(&param->name));
	return 0;
}

/* The parameters of a case: the fixed ones, the option or element, and what follows it. */
static int list_params(struct parser *parser, const struct ellipsis *ellipsis, const struct choice *choice,
                       struct declared_list *params)
{
	const struct declared_list *fixed = ellipsis->text->params;
	int r = 0;
	for (size_t i = 0; r == 0 && i < fixed->n; i++)
		r = declared_append(parser, params, &fixed->items[i]);
	if (r == 0 && ellipsis->option)
		r = declared_append(parser, params, ellipsis->option);
	for (size_t i = 0; r == 0 && choice && i < choice->params.n; i++) {
		const struct declared *param = &choice->params.items[i];
		r = check_type(parser, param);
		if (r == 0)
			r = check_name(params, param);
		if (r == 0)
			r = declared_append(parser, params, param);
	}
	if (r == 0 && params->n > INTERFACE_PARAMS_MAX)
		r = fail_at(&choice->token, "at most 64 parameters", "this case has too many parameters");
	return r;
}

static int emit_case(struct parser *parser, const struct ellipsis *ellipsis, const struct choice *choice)
{
	struct declared_list params = {0};
	struct function_text text = *ellipsis->text;
	uint32_t index = 0;
	int r = list_params(parser, ellipsis, choice, &params);
	if (r < 0)
		return r;
	text.params = &params;
	text.is_case = true;
	text.choices = ellipsis->select ? ellipsis->select->choices : NULL;
	r = function_emit(parser, &text, &index);
	if (r < 0)
		return r;
	Cbb__Function *function = parser->model.message->functions[index];
	function->case_of = ellipsis->base + 1;
	function->n_fixed = (uint32_t)ellipsis->text->params->n;
	if (!choice)
		return 0;
	function->labels = choice_copy_labels(parser, choice);
	function->n_labels = choice->n_labels;
	return function->labels ? 0 : fail_memory();
}

static int emit_cases(struct parser *parser, const struct ellipsis *ellipsis)
{
	const struct choice *choices = ellipsis->select ? ellipsis->select->choices : NULL;
	if (!choices)
		return emit_case(parser, ellipsis, NULL);
	int r = choice_check_labels(choices);
	const struct choice *ends = ellipsis->sentinel ? choice_find(choices, ellipsis->end) : NULL;
	if (r == 0 && ends)
		r = fail_at(&ends->token, "take the case out: the list ends there", "the sentinel %lld has a case",
		            (long long)ellipsis->end);
	for (const struct choice *choice = choices; r == 0 && choice; choice = choice->next)
		r = emit_case(parser, ellipsis, choice);
	return r;
}

int variadic_emit(struct parser *parser, const struct function_text *text, uint32_t base)
{
	struct ellipsis ellipsis = {.text = text, .select = find_attribute(text, WORD_SELECT),
	                            .sentinel = find_attribute(text, WORD_SENTINEL), .base = base};
	if (text->is_case)
		return 0;
	int r = check_words(text);
	if (r < 0 || text->params->ellipsis.size == 0)
		return r;
	if (text->is_type)
		return fail_at(&text->params->ellipsis,
		               "write [format(printf, ...)] in front of the text that it is printed with, leave it out, or pass "
		               "the pointer as [handle]",
		               "callbacks with ... are offered only if it is printed");
	r = check_fixed(parser, text);
	if (r == 0)
		r = decide(parser, &ellipsis, parser->model.message->functions[base]);
	return r < 0 ? r : emit_cases(parser, &ellipsis);
}
