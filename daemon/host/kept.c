/* SPDX-License-Identifier: MIT */
#include "host/kept.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct kept *kept_new(const Cbb__Param *param, const void *content, size_t size)
{
	struct kept *kept = size > SIZE_MAX - sizeof *kept ? NULL : malloc(sizeof *kept + size);
	if (!kept)
		return NULL;
	*kept = (struct kept){.param = param};
	if (content)
		memcpy(kept->data, content, size);
	return kept;
}

void kept_free(struct kept *kept)
{
	while (kept) {
		struct kept *next = kept->next;
		free(kept);
		kept = next;
	}
}
