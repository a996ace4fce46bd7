/* SPDX-License-Identifier: MIT */
#include "interface/verify.h"

#include "interface/order.h"

static int verify_listener(const struct verify *verify)
{
	const Cbb__Interface *message = verify->message;
	const Cbb__Function *function = verify->function;
	if (message->types[message->params[function->result]->type]->kind != CBB__KIND__KIND_VOID || function->timeout_ms)
		return verify_fail("function %u is a listener that is waited for", verify->function_index);
	for (uint32_t i = 0; i < function->n; i++) {
		Cbb__Direction direction = message->params[function->first + i]->direction;
		if (direction == CBB__DIRECTION__DIRECTION_OUT || direction == CBB__DIRECTION__DIRECTION_INOUT ||
		    order_uses_call(message, function->first + i))
			return verify_fail("function %u is a listener that depends on its call", verify->function_index);
	}
	return 0;
}

static uint32_t count_keys(const struct verify *verify)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < verify->function->n; i++)
		n += verify->message->params[verify->function->first + i]->key != 0;
	return n;
}

int verify_delivery(const struct verify *verify)
{
	const Cbb__Function *function = verify->function;
	bool is_listener = function->delivery == CBB__DELIVERY__DELIVERY_LISTENER;
	uint32_t n_keys = count_keys(verify);
	if (function->delivery < CBB__DELIVERY__DELIVERY_NONE || function->delivery > CBB__DELIVERY__DELIVERY_LISTENER ||
	    function->overflow < CBB__OVERFLOW__OVERFLOW_WAIT || function->overflow > CBB__OVERFLOW__OVERFLOW_COALESCE)
		return verify_fail("function %u is delivered in an unknown way", verify->function_index);
	if (!function->is_type && (function->delivery || function->priority))
		return verify_fail("function %u is no type, and has a delivery", verify->function_index);
	if (!is_listener && (function->overflow || function->rate_per_s || n_keys))
		return verify_fail("function %u is no listener, and has a listener's words", verify->function_index);
	if (n_keys != (function->overflow == CBB__OVERFLOW__OVERFLOW_COALESCE ? 1 : 0))
		return verify_fail("function %u has %u keys", verify->function_index, n_keys);
	return is_listener ? verify_listener(verify) : 0;
}
