/* SPDX-License-Identifier: MIT */
#include "ctl/json.h"

#include "base/detail.h"
#include "ctl/text.h"

#include <errno.h>
#include <stdio.h>

static json_t *json_of_base64(const ProtobufCBinaryData *bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t size = (bytes->len + 2) / 3 * 4, n = 0;
	char *text = malloc(size + 1);
	if (!text)
		return NULL;
	for (size_t i = 0; i < bytes->len; i += 3) {
		size_t left = bytes->len - i;
		uint32_t group = (uint32_t)bytes->data[i] << 16;
		group |= left > 1 ? (uint32_t)bytes->data[i + 1] << 8 : 0;
		group |= left > 2 ? bytes->data[i + 2] : 0;
		text[n++] = digits[group >> 18];
		text[n++] = digits[group >> 12 & 63];
		text[n++] = left > 1 ? digits[group >> 6 & 63] : '=';
		text[n++] = left > 2 ? digits[group & 63] : '=';
	}
	json_t *object = json_pack("{s:s#}", "base64", text, (int)n);
	free(text);
	return object;
}

json_t *json_of_bytes(const ProtobufCBinaryData *bytes)
{
	json_t *text = json_stringn(bytes->len ? (const char *)bytes->data : "", bytes->len);
	return text ? text : json_of_base64(bytes);
}

json_t *json_of_list(const ProtobufCBinaryData *list, size_t n)
{
	json_t *array = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_of_bytes(&list[i]));
	return array;
}

json_t *json_of_number(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

json_t *json_of_info(const Cbb__HostInfo *info)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
	    {"uptime_ms", info->uptime_ms},
	    {"calls", info->calls},
	    {"callbacks", info->callbacks},
	    {"late_calls", info->late_calls},
	    {"wrong_thread_calls", info->wrong_thread_calls},
	    {"late_answers", info->late_answers},
	    {"late_results", info->late_results},
	    {"open_callbacks", info->open_callbacks},
	    {"closed_callbacks", info->closed_callbacks},
	    {"lanes", info->lanes},
	};
	double seconds = (double)info->uptime_ms / 1000;
	json_t *object = json_pack("{s:o, s:i, s:s}", "host", json_of_number(info->host), "pid", (int)info->pid,
	                           "state", text_state(info->state));
	json_object_set_new(object, "name", json_of_bytes(&info->name));
	json_object_set_new(object, "libraries", json_of_list(info->libraries, info->n_libraries));
	json_object_set_new(object, "client",
	                    json_pack("{s:i, s:I, s:o}", "pid", (int)info->client_pid, "uid",
	                              (json_int_t)info->client_uid, "comm", json_of_bytes(&info->client_comm)));
	for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
		json_object_set_new(object, counters[i].name, json_of_number(counters[i].value));
	json_object_set_new(object, "calls_per_s", json_real(seconds > 0 ? (double)info->calls / seconds : 0));
	return object;
}

int json_print(json_t *object)
{
	if (!object)
		return detail_set(-ENOMEM, "out of memory");
	int r = json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(object);
	if (r < 0 || putchar('\n') == EOF)
		return detail_set(-EIO, "standard output cannot be written");
	return 0;
}
