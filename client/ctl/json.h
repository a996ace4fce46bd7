/* SPDX-License-Identifier: MIT */
/*
 * Output for programs: one JSON object per line. Nothing is lost: bytes that are not UTF-8 become {"base64": "..."}.
 */
#ifndef CBB_CTL_JSON_H
#define CBB_CTL_JSON_H

#include "cbbroker.pb-c.h"

#include <jansson.h>

json_t *json_of_bytes(const ProtobufCBinaryData *bytes);
json_t *json_of_list(const ProtobufCBinaryData *list, size_t n);
json_t *json_of_number(uint64_t number); /* beyond 2^63-1 it stays there */
json_t *json_of_info(const Cbb__HostInfo *info);

/* Prints it as a line and frees it. 0 or -ENOMEM, -EIO with a detail text. */
int json_print(json_t *object);

#endif
