/* SPDX-License-Identifier: MIT */
/*
 * Fuzz input -> bytes on a lane. An input that begins with an even byte is a list of records (one byte type, two
 * bytes length, body), which become well-formed frames with arbitrary bodies; any other goes as it is.
 */
#ifndef CBB_FUZZ_FRAMES_H
#define CBB_FUZZ_FRAMES_H

#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

static inline uint8_t *frames_from_input(const uint8_t *data, size_t size, const uint8_t *types, size_t n_types,
                                         size_t *ret_size)
{
	uint8_t *bytes = malloc(size * 3 + FRAME_HEADER_BYTES + 1);
	size_t used = 0;
	if (!bytes)
		abort();
	if (size == 0 || data[0] % 2) {
		memcpy(bytes, data, size);
		*ret_size = size;
		return bytes;
	}
	for (size_t at = 1; at + 3 <= size;) {
		size_t length = (size_t)data[at + 1] | (size_t)data[at + 2] << 8;
		if (length > size - at - 3)
			length = size - at - 3;
		frame_write_header(bytes + used, (uint32_t)length, (Cbb__FrameType)types[data[at] % n_types]);
		memcpy(bytes + used + FRAME_HEADER_BYTES, data + at + 3, length);
		used += FRAME_HEADER_BYTES + length;
		at += 3 + length;
	}
	*ret_size = used;
	return bytes;
}

#endif
