/* SPDX-License-Identifier: MIT */
/*
 * How C lays out memory on this machine: sizes of the kinds, places of struct fields.
 */
#ifndef CBB_INTERFACE_LAYOUT_H
#define CBB_INTERFACE_LAYOUT_H

#include "interface/check.h"

#include <stdbool.h>

/* Size, and on the machines we know alignment too; 0 for kinds that have none of their own. */
uint32_t layout_scalar_bytes(Cbb__Kind kind);

bool layout_is_integer(Cbb__Kind kind); /* _Bool too */
bool layout_is_signed(Cbb__Kind kind);
bool layout_is_scalar(Cbb__Kind kind);  /* a number */

/* Whether a type is char itself, and not just as small. */
bool layout_is_char(const Cbb__Interface *message, uint32_t type);

/* The integer kind of that size. */
Cbb__Kind layout_integer(size_t size_bytes, bool is_signed);

struct layout {
	uint64_t size_bytes;
	uint32_t align_bytes;
};

/* Adds a field at the end and says where it is; false beyond INTERFACE_STRUCT_MAX_BYTES. Begin with {0, 1}. */
bool layout_add(struct layout *layout, uint64_t size_bytes, uint32_t align_bytes, uint64_t *ret_offset_bytes);
/* Makes it as large as another that begins at the same place. */
void layout_cover(struct layout *layout, const struct layout *other);
/* Pads the end: size_bytes is what sizeof says. */
void layout_finish(struct layout *layout);

#endif
