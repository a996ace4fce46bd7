/* SPDX-License-Identifier: MIT */
/*
 * Memory that is given back all at once: what the parser makes of a text. Zeroed.
 */
#ifndef CBB_INTERFACE_MEMORY_H
#define CBB_INTERFACE_MEMORY_H

#include <stddef.h>

struct interface_memory {
	struct memory_piece *pieces;
};

void *memory_allocate(struct interface_memory *memory, size_t size); /* NULL without memory */
char *memory_copy(struct interface_memory *memory, const char *text, size_t size); /* NUL-terminated */
void memory_free(struct interface_memory *memory);

#endif
