/* SPDX-License-Identifier: MIT */
/*
 * Invoke and Return bodies for functions with every shape of argument: whatever the engine accepts, at either end,
 * it must be able to write again.
 */
#include "../unit/proto/marshal/shapes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct shapes shapes;
	if (!shapes.interface)
		shapes_open(&shapes);
	if (size == 0)
		return 0;
	unsigned index = (data[0] >> 1) % SHAPES;
	/* exactly as large as it says, so that a read beyond is seen */
	uint8_t *body = malloc(size > 1 ? size - 1 : 1);
	memcpy(body, data + 1, size - 1);
	if (data[0] & 1)
		shapes_feed_return(&shapes, index, body, size - 1);
	else
		shapes_feed_invoke(&shapes, index, body, size - 1);
	free(body);
	return 0;
}
