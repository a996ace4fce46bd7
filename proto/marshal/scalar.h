/* SPDX-License-Identifier: MIT */
/*
 * Scalars in memory <-> 64-bit words, widened and narrowed as C does. Memory need not be aligned.
 */
#ifndef CBB_MARSHAL_SCALAR_H
#define CBB_MARSHAL_SCALAR_H

#include "cbbroker.pb-c.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of a long double that count; the rest of its 16 is padding. */
#define LONG_DOUBLE_BYTES 10

/* Integers, bool, pointers: whatever has a value that can be counted with. */
static inline bool scalar_is_integral(Cbb__Kind kind)
{
	return (kind >= CBB__KIND__KIND_BOOL && kind <= CBB__KIND__KIND_U64) || kind == CBB__KIND__KIND_POINTER;
}

/* Size of a kind that one word carries, long double (two words) aside; 0 for the others. */
static inline size_t scalar_bytes(Cbb__Kind kind)
{
	switch (kind) {
	case CBB__KIND__KIND_BOOL:
	case CBB__KIND__KIND_I8:
	case CBB__KIND__KIND_U8: return 1;
	case CBB__KIND__KIND_I16:
	case CBB__KIND__KIND_U16: return 2;
	case CBB__KIND__KIND_I32:
	case CBB__KIND__KIND_U32:
	case CBB__KIND__KIND_F32: return 4;
	case CBB__KIND__KIND_I64:
	case CBB__KIND__KIND_U64:
	case CBB__KIND__KIND_F64: return 8;
	case CBB__KIND__KIND_POINTER: return sizeof(void *);
	default: return 0;
	}
}

#define SCALAR_LOAD(type)                                                                                              \
	({                                                                                                             \
		type value_;                                                                                           \
		memcpy(&value_, at, sizeof value_);                                                                    \
		(uint64_t)value_;                                                                                      \
	})

/* The word of the scalar at `at`: integers widened, bool 0 or 1, float the bits of the float. */
static inline uint64_t scalar_load(Cbb__Kind kind, const void *at)
{
	switch (kind) {
	case CBB__KIND__KIND_BOOL: return SCALAR_LOAD(uint8_t) != 0;
	case CBB__KIND__KIND_I8: return SCALAR_LOAD(int8_t);
	case CBB__KIND__KIND_U8: return SCALAR_LOAD(uint8_t);
	case CBB__KIND__KIND_I16: return SCALAR_LOAD(int16_t);
	case CBB__KIND__KIND_U16: return SCALAR_LOAD(uint16_t);
	case CBB__KIND__KIND_I32: return SCALAR_LOAD(int32_t);
	case CBB__KIND__KIND_U32:
	case CBB__KIND__KIND_F32: return SCALAR_LOAD(uint32_t);
	case CBB__KIND__KIND_I64:
	case CBB__KIND__KIND_U64:
	case CBB__KIND__KIND_F64: return SCALAR_LOAD(uint64_t);
	case CBB__KIND__KIND_POINTER: return SCALAR_LOAD(uintptr_t);
	default: return 0;
	}
}

#undef SCALAR_LOAD

#define SCALAR_STORE(type)                                                                                             \
	do {                                                                                                           \
		type value_ = (type)word;                                                                              \
		memcpy(at, &value_, sizeof value_);                                                                    \
	} while (0)

static inline void scalar_store(Cbb__Kind kind, void *at, uint64_t word)
{
	switch (scalar_bytes(kind)) {
	case 1:
		if (kind == CBB__KIND__KIND_BOOL)
			word = word != 0;
		SCALAR_STORE(uint8_t);
		break;
	case 2: SCALAR_STORE(uint16_t); break;
	case 4: SCALAR_STORE(uint32_t); break;
	case 8: SCALAR_STORE(uint64_t); break;
	default: break;
	}
}

#undef SCALAR_STORE

#endif
