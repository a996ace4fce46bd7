/* SPDX-License-Identifier: MIT */
#include "lib/options.h"

#include "lib/error.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int options_take(void *known, size_t known_size, const void *given)
{
	memset(known, 0, known_size);
	if (!given)
		return 0;
	size_t size = *(const size_t *)given;
	if (size < sizeof size)
		return detail_set(-EINVAL, "options.size is %zu: set it to sizeof the struct", size);
	const unsigned char *bytes = given;
	for (size_t i = known_size; i < size; i++)
		if (bytes[i])
			return detail_set(CBB_ERR_UNSUPPORTED, "an option at byte %zu is newer than this library (%s)", i,
			                  cbb_version());
	memcpy(known, given, size < known_size ? size : known_size);
	return 0;
}

void options_give(void *given, const void *known, size_t known_size)
{
	size_t size = *(size_t *)given;
	size_t common = size < known_size ? size : known_size;
	memcpy((char *)given + sizeof size, (const char *)known + sizeof size, common - sizeof size);
	if (size > common)
		memset((char *)given + common, 0, size - common);
}
