/* SPDX-License-Identifier: MIT */
#include "interface/delivery.h"

#include "interface/attribute.h"
#include "interface/expression.h"
#include "interface/order.h"

#include <stdint.h>

#define TYPE_HINT "it goes in front of a function type: [listener] typedef void (*name)(int)"

static const struct {
	enum word word;
	Cbb__Delivery delivery;
} deliveries[] = {
    {WORD_AUTO, CBB__DELIVERY__DELIVERY_AUTO},         {WORD_LOCAL, CBB__DELIVERY__DELIVERY_LOCAL},
    {WORD_BLOCKING, CBB__DELIVERY__DELIVERY_BLOCKING}, {WORD_LISTENER, CBB__DELIVERY__DELIVERY_LISTENER},
    {WORD_LATEST, CBB__DELIVERY__DELIVERY_LISTENER},
};

static bool is_delivery(const struct attribute *attribute)
{
	return attribute->word >= WORD_AUTO && attribute->word <= WORD_LATEST;
}

static int check_place(const struct function_text *text)
{
	for (const struct attribute *at = text->result.attributes; at && !text->is_type; at = at->next)
		if (is_delivery(at) || at->word == WORD_RATE || at->word == WORD_PRIORITY)
			return fail_at(&at->token, TYPE_HINT,
			               "[%s] says how a callback is delivered, and '%.*s' is a function of the library",
			               attribute_name(at->word), TOKEN_TEXT(&text->name));
	return 0;
}

/* The word that says the delivery; NULL: none. */
static int find_delivery(const struct function_text *text, struct attribute **ret_attribute)
{
	*ret_attribute = NULL;
	for (struct attribute *at = text->result.attributes; at; at = at->next) {
		if (!is_delivery(at))
			continue;
		if (*ret_attribute)
			return fail_at(&at->token, "keep one of them; latest is a listener, too",
			               "a callback is delivered in one way, and [%s] is said already",
			               attribute_name((*ret_attribute)->word));
		*ret_attribute = at;
	}
	return 0;
}

static void set_delivery(const struct attribute *attribute, Cbb__Function *function)
{
	for (size_t i = 0; attribute && i < sizeof deliveries / sizeof *deliveries; i++)
		if (deliveries[i].word == attribute->word)
			function->delivery = deliveries[i].delivery;
	if (attribute)
		function->overflow = attribute->word == WORD_LATEST ? CBB__OVERFLOW__OVERFLOW_LATEST : attribute->overflow;
}

/* Nobody waits for a listener: nothing can come back. */
static int check_listener(struct parser *parser, const struct function_text *text, const Cbb__Function *function)
{
	const Cbb__Param *result = model_param(&parser->model, function->result);
	const struct attribute *timeout = attribute_find(text->result.attributes, WORD_TIMEOUT);
	if (model_type(&parser->model, result->type)->kind != CBB__KIND__KIND_VOID)
		return fail_at(&text->name, "take the word out, or write blocking: then native code waits for the result",
		               "native code does not wait for a listener, and this one returns something");
	if (timeout)
		return fail_at(&timeout->token, "take it out", "nobody waits for a listener: it has no deadline");
	for (uint32_t i = 0; i < function->n; i++) {
		const Cbb__Param *param = model_param(&parser->model, function->first + i);
		const struct token *name = &text->params->items[i].name;
		if (param->direction == CBB__DIRECTION__DIRECTION_OUT || param->direction == CBB__DIRECTION__DIRECTION_INOUT)
			return fail_at(name, "write [in] if it is only read, or [blocking] in front of the type",
			               "nothing comes back from a listener, and '%.*s' is to", TOKEN_TEXT(name));
		if (order_uses_call(parser->model.message, function->first + i))
			return fail_at(name, "use parameters of the callback itself, or [blocking] in front of the type",
			               "a listener runs when the call may be over, and '%.*s' needs a parameter of it",
			               TOKEN_TEXT(name));
	}
	return 0;
}

static int set_key(struct parser *parser, const struct function_text *text, const struct attribute *delivery,
                   Cbb__Function *function)
{
	const struct token *key = NULL;
	for (uint32_t i = 0; i < function->n; i++) {
		if (!model_param(&parser->model, function->first + i)->key)
			continue;
		const struct token *at = &attribute_find(text->params->items[i].attributes, WORD_KEY)->token;
		if (key)
			return fail_at(at, "keep one", "events have one key, and another parameter is it already");
		key = at;
	}
	if (!key)
		return 0;
	if (function->delivery != CBB__DELIVERY__DELIVERY_LISTENER)
		return fail_at(key, "write [listener] in front of the type", "only events of a listener have a key");
	if (delivery->word == WORD_LATEST || delivery->argument.size > 0)
		return fail_at(key, "write [listener] alone: with a key, a newer event replaces one with an equal key",
		               "a key and another rule for events without room do not go together");
	function->overflow = CBB__OVERFLOW__OVERFLOW_COALESCE;
	return 0;
}

static int set_rate(struct parser *parser, const struct attribute *attribute, Cbb__Function *function)
{
	int64_t value = 0;
	if (!attribute)
		return 0;
	int r = expression_constant(parser, attribute->expression, "a rate", &value);
	if (r < 0)
		return r;
	if (value < 1 || value > UINT32_MAX)
		return fail_at(&attribute->token, "events per second, from 1; without rate there is no limit", "this is no rate");
	if (function->delivery != CBB__DELIVERY__DELIVERY_LISTENER)
		return fail_at(&attribute->token, "write [listener, rate(n)] in front of the type",
		               "only events of a listener can be too many");
	function->rate_per_s = (uint32_t)value;
	return 0;
}

static int set_priority(struct parser *parser, const struct attribute *attribute, Cbb__Function *function)
{
	int64_t value = 0;
	if (!attribute)
		return 0;
	int r = expression_constant(parser, attribute->expression, "a priority", &value);
	if (r < 0)
		return r;
	if (value < INT32_MIN || value > INT32_MAX)
		return fail_at(&attribute->token, "a number of 32 bits; higher ones run first, 0 is the default",
		               "this is no priority");
	if (function->delivery == CBB__DELIVERY__DELIVERY_LOCAL)
		return fail_at(&attribute->token, "take it out, or take local out", "a local callback waits in no queue");
	function->priority = (int32_t)value;
	return 0;
}

int delivery_set(struct parser *parser, const struct function_text *text, Cbb__Function *function)
{
	struct attribute *attributes = text->result.attributes, *delivery = NULL;
	int r = check_place(text);
	if (r == 0)
		r = find_delivery(text, &delivery);
	if (r < 0)
		return r;
	set_delivery(delivery, function);
	if (function->delivery == CBB__DELIVERY__DELIVERY_LISTENER)
		r = check_listener(parser, text, function);
	if (r == 0)
		r = set_key(parser, text, delivery, function);
	if (r == 0)
		r = set_rate(parser, attribute_find(attributes, WORD_RATE), function);
	return r < 0 ? r : set_priority(parser, attribute_find(attributes, WORD_PRIORITY), function);
}
