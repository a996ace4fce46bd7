/* SPDX-License-Identifier: MIT */
/*
 * Invoke and Return: the hand-written codec must read and write exactly what protobuf-c does.
 */
#include "support/hot_compare.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	Cbb__FrameType type = data[0] & 1 ? CBB__FRAME_TYPE__FRAME_RETURN : CBB__FRAME_TYPE__FRAME_INVOKE;
	const char *why = hot_compare(type, data + 1, size - 1);
	if (why) {
		fprintf(stderr, "%s: %s\n", frame_type_name((int)type), why);
		abort();
	}
	return 0;
}
