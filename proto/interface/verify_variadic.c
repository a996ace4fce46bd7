/* SPDX-License-Identifier: MIT */
#include "interface/verify.h"

#include "interface/layout.h"

static const Cbb__Param *param_at(const struct verify *verify, const Cbb__Function *function, uint32_t number)
{
	return verify->message->params[function->first + number];
}

static const Cbb__Type *type_at(const struct verify *verify, const Cbb__Function *function, uint32_t number)
{
	return verify->message->types[param_at(verify, function, number)->type];
}

static bool is_option(const struct verify *verify, const Cbb__Function *function, uint32_t number)
{
	return param_at(verify, function, number)->mode == CBB__MODE__MODE_VALUE &&
	       layout_is_integer(type_at(verify, function, number)->kind);
}

/* Structs and long double take more than one word. */
static bool is_plain(const Cbb__Type *type)
{
	return type->kind != CBB__KIND__KIND_STRUCT && type->kind != CBB__KIND__KIND_LONG_DOUBLE;
}

static int verify_base(const struct verify *verify)
{
	const Cbb__Function *function = verify->function;
	if (function->is_type || function->case_of || function->n == 0 ||
	    (uint32_t)function->variadic > CBB__VARIADIC__VARIADIC_ELEMENTS)
		return verify_fail("function %u cannot have ...", verify->function_index);
	for (uint32_t i = 0; i < function->n; i++)
		if (!is_plain(type_at(verify, function, i)))
			return verify_fail("function %u has ... behind a struct", verify->function_index);
	bool selects = function->variadic == CBB__VARIADIC__VARIADIC_SELECT;
	if (selects ? function->select >= function->n || !is_option(verify, function, function->select) || function->sentinel
	            : function->select != 0)
		return verify_fail("function %u chooses its cases by nothing", verify->function_index);
	return 0;
}

/* What C passes through `...` without widening it. */
static bool passes(const Cbb__Type *type)
{
	return type->kind == CBB__KIND__KIND_POINTER || type->kind == CBB__KIND__KIND_F64 ||
	       (layout_is_integer(type->kind) && type->size_bytes >= sizeof(int));
}

/* The pointer 1 stands for copied memory in a message. */
static int verify_element(const struct verify *verify, const Cbb__Function *base)
{
	const Cbb__Function *function = verify->function;
	Cbb__Kind kind = function->n == function->n_fixed + 1 ? type_at(verify, function, function->n_fixed)->kind
	                                                      : CBB__KIND__KIND_F64;
	if (kind == CBB__KIND__KIND_F64 || (kind == CBB__KIND__KIND_POINTER && base->sentinel == 1))
		return verify_fail("function %u is no list of elements", verify->function_index);
	return 0;
}

static int verify_case(const struct verify *verify)
{
	const Cbb__Function *function = verify->function;
	if (function->case_of > verify->function_index || function->is_type)
		return verify_fail("function %u is a case of nothing", verify->function_index);
	const Cbb__Function *base = verify->message->functions[function->case_of - 1];
	uint32_t n = function->n_fixed;
	bool selects = base->variadic == CBB__VARIADIC__VARIADIC_SELECT;
	bool is_list = base->variadic == CBB__VARIADIC__VARIADIC_LIST;
	if (base->variadic <= CBB__VARIADIC__VARIADIC_NONE || base->name != function->name || n != base->n ||
	    n > function->n || (selects || is_list) != (function->n_labels > 0))
		return verify_fail("function %u is no such case", verify->function_index);
	if (verify->message->params[function->result]->type != verify->message->params[base->result]->type)
		return verify_fail("function %u has another result than its other cases", verify->function_index);
	for (uint32_t i = 0; i < function->n; i++)
		if (i < n ? param_at(verify, function, i)->type != param_at(verify, base, i)->type
		          : !passes(type_at(verify, function, i)))
			return verify_fail("function %u has a wrong parameter %u for a case", verify->function_index, i);
	if (is_list && (n == function->n || !is_option(verify, function, n)))
		return verify_fail("function %u begins with no option", verify->function_index);
	return selects || is_list ? 0 : verify_element(verify, base);
}

int verify_variadic(const struct verify *verify)
{
	const Cbb__Function *function = verify->function;
	if (function->variadic == CBB__VARIADIC__VARIADIC_FORMAT)
		return 0; /* see verify_formats() */
	if (function->case_of && function->variadic == CBB__VARIADIC__VARIADIC_NONE)
		return verify_case(verify);
	if (function->variadic != CBB__VARIADIC__VARIADIC_NONE && !function->n_fixed && !function->n_labels)
		return verify_base(verify);
	return function->variadic || function->n_fixed || function->n_labels || function->select || function->sentinel
	           ? verify_fail("function %u is half a case", verify->function_index)
	           : 0;
}
