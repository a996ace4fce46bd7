/* SPDX-License-Identifier: MIT */
#include "interface/verify.h"

#include "interface/layout.h"

static const Cbb__Param *param_at(const struct verify *verify, uint32_t number)
{
	return verify->message->params[verify->function->first + number];
}

static const Cbb__Type *type_of(const struct verify *verify, const Cbb__Param *param)
{
	return verify->message->types[param->type];
}

int verify_va_list(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	if (place != VERIFY_PARAM || !verify->function || type_of(verify, param)->kind != CBB__KIND__KIND_POINTER ||
	    param->nullable)
		return verify_fail("a va_list stands where none can");
	return 0;
}

int verify_format(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	if (!param->format)
		return 0;
	if (place != VERIFY_PARAM || !verify->function || param->format > verify->function->n ||
	    param_at(verify, param->format - 1)->mode != CBB__MODE__MODE_VA_LIST)
		return verify_fail("a format is printed with no va_list");
	return 0;
}

/* What a function that stands for all of that type can take from its registers. */
static int verify_shape(const struct verify *verify)
{
	const Cbb__Function *function = verify->function;
	Cbb__Kind result = type_of(verify, verify->message->params[function->result])->kind;
	bool is_good = function->is_type && function->n > 1 && !function->n_fixed && !function->n_labels &&
	               !function->case_of && !function->select && !function->sentinel &&
	               param_at(verify, function->n - 1)->mode == CBB__MODE__MODE_VA_LIST &&
	               (result == CBB__KIND__KIND_VOID || result == CBB__KIND__KIND_POINTER || layout_is_integer(result));
	for (uint32_t i = 0; is_good && i < function->n; i++) {
		Cbb__Kind kind = type_of(verify, param_at(verify, i))->kind;
		bool is_word = kind == CBB__KIND__KIND_POINTER || layout_is_integer(kind);
		is_good = is_word || (i > 0 && layout_is_scalar(kind) && kind != CBB__KIND__KIND_LONG_DOUBLE);
	}
	return is_good ? 0 : verify_fail("function %u cannot have a printed ...", verify->function_index);
}

int verify_formats(const struct verify *verify)
{
	const Cbb__Function *function = verify->function;
	for (uint32_t i = 0; i < function->n; i++) {
		unsigned n = 0;
		if (param_at(verify, i)->mode != CBB__MODE__MODE_VA_LIST)
			continue;
		for (uint32_t j = 0; j < function->n; j++)
			n += param_at(verify, j)->format == i + 1;
		if (n != 1)
			return verify_fail("function %u prints %u texts with one va_list", verify->function_index, n);
	}
	return function->variadic == CBB__VARIADIC__VARIADIC_FORMAT ? verify_shape(verify) : 0;
}
