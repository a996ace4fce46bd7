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
		if (!message->functions[i]->is_type && name_is(message, message->functions[i]->name, name, size))
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

const char *interface_name(const Cbb__Interface *message, uint32_t index)
{
	char *buffer = spelling_buffer();
	const ProtobufCBinaryData *text = &message->names[index];
	if (text->len > 0)
		snprintf(buffer, SPELLING_SIZE, "%.*s", (int)(text->len < SPELLING_SIZE ? text->len : SPELLING_SIZE),
		         (const char *)text->data);
	return buffer;
}
