/* SPDX-License-Identifier: MIT */
#include "interface/check.h"

#include "base/detail.h"
#include "interface/ascii.h"
#include "interface/order.h"
#include "interface/verify.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 511

int verify_fail(const char *format, ...)
{
	char text[200];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return detail_set(CBB__STATUS__STATUS_INTERFACE, "the interface is not valid: %s", text);
}

static int verify_tables(const Cbb__Interface *message)
{
	const size_t sizes[] = {message->n_names,     message->n_types,       message->n_params,
	                        message->n_functions, message->n_expressions, message->n_typedefs};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (sizes[i] > INTERFACE_TABLE_MAX)
			return verify_fail("a table has %zu entries; the limit is %d", sizes[i], INTERFACE_TABLE_MAX);
	return 0;
}

static bool is_path(const ProtobufCBinaryData *text)
{
	return text->len < PATH_MAX && (text->len == 0 || !memchr(text->data, '\0', text->len));
}

/* Names are C's; those of types may be of several words. */
static int verify_names(const Cbb__Interface *message)
{
	if (message->n_names == 0 || message->names[0].len != 0)
		return verify_fail("name 0 is not empty");
	for (size_t i = 1; i < message->n_names; i++) {
		const ProtobufCBinaryData *name = &message->names[i];
		bool is_good = name->len > 0 && name->len <= NAME_MAX_BYTES && ascii_is_letter(name->data[0]);
		for (size_t j = 0; is_good && j < name->len; j++)
			is_good = ascii_is_name(name->data[j]) || (name->data[j] == ' ' && j + 1 < name->len);
		if (!is_good)
			return verify_fail("name %zu is no name", i);
	}
	if (!is_path(&message->soname) || !is_path(&message->header))
		return verify_fail("the library's name is no path");
	return 0;
}

static int verify_ranges(const Cbb__Interface *message)
{
	size_t used = 0;
	for (size_t i = 0; i < message->n_types; i++)
		used += message->types[i]->kind == CBB__KIND__KIND_STRUCT ? message->types[i]->n : 0;
	for (size_t i = 0; i < message->n_functions; i++) {
		const Cbb__Function *function = message->functions[i];
		if (function->name >= message->n_names || (!function->is_type && function->name == 0))
			return verify_fail("function %zu has no name", i);
		if (function->n > INTERFACE_PARAMS_MAX || function->result >= message->n_params ||
		    function->first > message->n_params || function->n > message->n_params - function->first)
			return verify_fail("function %zu has no such parameters", i);
		used += function->n;
	}
	for (size_t i = 0; i < message->n_params; i++) {
		const Cbb__Param *param = message->params[i];
		if (param->n_cases && (param->first_case <= i || param->first_case >= message->n_params ||
		                       param->n_cases > message->n_params - param->first_case))
			return verify_fail("param %zu has no such cases", i);
		used += param->n_cases;
	}
	for (size_t i = 0; i < message->n_typedefs; i++)
		if (message->typedefs[i]->name >= message->n_names || message->typedefs[i]->type >= message->n_types)
			return verify_fail("typedef %zu is of nothing", i);
	/* Each belongs to one struct, function or parameter; else checking and using them would take long. */
	return used <= message->n_params ? 0 : verify_fail("parameters or fields are used more than once");
}

static int verify_function(struct verify *verify, uint32_t index)
{
	const Cbb__Function *function = verify->message->functions[index];
	verify->function = function;
	verify->function_index = index;
	for (uint32_t i = 0; i < function->n; i++) {
		int r = verify_param(verify, function->first + i, VERIFY_PARAM);
		if (r < 0)
			return detail_prefix(r, "function %u, parameter %u: ", index, i);
	}
	int r = verify_param(verify, function->result, VERIFY_RESULT);
	if (r < 0)
		return detail_prefix(r, "function %u, result: ", index);
	r = verify_delivery(verify);
	if (r == 0)
		r = verify_formats(verify);
	if (r == 0)
		r = verify_variadic(verify);
	if (r < 0)
		return r;
	if (order_find_circle(verify->message, function) >= 0)
		return verify_fail("function %u: a size depends on itself", index);
	return 0;
}

static int verify_fields(struct verify *verify, uint32_t index)
{
	const Cbb__Type *type = verify->message->types[index];
	verify->function = NULL;
	verify->structure = type;
	for (uint32_t i = 0; type->kind == CBB__KIND__KIND_STRUCT && i < type->n; i++) {
		int r = type->is_union ? verify_member(verify, type->first + i)
		                       : verify_param(verify, type->first + i, VERIFY_FIELD);
		if (r < 0)
			return detail_prefix(r, "type %u, field %u: ", index, i);
	}
	return 0;
}

static int verify_uses(const Cbb__Interface *message)
{
	uint32_t *function_of_name = calloc(message->n_names, sizeof *function_of_name);
	struct verify verify = {.message = message, .function_of_name = function_of_name};
	int r = function_of_name ? 0 : detail_set(-ENOMEM, "no memory to check the interface");
	for (uint32_t i = 0; r == 0 && i < message->n_functions; i++)
		if (!message->functions[i]->is_type && !message->functions[i]->case_of)
			function_of_name[message->functions[i]->name] = i + 1;
	for (uint32_t i = 0; r == 0 && i < message->n_types; i++)
		r = verify_fields(&verify, i);
	verify.structure = NULL;
	for (uint32_t i = 0; r == 0 && i < message->n_functions; i++)
		r = verify_function(&verify, i);
	free(function_of_name);
	return r;
}

int interface_check(const Cbb__Interface *message)
{
	static int (*const steps[])(const Cbb__Interface *) = {
	    verify_tables, verify_names, verify_ranges, verify_types, verify_measure, verify_expression_table, verify_uses,
	};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int r = steps[i](message);
		if (r < 0)
			return r;
	}
	return 0;
}
