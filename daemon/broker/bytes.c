/* SPDX-License-Identifier: MIT */
#include "broker/bytes.h"

#include "base/printable.h"

#include <stdlib.h>
#include <string.h>

ProtobufCBinaryData bytes_of_text(const char *text)
{
	return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

void bytes_to_printable(const ProtobufCBinaryData *bytes, char *ret_text, size_t size)
{
	size_t n = bytes->len < size - 1 ? bytes->len : size - 1;
	for (size_t i = 0; i < n; i++)
		ret_text[i] = printable_is_control(i ? bytes->data[i - 1] : 0, bytes->data[i]) ? '?' : (char)bytes->data[i];
	ret_text[n] = '\0';
}

char *bytes_to_string(const ProtobufCBinaryData *bytes)
{
	if (bytes->len && memchr(bytes->data, '\0', bytes->len))
		return NULL;
	char *text = malloc(bytes->len + 1);
	if (!text)
		return NULL;
	if (bytes->len)
		memcpy(text, bytes->data, bytes->len);
	text[bytes->len] = '\0';
	return text;
}

bool bytes_equal_secret(const ProtobufCBinaryData *bytes, const uint8_t *secret, size_t size)
{
	if (bytes->len != size)
		return false;
	volatile uint8_t difference = 0;
	for (size_t i = 0; i < size; i++)
		difference |= (uint8_t)(bytes->data[i] ^ secret[i]);
	return difference == 0;
}
