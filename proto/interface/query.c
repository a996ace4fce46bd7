/* SPDX-License-Identifier: MIT */
#include "interface/check.h"

#include "interface/spelling.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool name_is(const Cbb__Interface *message, uint32_t index, const char *name, size_t size)
{
	const ProtobufCBinaryData *text = &message->names[index];
	return text->len == size && memcmp(text->data, name, size) == 0;
}

int interface_find_function(const Cbb__Interface *message, const char *name)
{
	size_t size = strlen(name);
	for (size_t i = 0; size > 0 && i < message->n_functions; i++)
		if (!message->functions[i]->is_type && !message->functions[i]->case_of &&
		    name_is(message, message->functions[i]->name, name, size))
			return (int)i;
	return -1;
}

int interface_find_callback_type(const Cbb__Interface *message, const char *name)
{
	size_t size = strlen(name);
	for (size_t i = 0; size > 0 && i < message->n_typedefs; i++) {
		if (!name_is(message, message->typedefs[i]->name, name, size))
			continue;
		const Cbb__Type *type = message->types[message->typedefs[i]->type];
		if (type->kind == CBB__KIND__KIND_POINTER)
			type = message->types[type->target];
		return type->kind == CBB__KIND__KIND_FUNCTION ? (int)type->function : -1;
	}
	return -1;
}

static bool callbacks_behind(const Cbb__Interface *message, uint32_t index, unsigned depth);

static bool callbacks_in_type(const Cbb__Interface *message, uint32_t index, unsigned depth)
{
	const Cbb__Type *type = message->types[index];
	while (type->kind == CBB__KIND__KIND_ARRAY)
		type = message->types[type->target];
	for (uint32_t i = 0; type->kind == CBB__KIND__KIND_STRUCT && depth <= INTERFACE_DEPTH_MAX && i < type->n; i++)
		if (callbacks_behind(message, type->first + i, depth))
			return true;
	return false;
}

static bool callbacks_behind(const Cbb__Interface *message, uint32_t index, unsigned depth)
{
	const Cbb__Param *param = message->params[index];
	if (param->mode == CBB__MODE__MODE_ELEMENTS && param->element > index)
		return callbacks_behind(message, param->element, depth + 1);
	return param->mode == CBB__MODE__MODE_CALLBACK ||
	       (param->mode == CBB__MODE__MODE_VALUE && callbacks_in_type(message, param->type, depth + 1));
}

bool interface_has_callbacks(const Cbb__Interface *message, uint32_t type)
{
	return callbacks_in_type(message, type, 0);
}

const char *interface_name(const Cbb__Interface *message, uint32_t index)
{
	char *buffer = spelling_buffer();
	const ProtobufCBinaryData *text = &message->names[index];
	if (text->len > 0)
		snprintf(buffer, SPELLING_SIZE, "%.*s", (int)(text->len < SPELLING_SIZE ? text->len : SPELLING_SIZE),
		         (const char *)text->data);
	return buffer;
}
