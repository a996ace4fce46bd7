/* SPDX-License-Identifier: MIT */
/* Bytes as an Interface message from a socket: refused, or fit for use. */
#include "interface_walk.h"

#include "wire/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	UNPACK_ARENA arena;
	struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, .body = data, .size = size};
	Cbb__Interface *message = unpack_frame(&arena, &cbb__interface__descriptor, &frame);
	if (message && interface_check(message) == 0)
		walk_interface(message);
	return 0;
}
