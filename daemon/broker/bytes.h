/* SPDX-License-Identifier: MIT */
/*
 * Text in messages: `bytes` of protobuf to and from C strings. What came from outside is checked or made printable.
 */
#ifndef CBB_BROKER_BYTES_H
#define CBB_BROKER_BYTES_H

#include "cbbroker.pb-c.h"

#include <stdbool.h>

/* Refers to the text, which must outlive it. */
ProtobufCBinaryData bytes_of_text(const char *text);

/* NUL-terminated, cut to fit, control characters become '?'. */
void bytes_to_printable(const ProtobufCBinaryData *bytes, char *ret_text, size_t size);

/* A NUL-terminated copy, or NULL: without memory, or if the bytes hold a NUL. */
char *bytes_to_string(const ProtobufCBinaryData *bytes);

/* In a time that does not depend on where they differ. */
bool bytes_equal_secret(const ProtobufCBinaryData *bytes, const uint8_t *secret, size_t size);

#endif
