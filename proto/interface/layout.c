/* SPDX-License-Identifier: MIT */
#include "interface/layout.h"

#include <stddef.h>
#include <string.h>

static const struct {
	uint32_t size_bytes;
	bool is_signed;
} kinds[] = {
    [CBB__KIND__KIND_BOOL] = {sizeof(_Bool), false},
    [CBB__KIND__KIND_I8] = {1, true},
    [CBB__KIND__KIND_U8] = {1, false},
    [CBB__KIND__KIND_I16] = {2, true},
    [CBB__KIND__KIND_U16] = {2, false},
    [CBB__KIND__KIND_I32] = {4, true},
    [CBB__KIND__KIND_U32] = {4, false},
    [CBB__KIND__KIND_I64] = {8, true},
    [CBB__KIND__KIND_U64] = {8, false},
    [CBB__KIND__KIND_F32] = {sizeof(float), true},
    [CBB__KIND__KIND_F64] = {sizeof(double), true},
    [CBB__KIND__KIND_LONG_DOUBLE] = {sizeof(long double), true},
    [CBB__KIND__KIND_POINTER] = {sizeof(void *), false},
};

_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8 && sizeof(int) == 4, "64-bit Linux only");
_Static_assert(_Alignof(long double) == sizeof(long double) && _Alignof(double) == 8, "scalars align to their size");

uint32_t layout_scalar_bytes(Cbb__Kind kind)
{
	return kind > 0 && kind <= CBB__KIND__KIND_POINTER ? kinds[kind].size_bytes : 0;
}

bool layout_is_integer(Cbb__Kind kind)
{
	return kind >= CBB__KIND__KIND_BOOL && kind <= CBB__KIND__KIND_U64;
}

bool layout_is_scalar(Cbb__Kind kind)
{
	return kind >= CBB__KIND__KIND_BOOL && kind <= CBB__KIND__KIND_LONG_DOUBLE;
}

bool layout_is_signed(Cbb__Kind kind)
{
	return layout_is_scalar(kind) && kinds[kind].is_signed;
}

bool layout_is_char(const Cbb__Interface *message, uint32_t index)
{
	const Cbb__Type *type = message->types[index];
	const ProtobufCBinaryData *name = &message->names[type->name];
	return layout_is_integer(type->kind) && type->size_bytes == 1 && name->len == 4 &&
	       memcmp(name->data, "char", 4) == 0;
}

Cbb__Kind layout_integer(size_t size_bytes, bool is_signed)
{
	for (Cbb__Kind kind = CBB__KIND__KIND_I8; kind <= CBB__KIND__KIND_U64; kind++)
		if (kinds[kind].size_bytes == size_bytes && kinds[kind].is_signed == is_signed)
			return kind;
	return CBB__KIND__KIND_VOID;
}

bool layout_add(struct layout *layout, uint64_t size_bytes, uint32_t align_bytes, uint64_t *ret_offset_bytes)
{
	uint64_t offset = (layout->size_bytes + align_bytes - 1) / align_bytes * align_bytes;
	if (size_bytes > INTERFACE_STRUCT_MAX_BYTES || offset > INTERFACE_STRUCT_MAX_BYTES - size_bytes)
		return false;
	layout->size_bytes = offset + size_bytes;
	if (align_bytes > layout->align_bytes)
		layout->align_bytes = align_bytes;
	*ret_offset_bytes = offset;
	return true;
}

void layout_cover(struct layout *layout, const struct layout *other)
{
	if (other->size_bytes > layout->size_bytes)
		layout->size_bytes = other->size_bytes;
	if (other->align_bytes > layout->align_bytes)
		layout->align_bytes = other->align_bytes;
}

void layout_finish(struct layout *layout)
{
	layout->size_bytes = (layout->size_bytes + layout->align_bytes - 1) / layout->align_bytes * layout->align_bytes;
}
