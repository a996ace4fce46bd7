/* SPDX-License-Identifier: MIT */
/* Bytes as a .cbi text: refused in words, or an interface that passes the check, also after a trip over the wire. */
#include "interface_walk.h"

#include "base/detail.h"
#include "interface/parse.h"
#include "wire/unpack.h"

#include <stdbool.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text of each include is the end of the input, so that it can include itself under other names. */
static char *include(void *context, const char *name, size_t *ret_size)
{
	const char *text = context;
	if (strlen(name) > 8)
		return NULL;
	*ret_size = strlen(text) / 2;
	return strdup(text + strlen(text) - *ret_size);
}

static void check_trip(const Cbb__Interface *message)
{
	UNPACK_ARENA arena;
	size_t size = cbb__interface__get_packed_size(message);
	uint8_t *packed = malloc(size + 1);
	cbb__interface__pack(message, packed);
	struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, .body = packed, .size = size};
	Cbb__Interface *again = unpack_frame(&arena, &cbb__interface__descriptor, &frame);
	if (!again || interface_check(again) < 0 || cbb__interface__get_packed_size(again) != size)
		abort();
	free(packed);
}

/* What the check refuses, the parser must have refused before, with a place and a hint. */
static bool has_words(const char *text)
{
	static const char *const check[] = {"the interface is not valid", "function ", "type "};
	for (size_t i = 0; i < sizeof check / sizeof *check; i++)
		if (strncmp(text, check[i], strlen(check[i])) == 0)
			return false;
	return strstr(text, "Hint: ") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct interface *interface = NULL;
	char *context = strndup((const char *)data, size);
	int r = interface_parse("fuzz.cbi", (const char *)data, size, include, context, &interface);
	if (r == 0) {
		if (interface_check(&interface->message) < 0)
			abort();
		walk_interface(&interface->message);
		check_trip(&interface->message);
	} else if (!has_words(detail_text())) {
		abort();
	}
	interface_free(interface);
	free(context);
	return 0;
}
